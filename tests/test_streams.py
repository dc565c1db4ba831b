"""Declarations of streams: each exports everything in the account and matches its schema."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft7Validator

import tap_zendesk_incremental.schemas
from tap_zendesk_incremental.child_stream import ListedChildStream, SideloadStream
from tap_zendesk_incremental.config import SETTINGS
from tap_zendesk_incremental.http.endpoint import Endpoint
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS, CustomObject

from .accounts import (
    KEYS,
    PARENTS,
    SIDELOADED,
    SIDELOADS,
    asked,
    choose,
    discovered,
    entry_of,
    holds,
    lines_about,
    shows,
    whole,
)
from .running import config_for, run_tap
from .tables import requests_of_a_quiet_run
from .test_schemas import nested

if TYPE_CHECKING:
    from tap_zendesk_incremental.child_stream import ChildStream
    from tap_zendesk_incremental.export_stream import ExportStream

    from .running import Json, Run
    from .simulator import Simulator

FOLDER = Path(tap_zendesk_incremental.schemas.__file__).parent
SCHEMAS: dict[str, Json] = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.json")
}
CORE = {"tickets", "ticket_events", "users", "organizations"}
NOT_IN_THE_STORE = {"ticket_exports"}
WHOLE = {stream.name for stream in STREAMS if stream.replication_key is None}
"""Streams that every run exports completely."""

OBJECTS = {"custom_object_apartment", "custom_object_vehicle"}
NAMES = {
    *(str(vars(stream)["name"]) for stream in (*STREAMS, *CHILD_STREAMS)),
    *OBJECTS,
}
LISTED_CHILDREN = PARENTS.keys() - SIDELOADED.keys()
STATUSES = (402, 403, 404)
WITHHELD_SECONDS = 61


def name_of(declaration: type[ExportStream | ChildStream]) -> str:
    return str(vars(declaration).get("name", declaration.__name__))


def test_every_schema_belongs_to_a_stream() -> None:
    declared = [str(vars(stream)["name"]) for stream in (*STREAMS, *CHILD_STREAMS)]
    assert len(set(declared)) == len(declared)
    assert {*declared, "custom_object_records"} == set(SCHEMAS)


@pytest.mark.parametrize("stream", [*STREAMS, CustomObject], ids=name_of)
def test_declarations_match_schemas_and_settings(stream: type[ExportStream]) -> None:
    properties = SCHEMAS[stream.name or "custom_object_records"]["properties"]
    assert all("null" not in properties[key]["type"] for key in stream.primary_keys)
    assert stream.replication_key is None or stream.replication_key in properties
    assert stream.sideloads.keys() <= properties.keys()
    assert not stream.excluded & properties.keys()
    assert set(stream.parameters) <= SETTINGS.to_dict()["properties"].keys()
    assert bool(stream.tolerated_statuses) is (stream.name not in CORE)
    if stream is not CustomObject:  # its path contains the object's key
        exports = [stream.cursor, stream.time, stream.listing]
        assert any(isinstance(endpoint, Endpoint) for endpoint in exports)


@pytest.mark.parametrize("stream", CHILD_STREAMS, ids=name_of)
def test_child_streams_declare_their_parent_and_source(stream: type[ChildStream]) -> None:
    [key] = stream.primary_keys
    properties = SCHEMAS[stream.name]["properties"]
    assert "null" not in properties[key]["type"]
    assert stream.parent_stream_type in STREAMS
    assert not stream.selected_by_default
    if issubclass(stream, ListedChildStream):
        assert stream.parent_key in properties
        assert "{id}" in stream.listing.path
        assert stream.list_key
        assert not stream.include
    else:
        assert issubclass(stream, SideloadStream)
        assert stream.include
        assert stream.parent_properties or stream.array
        assert bool(stream.array) is bool(stream.parent_key)
        assert not stream.array or stream.parent_key in properties


@pytest.fixture(scope="module")
def everything(zendesk_shared: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A catalog that selects everything that this account has."""
    catalog = discovered(zendesk_shared, tmp_path_factory.mktemp("discovery"))
    chosen = choose(
        catalog, *NAMES - NOT_IN_THE_STORE, on=[f"tickets.{name}" for name in SIDELOADS]
    )
    assert {entry["tap_stream_id"] for entry in chosen["streams"]} == NAMES
    return chosen


