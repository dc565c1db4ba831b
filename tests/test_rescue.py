"""What no schema knows is never dropped, however the records pass."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import pytest

from .accounts import SIDELOADED, choose, discovered, entry_of, holds, lines_about
from .running import Json, Run, config_for, discover, run_tap
from .simulator import sideloads

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

RESCUED = "_rescued_data"
NAME = "brand_new_field"
VALUE: Json = {"nested": [1, "zwei", None], "größe": 9007199254740993, "text": "a\u2028b"}
PAGES = 7
PATHS: dict[str, Json] = {
    "as bytes": {},
    "opened": {"stream_maps": {"users": {"id": "id"}, "tickets": {"id": "id"}}},
}
"""Settings that make records take either way."""


def add_a_field(zendesk: Simulator) -> None:
    """Have every record of every page carry a property that is not in the schema."""
    zendesk.faults.add("unknown_field", times=99, path="/incremental/", name=NAME, value=VALUE)


def warnings(run: Run) -> list[str]:
    """Give the warnings of a run, which are all about the field."""
    lines = run.log("WARNING")
    assert all(NAME in line for line in lines)
    return lines


@pytest.fixture(scope="module")
def catalog() -> Json:
    """What discovery finds without an account."""
    return discover()


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_is_unknown_is_kept_apart(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    add_a_field(zendesk)
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=choose(catalog, "users", "tickets"))
    assert run.exit_code == 0, run.stderr
    for stream in ("users", "tickets"):
        expected = {
            id_: {**record, RESCUED: {NAME: VALUE}}
            for id_, record in holds(zendesk, stream).items()
        }
        assert {record["id"]: record for record in run.records[stream]} == expected
        properties = run.schemas[stream]["schema"]["properties"]
        assert NAME not in properties
        assert properties[RESCUED]["type"] == ["object", "null"]
        # On many pages, one line.
        [line] = [line for line in warnings(run) if stream in line]
        assert RESCUED in line
    assert len(warnings(run)) == 2


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_is_known_needs_no_rescue(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=choose(catalog, "users"))
    assert {r["id"]: r for r in run.records["users"]} == holds(zendesk, "users")
    assert not run.log("WARNING")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_field_that_comes_later_is_kept_from_then_on(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    user = sorted(zendesk.store.records["users"])[9]
    zendesk.store.update("users", user, brand_new_field=VALUE, another=None)
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=choose(catalog, "users"))
    records = {record["id"]: record for record in run.records["users"]}
    assert records[user][RESCUED] == {NAME: VALUE, "another": None}
    assert [record["id"] for record in run.records["users"] if RESCUED in record] == [user]
    assert len(run.log("WARNING")) == 2


@pytest.mark.parametrize("path", sorted(PATHS))
def test_deselected_it_is_left_out(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    add_a_field(zendesk)
    chosen = choose(catalog, "users", off=[f"users.{RESCUED}"])
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=chosen)
    assert {r["id"]: r for r in run.records["users"]} == holds(zendesk, "users")
    assert RESCUED not in run.schemas["users"]["schema"]["properties"]


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_catalog_without_a_place_for_it_drops_nothing(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    add_a_field(zendesk)
    chosen = without(choose(catalog, "users"), "users", RESCUED)
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=chosen)
    expected = {id_: {**user, NAME: VALUE} for id_, user in holds(zendesk, "users").items()}
    assert {record["id"]: record for record in run.records["users"]} == expected
    [line] = warnings(run)
    assert RESCUED not in line


def without(catalog: Json, stream: str, *names: str) -> Json:
    """Give a catalog that lacks some properties of a stream, as an older one would."""
    older = copy.deepcopy(catalog)
    for entry in older["streams"]:
        if entry["tap_stream_id"] == stream:
            for name in names:
                del entry["schema"]["properties"][name]
                entry["metadata"] = [
                    item for item in entry["metadata"] if name not in item["breadcrumb"]
                ]
    return older


def test_what_a_catalog_lacks_but_the_tap_knows_is_left_out(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """Some tools take what is deselected out of the catalog altogether."""
    lacking = {"users": ["email", "photo"], "user_identities": ["value"]}
    chosen = choose(catalog, *lacking)
    for stream, names in lacking.items():
        chosen = without(chosen, stream, *names)
    run = run_tap(tmp_path, config_for(zendesk), catalog=chosen)
    for stream, names in lacking.items():
        expected = holds(zendesk, stream)
        for record in expected.values():
            for name in names:
                del record[name]
        assert {record["id"]: record for record in run.records[stream]} == expected
        [line] = [line for line in run.log("INFO") if f"{stream}: the catalog lacks" in line]
        assert f"lacks {', '.join(names)}, so the tap leaves them out" in line
    assert not run.log("WARNING")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_fed_records_are_rescued_too(
    zendesk: Simulator,
    catalog: Json,
    tmp_path: Path,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    property_, metric_set = sideloads.INSIDE["tickets"]["metric_sets"]

    def more(ticket: Json) -> Json:
        return {**cast("Json", metric_set(ticket)), NAME: VALUE}

    monkeypatch.setitem(sideloads.INSIDE["tickets"], "metric_sets", (property_, more))
    streams = ("ticket_metrics", "ticket_comments")
    child = {"id": 1, "via": "Mail", "via_reference_id": None, "event_type": "Comment"}
    child |= {"comment_present": True, "comment_public": True, NAME: VALUE}
    zendesk.store.create("ticket_events", child_events=[child])
    maps = {"stream_maps": {stream: {"id": "id"} for stream in streams}} if PATHS[path] else {}
    config = config_for(zendesk, per_page=PAGES, **maps)
    run = run_tap(tmp_path, config, catalog=choose(catalog, *streams))
    assert run.exit_code == 0, run.stderr
    for stream in streams:
        rescued = 0
        expected = holds(zendesk, stream)
        for record in expected.values():
            if NAME in record:
                record[RESCUED] = {NAME: record.pop(NAME)}
                rescued += 1
        assert rescued == (1 if stream == "ticket_comments" else len(expected))
        assert {record["id"]: record for record in run.records[stream]} == expected
        assert len(lines_about(run, stream)) == 1
    assert len(warnings(run)) == 2


def test_child_events_are_open(zendesk: Simulator, catalog: Json, tmp_path: Path) -> None:
    child = {"id": 1, "via": "Mail", "event_type": "Change", NAME: VALUE}
    event = zendesk.store.create("ticket_events", child_events=[child])
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, "ticket_events"))
    assert event in run.records["ticket_events"]
    assert not run.log("WARNING")


def test_every_stream_has_a_place_for_it(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = discovered(zendesk, tmp_path)
    for entry in catalog["streams"]:
        assert entry["schema"]["properties"][RESCUED]["type"] == ["object", "null"]
    assert SIDELOADED.keys() <= {entry["tap_stream_id"] for entry in catalog["streams"]}
    assert entry_of(catalog, "custom_object_vehicle")["schema"]["properties"][RESCUED]
