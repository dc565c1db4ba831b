"""Exports beside the core: metric events, articles, routing, objects, and that of 2012."""

from __future__ import annotations

import re
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import shortened_waits as fast
from .accounts import asked, by_id, choose, discovered, entry_of, holds, lines_about, whole
from .running import Json, Run, command_for, config_for, discover, run, run_tap
from .simulator import ticket_exports
from .simulator.store import iso

if TYPE_CHECKING:
    from .simulator import Simulator

BY_TIME = ("ticket_metric_events", "articles")
ROUTING = ("routing_attributes", "routing_attribute_values", "routing_instance_values")
OBJECTS = ("custom_object_apartment", "custom_object_vehicle")
DEFINITIONS = ("ticket_fields", "user_fields", "organization_fields")
EXPORT = r"/api/v2/exports/tickets\.json$"
INTERVAL_SECONDS = 300


@pytest.fixture(scope="module")
def catalog(zendesk_shared: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The catalog of an account with the usual settings."""
    return discovered(zendesk_shared, tmp_path_factory.mktemp("discovery"))


def test_exports_by_time(zendesk: Simulator, catalog: Json, tmp_path: Path) -> None:
    start = zendesk.store.records["articles"].index[9][0]
    config = config_for(zendesk, per_page=6, start_date=iso(start))
    first = run_tap(tmp_path, config, catalog=choose(catalog, *BY_TIME))
    for stream in BY_TIME:
        table = zendesk.store.records[stream]
        ids = {id_ for second, id_ in table.index if second >= start}
        held = holds(zendesk, stream)
        assert whole(first, stream) == {id_: held[id_] for id_ in ids}
    article = zendesk.store.update("articles", min(zendesk.store.records["articles"]), draft=True)
    second = run_tap(tmp_path, config, catalog=choose(catalog, *BY_TIME), state=first.state)
    assert whole(second, "articles")[article["id"]] == article


@pytest.mark.parametrize("pages", ["documented", "cursor"])
def test_routing(zendesk: Simulator, catalog: Json, tmp_path: Path, pages: str) -> None:
    zendesk.settings.routing_pages = "documented" if pages == "documented" else "cursor"
    config = config_for(zendesk, per_page=7)
    first = run_tap(tmp_path, config, catalog=choose(catalog, *ROUTING))
    for stream in ROUTING:
        assert whole(first, stream) == holds(zendesk, stream)
    for path in ("attributes", "attribute_values", "instance_values"):
        one, *more = asked(zendesk, rf"/routing/{path}\.json")
        assert one == {"per_page": "7"}
        assert more
        assert all(set(params) == {"cursor", "per_page"} for params in more)
    zendesk.clear()
    new = zendesk.store.create("routing_attributes")
    second = run_tap(tmp_path, config, catalog=choose(catalog, *ROUTING), state=first.state)
    assert second.records == {"routing_attributes": [new]}
    assert first.state is not None
    for params in asked(zendesk, "/routing/"):
        assert "cursor" in params


def test_custom_objects(zendesk: Simulator, catalog: Json, tmp_path: Path) -> None:
    config = config_for(zendesk, per_page=7)
    first = run_tap(tmp_path, config, catalog=choose(catalog, *OBJECTS))
    assert set(first.records) == set(OBJECTS)
    for stream in OBJECTS:
        assert whole(first, stream) == holds(zendesk, stream)
        key = stream.removeprefix("custom_object_")
        assert {record["custom_object_key"] for record in first.records[stream]} == {key}
    new = zendesk.store.create("custom_object_vehicle")
    second = run_tap(tmp_path, config, catalog=choose(catalog, *OBJECTS), state=first.state)
    assert second.records == {"custom_object_vehicle": [new]}


def test_a_list_with_an_unexpected_next_page_is_an_error(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """The tap must not take a first page of Zendesk's old numbered pages for the last page."""
    body = '{"ticket_fields":[{"id":1}],"count":250,"next_page":"https://x.example/f?page=2"}'
    zendesk.faults.add("status", code=200, path="ticket_fields", body=body)
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, "ticket_fields"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "ticket_fields" in line


def test_a_stream_that_fails_in_the_middle_is_not_skipped(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    zendesk.faults.add("status", code=404, path="ticket_metric_events", after=1)
    chosen = choose(catalog, "ticket_metric_events")
    run = run_tap(tmp_path, config_for(zendesk, per_page=5), catalog=chosen)
    assert run.exit_code == 1
    assert "skipped" not in run.stderr
    [line] = run.log("ERROR")
    assert "HTTP 404" in line
    rest = run_tap(tmp_path, config_for(zendesk), catalog=chosen, state=run.state)
    ids = {record["id"] for its in (run, rest) for record in its.records["ticket_metric_events"]}
    assert ids == set(zendesk.store.records["ticket_metric_events"])


def test_definitions_come_complete_each_time(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    state: Json | None = None
    for _ in range(2):
        done = run_tap(
            tmp_path, config_for(zendesk), catalog=choose(catalog, *DEFINITIONS), state=state
        )
        for stream in DEFINITIONS:
            assert whole(done, stream) == holds(zendesk, stream)
        state = done.state
    for stream in DEFINITIONS:
        entry = entry_of(catalog, stream)
        assert entry["replication_method"] == "FULL_TABLE"
        assert not entry.get("replication_key")


def test_ticket_fields_give_custom_fields_their_titles(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    chosen = choose(catalog, "tickets", "ticket_fields")
    done = run_tap(tmp_path, config_for(zendesk), catalog=chosen)
    titles = {field["id"]: field["title"] for field in done.records["ticket_fields"]}
    used = {field["id"] for t in done.records["tickets"] for field in t["custom_fields"]}
    assert used
    assert used <= titles.keys()


@pytest.fixture
def old(zendesk: Simulator) -> Simulator:
    """An account that still has the ticket export of 2012."""
    zendesk.settings.ticket_exports = True
    return zendesk


def rows(zendesk: Simulator) -> dict[int, Json]:
    """Return the rows of the ticket export of 2012, by id."""
    tickets = zendesk.store.records["tickets"]
    return by_id(ticket_exports.row(ticket) for ticket in tickets.values())


def run_fast(
    folder: Path, zendesk: Simulator, catalog: Json, state: Json | None = None, **settings: object
) -> Run:
    """Run the tap with its waits shortened to 1/500."""
    config = config_for(zendesk, **settings)
    _, *arguments = command_for(folder, config=config, catalog=catalog, state=state)
    return run([sys.executable, str(Path(fast.__file__)), *arguments])


def test_the_export_of_2012_is_off_by_default(old: Simulator, tmp_path: Path) -> None:
    done = run_tap(tmp_path, config_for(old))
    assert done.exit_code == 0
    assert not asked(old, "/exports/")
    assert "ticket_exports" not in done.schemas


def test_the_export_of_2012(old: Simulator, catalog: Json, tmp_path: Path) -> None:
    done = run_fast(tmp_path, old, choose(catalog, "ticket_exports"), per_page=30)
    assert done.exit_code == 0, done.stderr
    assert by_id(done.records["ticket_exports"]) == rows(old)
    schema = done.schemas["ticket_exports"]["schema"]["properties"]
    assert schema.keys() - {"_rescued_data"} == ticket_exports.HEADERS.keys()
    for key, title in ticket_exports.HEADERS.items():
        assert schema[key]["description"], key
        if key not in entry_of(catalog, "ticket_exports")["schema"]["properties"]:
            assert schema[key] == {"description": title, "type": ["string", "null"]}
    assert not done.log("WARNING")
    # One request for the columns, then one for each page.
    assert len(asked(old, r"/exports/tickets/sample\.json$")) == 1
    pages = [request for request in old.requests if re.search(EXPORT, request.path)]
    assert len(pages) >= 2
    waits = re.findall(r"waiting (\d+) s", done.stderr)
    # The full interval less the time to write a page. There is no wait after the last page.
    assert len(waits) == len(pages) - 1
    assert all(INTERVAL_SECONDS - 60 <= int(wait) <= INTERVAL_SECONDS for wait in waits)
    gaps = [b.time - a.time for a, b in pairwise(pages)]
    assert all(g >= (int(w) - 1) * fast.SHARE for g, w in zip(gaps, waits, strict=True))
    starts = [int(request.params["start_time"]) for request in pages]
    assert starts == sorted(starts)
    assert done.state is not None
    newest = old.store.records["tickets"].index[-1][0]
    assert done.state["bookmarks"]["ticket_exports"] == {
        "replication_key": "generated_timestamp",
        "replication_key_value": iso(newest),
        "end_time": newest,
    }


def test_the_export_of_2012_resumes(old: Simulator, catalog: Json, tmp_path: Path) -> None:
    chosen = choose(catalog, "ticket_exports")
    first = run_fast(tmp_path, old, chosen)
    ticket = min(old.store.records["tickets"])
    old.store.update("tickets", ticket, subject="changed")
    second = run_fast(tmp_path, old, chosen, first.state)
    assert second.exit_code == 0, second.stderr
    assert by_id(second.records["ticket_exports"])[ticket] == rows(old)[ticket]
    assert len(second.records["ticket_exports"]) < len(rows(old))


def test_the_export_of_2012_starts_at_least_five_minutes_ago(
    old: Simulator, catalog: Json, tmp_path: Path
) -> None:
    now = int(time.time())
    config = config_for(old, start_date=iso(now - 100))
    done = run_tap(tmp_path, config, catalog=choose(catalog, "ticket_exports", "tickets"))
    assert done.exit_code == 0, done.stderr
    assert not any(done.records.values())
    [params] = asked(old, EXPORT)
    assert now - INTERVAL_SECONDS <= int(params["start_time"]) + 5 <= now - INTERVAL_SECONDS + 120
    [params] = asked(old, "/incremental/tickets/")
    assert int(params["start_time"]) == now - 100
    assert all(request.status == 200 for request in old.requests)


def test_other_streams_are_exported_without_the_export_of_2012(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    chosen = choose(catalog, "ticket_exports", "users")
    done = run_tap(tmp_path, config_for(zendesk), catalog=chosen)
    assert done.exit_code == 0
    [line] = lines_about(done, "ticket_exports")
    assert "HTTP 404" in line
    assert "skipped" in line
    assert len(done.log("WARNING")) == 1
    assert whole(done, "users") == holds(zendesk, "users")


def test_the_schema_of_2012_needs_no_account() -> None:
    entry = entry_of(discover(), "ticket_exports")
    assert entry["schema"]["properties"]["generated_timestamp"]["format"] == "date-time"
