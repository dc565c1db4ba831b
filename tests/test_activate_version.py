"""ACTIVATE_VERSION lets a target drop old rows, so it comes only after a complete export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .running import Json, Run, config_for, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator
    from .simulator.wire import Reply

DEFINITIONS = ("ticket_fields", "user_fields")


def export(zendesk: Simulator, folder: Path, *streams: str, **settings: object) -> Run:
    """Export the streams with `emit_activate_version_messages`."""
    config = config_for(zendesk, emit_activate_version_messages=True, **settings)
    run = run_tap(folder, config, catalog=select(*streams))
    assert run.exit_code == 0, run.stderr
    return run


def activated(run: Run) -> list[str]:
    """Return the streams that got an ACTIVATE_VERSION message."""
    return [m["stream"] for m in run.messages if m["type"] == "ACTIVATE_VERSION"]


def test_the_message_follows_all_records_of_its_version(zendesk: Simulator, tmp_path: Path) -> None:
    run = export(zendesk, tmp_path, *DEFINITIONS, "users")
    for stream in DEFINITIONS:
        of_stream = [m for m in run.messages if m.get("stream") == stream]
        assert [m["type"] for m in of_stream[1:-1]] == ["RECORD"] * len(run.records[stream])
        assert of_stream[-1]["type"] == "ACTIVATE_VERSION"
        assert {m["version"] for m in of_stream[1:]} == {of_stream[-1]["version"]}
    # Incremental streams get none: a record that is not sent again is not gone.
    assert sorted(activated(run)) == sorted(DEFINITIONS)
    assert not any("version" in m for m in run.messages if m.get("stream") == "users")


def test_a_forced_full_export_activates_its_version(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk, emit_activate_version_messages=True, per_page=20)
    run = run_tap(tmp_path, config, catalog=select("users", full_table=True))
    assert activated(run) == ["users"]
    assert {user["id"] for user in run.records["users"]} == set(zendesk.store.records["users"])


def test_a_state_follows_even_if_it_has_not_changed(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk, emit_activate_version_messages=True)
    state = run_tap(tmp_path, config, catalog=select("user_fields")).state
    run = run_tap(tmp_path, config, state=state, catalog=select("user_fields"))
    assert [message["type"] for message in run.messages[-2:]] == ["ACTIVATE_VERSION", "STATE"]
    assert run.state == state


@pytest.mark.parametrize(
    "settings",
    [{"sample": True}, {"end_date": "2024-01-01"}, {"stream_maps": {"user_fields": None}}],
)
def test_an_incomplete_export_activates_nothing(
    zendesk: Simulator, tmp_path: Path, settings: Json
) -> None:
    assert "user_fields" not in activated(export(zendesk, tmp_path, "user_fields", **settings))


def test_streams_that_share_a_name_activate_nothing(zendesk: Simulator, tmp_path: Path) -> None:
    """Each of them would have a target drop the rows of the other."""
    maps = {stream: {"__alias__": "fields"} for stream in DEFINITIONS} | {"brands": None}
    run = export(zendesk, tmp_path, *DEFINITIONS, "groups", stream_maps=maps)
    assert activated(run) == ["groups"]
    warnings = "\n".join(run.log("WARNING"))
    for stream in DEFINITIONS:
        assert f"{stream} is written under the name of another stream" in warnings


def test_a_name_that_its_own_stream_no_longer_uses(zendesk: Simulator, tmp_path: Path) -> None:
    maps = {"user_fields": None, "ticket_fields": {"__alias__": "user_fields"}}
    run = export(zendesk, tmp_path, *DEFINITIONS, stream_maps=maps)
    assert activated(run) == ["user_fields"]


def test_a_skipped_stream_activates_nothing(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.denied = {"user_fields": 403}
    run = export(zendesk, tmp_path, *DEFINITIONS)
    assert activated(run) == ["ticket_fields"]
    assert "the stream is skipped" in run.stderr


def test_a_row_that_exists_throughout_is_never_dropped(
    zendesk: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion moves later rows onto numbered pages that the tap has already read."""
    policies = zendesk.store.records["sla_policies"]
    first, *others = sorted(policies)
    answer, deleted_before = zendesk.api.get, ["2"]

    def get(path: str, params: dict[str, str], *args: Any, **more: Any) -> Reply:  # noqa: ANN401 - passed on
        if params.get("page") in deleted_before:
            zendesk.store.delete("sla_policies", first)
            deleted_before.clear()
        return answer(path, params, *args, **more)

    monkeypatch.setattr(zendesk.api, "get", get)
    run = export(zendesk, tmp_path, "sla_policies", per_page=2)
    assert [one["id"] for one in run.records["sla_policies"]].count(others[0]) == 1
    assert {one["id"] for one in run.records["sla_policies"]} == {first, *others}
    assert activated(run) == ["sla_policies"]
    line = "sla_policies: the list changed while it was read; reading it again"
    assert run.stderr.count(line) == 1