@pytest.fixture(scope="module", params=["cursor", "time"])
def run(
    request: pytest.FixtureRequest,
    zendesk_shared: Simulator,
    everything: Json,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """An export of everything, on many pages, with each method."""
    config = config_for(zendesk_shared, export_method=request.param, per_page=9)
    done = run_tap(tmp_path_factory.mktemp("run"), config, catalog=everything)
    assert done.exit_code == 0, done.stderr
    return done


def test_every_stream_exports_exactly_what_the_account_holds(
    zendesk_shared: Simulator, run: Run
) -> None:
    assert set(run.records) == NAMES - NOT_IN_THE_STORE
    include = {"tickets": SIDELOADS.values(), "ticket_events": ["comment_events"]}
    for stream in sorted(run.records):
        expected = holds(zendesk_shared, stream, *include.get(stream, ()))
        if stream == "ticket_audits":  # audits of archived tickets are not listed
            expected = shows(zendesk_shared, stream)
        assert expected, stream
        assert whole(run, stream) == expected, stream


@pytest.mark.parametrize("stream", ["tickets", "users"])
def test_lists_lack_deleted_and_archived_records(zendesk_shared: Simulator, stream: str) -> None:
    assert shows(zendesk_shared, stream).keys() < holds(zendesk_shared, stream).keys()


def test_every_record_matches_the_schema_message(run: Run) -> None:
    for stream, records in run.records.items():
        schema = run.schemas[stream]["schema"]
        validator = Draft7Validator(schema)
        errors = [error for record in records for error in validator.iter_errors(record)]
        assert not errors, stream
        assert all(record.keys() <= schema["properties"].keys() for record in records)


def test_every_type_allows_null_except_for_keys(run: Run) -> None:
    declared = {stream.name: [*stream.primary_keys] for stream in STREAMS}
    for stream, message in run.schemas.items():
        assert message["key_properties"] == declared.get(stream, ["id"])
        keys = {f"{stream}.{key}" for key in message["key_properties"]}
        for path, schema in nested(message["schema"], stream):
            assert schema.get("type"), path
            assert ("null" in schema["type"]) is (path not in keys), path


def test_only_streams_with_an_order_have_bookmarks(run: Run) -> None:
    for stream in run.records:
        schemas = [m for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == stream]
        assert len(schemas) == 1, stream
    assert run.state is not None
    bookmarks = {name for name, bookmark in run.state["bookmarks"].items() if bookmark}
    assert bookmarks == set(run.records) - WHOLE - PARENTS.keys()


def test_a_second_run_brings_changes(zendesk: Simulator, everything: Json, tmp_path: Path) -> None:
    config = config_for(zendesk)
    began = int(time.time())
    first = run_tap(tmp_path, config, catalog=everything)
    resources = sorted((set(zendesk.store.records) & NAMES) - PARENTS.keys())
    served = int(time.time()) - WITHHELD_SECONDS
    new = {
        stream: zendesk.store.create(stream, at=served)[KEYS.get(stream, "id")]
        for stream in resources
    }
    second = run_tap(tmp_path, config, catalog=everything, state=first.state)
    assert second.exit_code == 0, second.stderr
    trails = {
        stream.name: endpoint.trail_seconds
        for stream in STREAMS
        for endpoint in (stream.cursor, stream.time, stream.listing)
        if endpoint
    }
    for stream, id_ in new.items():
        before, again = whole(first, stream), whole(second, stream).keys() - {id_}
        if stream != "ticket_audits":  # its ticket may be archived
            assert id_ in whole(second, stream), stream
        assert again <= before.keys(), stream
        if stream in WHOLE:
            assert again == before.keys(), stream
            continue
        # Time exports start at the last second of the run before, and some streams even earlier.
        seconds = {i: second for second, i in zendesk.store.records[stream].index}
        newest = max(seconds[i] for i in before)
        since = min(newest, began - WITHHELD_SECONDS - trails.get(stream, 0))
        assert {i for i in again if seconds[i] < since} == set(), stream


@pytest.mark.parametrize("status", STATUSES)
def test_streams_that_the_account_lacks_are_skipped_with_one_line(
    zendesk: Simulator, everything: Json, tmp_path: Path, status: int
) -> None:
    missing = NAMES - CORE - NOT_IN_THE_STORE - PARENTS.keys()
    zendesk.settings.denied = dict.fromkeys(missing, status)
    run = run_tap(tmp_path, config_for(zendesk), catalog=everything)
    assert run.exit_code == 0
    assert set(run.records) == CORE | set(SIDELOADED)
    for stream in missing:
        [line] = lines_about(run, stream)
        assert f"HTTP {status}" in line
        assert "skipped" in line
    assert len(run.log("WARNING")) == len(missing)
    assert not run.log("ERROR")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("status", STATUSES)
def test_child_lists_that_the_account_lacks_are_skipped_with_one_line(
    zendesk: Simulator, everything: Json, tmp_path: Path, status: int
) -> None:
    zendesk.settings.denied = dict.fromkeys(LISTED_CHILDREN, status)
    parents = {PARENTS[stream] for stream in LISTED_CHILDREN}
    catalog = choose(everything, *parents, *LISTED_CHILDREN)
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 0
    assert set(run.records) == parents
    for stream in LISTED_CHILDREN:
        [line] = lines_about(run, stream)
        assert f"HTTP {status}" in line
    assert len(run.log("WARNING")) == len(LISTED_CHILDREN)


@pytest.mark.parametrize(
    ("stream", "status"),
    [("tickets", 403), ("ticket_events", 404), ("users", 403), ("organizations", 404)],
)
def test_a_refused_core_stream_is_an_error(
    zendesk: Simulator, everything: Json, tmp_path: Path, stream: str, status: int
) -> None:
    zendesk.settings.denied = {stream: status}
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(everything, stream))
    assert run.exit_code == 1
    [line] = lines_about(run, stream)
    assert f"HTTP {status}" in line
    assert " ERROR " in line
    assert "Traceback" not in run.stderr
    assert not run.records


