"""ACTIVATE_VERSION: a target may drop what is gone, but only once all that is there is out."""

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
    """Export definitions, and whatever else, with versions."""
    config = config_for(zendesk, emit_activate_version_messages=True, **settings)
    run = run_tap(folder, config, catalog=select(*streams))
    assert run.exit_code == 0, run.stderr
    return run


def activated(run: Run) -> list[str]:
    """Give the streams whose versions are activated."""
    return [m["stream"] for m in run.messages if m["type"] == "ACTIVATE_VERSION"]


def test_it_comes_after_all_records_of_that_version(zendesk: Simulator, tmp_path: Path) -> None:
    run = export(zendesk, tmp_path, *DEFINITIONS, "users")
    for stream in DEFINITIONS:
        of_stream = [m for m in run.messages if m.get("stream") == stream]
        assert [m["type"] for m in of_stream[1:-1]] == ["RECORD"] * len(run.records[stream])
        assert of_stream[-1]["type"] == "ACTIVATE_VERSION"
        assert {m["version"] for m in of_stream[1:]} == {of_stream[-1]["version"]}
    # An incremental stream has none: what is not sent again is not gone.
    assert sorted(activated(run)) == sorted(DEFINITIONS)
    assert not any("version" in m for m in run.messages if m.get("stream") == "users")


def test_a_whole_export_that_is_forced_has_one(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk, emit_activate_version_messages=True, per_page=20)
    run = run_tap(tmp_path, config, catalog=select("users", full_table=True))
    assert activated(run) == ["users"]
    assert {user["id"] for user in run.records["users"]} == set(zendesk.store.records["users"])


@pytest.mark.parametrize(
    "settings",
    [{"sample": True}, {"end_date": "2024-01-01"}, {"stream_maps": {"user_fields": None}}],
)
def test_what_is_not_whole_has_none(zendesk: Simulator, tmp_path: Path, settings: Json) -> None:
    assert "user_fields" not in activated(export(zendesk, tmp_path, "user_fields", **settings))


def test_what_is_skipped_has_none(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.denied = {"user_fields": 403}
    run = export(zendesk, tmp_path, *DEFINITIONS)
    assert activated(run) == ["ticket_fields"]
    assert "the stream is skipped" in run.stderr


def test_a_row_that_is_there_throughout_is_never_dropped(
    zendesk: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion moves the rows behind it onto pages by number that are read already."""
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
