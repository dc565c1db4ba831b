"""Properties that no schema knows are never dropped, whether records pass or are decoded."""

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
    "decoded": {"stream_maps": {"users": {"id": "id"}, "tickets": {"id": "id"}}},
}
"""Settings for each of the two ways in which records are written."""


def add_a_field(zendesk: Simulator) -> None:
    """Add a property that the schema lacks to records of every page."""
    zendesk.faults.add("unknown_field", times=99, path="/incremental/", name=NAME, value=VALUE)


def warnings(run: Run) -> list[str]:
    """Return the warnings of a run, and assert that all are about the new property."""
    lines = run.log("WARNING")
    assert all(NAME in line for line in lines)
    return lines


@pytest.fixture(scope="module")
def catalog() -> Json:
    """The catalog of a discovery without an account."""
    return discover()


@pytest.mark.parametrize("path", sorted(PATHS))
def test_unknown_properties_are_rescued(
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
        # one line for all pages
        [line] = [line for line in warnings(run) if stream in line]
        assert RESCUED in line
    assert len(warnings(run)) == 2


@pytest.mark.parametrize("path", sorted(PATHS))
def test_known_properties_are_not_rescued(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=choose(catalog, "users"))
    assert {r["id"]: r for r in run.records["users"]} == holds(zendesk, "users")
    assert not run.log("WARNING")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_property_that_appears_later_is_rescued(
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
def test_rescued_data_can_be_deselected(
    zendesk: Simulator, catalog: Json, tmp_path: Path, path: str
) -> None:
    add_a_field(zendesk)
    chosen = choose(catalog, "users", off=[f"users.{RESCUED}"])
    config = config_for(zendesk, per_page=PAGES, **PATHS[path])
    run = run_tap(tmp_path, config, catalog=chosen)
    assert {r["id"]: r for r in run.records["users"]} == holds(zendesk, "users")
    assert RESCUED not in run.schemas["users"]["schema"]["properties"]


@pytest.mark.parametrize("path", sorted(PATHS))
def test_unknown_properties_stay_in_place_if_the_catalog_lacks_rescued_data(
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
    """Return a catalog without some properties of a stream, like an older one."""
    older = copy.deepcopy(catalog)
    for entry in older["streams"]:
        if entry["tap_stream_id"] == stream:
            for name in names:
                del entry["schema"]["properties"][name]
                entry["metadata"] = [
                    item for item in entry["metadata"] if name not in item["breadcrumb"]
                ]
    return older


def test_properties_that_only_the_catalog_lacks_are_left_out(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """Some tools remove deselected properties from the catalog."""
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
def test_properties_of_sideloads_are_rescued_too(
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


def test_child_events_may_have_any_property(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    child = {"id": 1, "via": "Mail", "event_type": "Change", NAME: VALUE}
    event = zendesk.store.create("ticket_events", child_events=[child])
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, "ticket_events"))
    assert event in run.records["ticket_events"]
    assert not run.log("WARNING")


def test_every_stream_has_rescued_data(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = discovered(zendesk, tmp_path)
    for entry in catalog["streams"]:
        assert entry["schema"]["properties"][RESCUED]["type"] == ["object", "null"]
    assert SIDELOADED.keys() <= {entry["tap_stream_id"] for entry in catalog["streams"]}
    assert entry_of(catalog, "custom_object_vehicle")["schema"]["properties"][RESCUED]