def test_settings_of_tickets_reach_zendesk(
    zendesk: Simulator, everything: Json, tmp_path: Path
) -> None:
    tickets = sorted(zendesk.store.records["tickets"])
    zendesk.store.update("tickets", tickets[0], status="open", support_type="ai_agent")
    zendesk.store.delete("tickets", tickets[1])
    catalog = choose(everything, *CORE)
    config = config_for(zendesk, exclude_deleted=True, support_type_scope="all", per_page=20)
    run = run_tap(tmp_path, config, catalog=catalog)
    passed = {"exclude_deleted": "true", "support_type_scope": "all"}
    for params in asked(zendesk, "/tickets/"):
        assert passed.items() <= params.items()
    for params in asked(zendesk, "/ticket_events"):
        assert params["support_type_scope"] == "all"
        assert "exclude_deleted" not in params
    for params in asked(zendesk, "/users/|/organizations"):
        assert not params.keys() & passed.keys()
    there = holds(zendesk, "tickets")
    assert there[tickets[1]]["status"] == "deleted"
    expected = {id_: record for id_, record in there.items() if record["status"] != "deleted"}
    assert whole(run, "tickets") == expected
    assert tickets[0] in expected


def test_settings_of_tickets_are_not_sent_unless_set(
    zendesk: Simulator, everything: Json, tmp_path: Path
) -> None:
    run_tap(tmp_path, config_for(zendesk), catalog=choose(everything, "tickets", "ticket_events"))
    for params in asked(zendesk, "ticket"):
        assert params.keys() <= {"start_time", "cursor", "per_page"}


def test_streams_and_sideloads_that_cost_extra_are_off_by_default(everything: Json) -> None:
    off = {
        (entry["tap_stream_id"], *item["breadcrumb"][1::2])
        for entry in everything["streams"]
        for item in entry["metadata"]
        if item["metadata"].get("selected-by-default") is False
    }
    streams = {
        (str(vars(stream)["name"]),)
        for stream in (*STREAMS, *CHILD_STREAMS)
        if not stream.selected_by_default
    }
    assert off == streams | {("tickets", name) for name in SIDELOADS}
    assert entry_of(everything, "tickets")["replication_key"] == "generated_timestamp"


def test_a_run_with_nothing_new_is_cheap(zendesk: Simulator, tmp_path: Path) -> None:
    """One request for each stream, whatever the account holds, and those of discovery."""
    first = run_tap(tmp_path, config_for(zendesk))
    zendesk.clear()
    second = run_tap(tmp_path, config_for(zendesk), state=first.state)
    assert second.exit_code == 0, second.stderr
    selected = {stream.name for stream in STREAMS if stream.selected_by_default} | OBJECTS
    assert set(second.schemas) == selected
    exports = [request for request in zendesk.requests if "/incremental/" in request.path]
    expected = requests_of_a_quiet_run(len(OBJECTS))
    assert len(exports) == expected["pages of exports"]
    assert len(zendesk.requests) == sum(expected.values())
