"""An export brings every record once, and the next run can resume from any of its states."""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.state import SAFE_SECONDS, epoch

from .running import STREAMS, Run, config_for, run_tap, select, sync
from .simulator import Simulator
from .simulator.store import iso

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Json = dict[str, Any]
KEYS = {
    "tickets": "generated_timestamp",
    "ticket_events": "timestamp",
    "users": "updated_at",
    "organizations": "updated_at",
}
METHODS = ("cursor", "time")


def data_of(zendesk: Simulator, stream: str) -> dict[Any, Json]:
    """Return the account's records by id, without a ticket's `fields`, which is a copy."""
    table = zendesk.store.records[stream]
    return {id_: {k: v for k, v in table[id_].items() if k != "fields"} for id_ in table}


def by_id(records: Iterable[Json]) -> dict[Any, Json]:
    """Return the last version of each record, by id."""
    return {record["id"]: record for record in records}


def asked(zendesk: Simulator, stream: str) -> list[dict[str, str]]:
    """Return the parameters of all requests for a stream's pages."""
    path = re.compile(rf"/incremental/{stream}(/cursor)?(\.json)?$")
    return [request.params for request in zendesk.requests if path.search(request.path)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("per_page", [7, 1000])
def test_everything_comes_once_in_order(
    zendesk_shared: Simulator, method: str, per_page: int
) -> None:
    config = config_for(zendesk_shared, export_method=method, per_page=per_page)
    run = sync(config, catalog=select(*STREAMS))
    for stream, key in KEYS.items():
        records = run.records[stream]
        assert by_id(records) == data_of(zendesk_shared, stream)
        assert len(records) == len(by_id(records))
        assert [record[key] for record in records] == sorted(record[key] for record in records)
    order = [message["type"] for message in run.messages if message.get("stream") == "tickets"]
    assert order == ["SCHEMA"] + ["RECORD"] * 50


@pytest.mark.parametrize("method", METHODS)
def test_the_next_run_brings_only_changes(zendesk: Simulator, method: str) -> None:
    config = config_for(zendesk, export_method=method)
    catalog = select(*STREAMS)
    first = sync(config, catalog=catalog)
    shared = {stream: Counter(r[KEYS[stream]] for r in first.records[stream]) for stream in STREAMS}
    zendesk.clear()
    second = sync(config, state=first.state, catalog=catalog)
    assert second.state == first.state
    for stream in STREAMS:
        assert len(asked(zendesk, stream)) == 1
        newest = max(shared[stream])
        # A time export starts at the last second of the run before, so it repeats that second.
        again = second.records[stream]
        assert {record[KEYS[stream]] for record in again} <= {newest}
        by_cursor = method == "cursor" and stream in {"tickets", "users"}
        assert len(again) <= (0 if by_cursor else shared[stream][newest])

    store = zendesk.store
    changed, quiet, deleted = sorted(store.records["tickets"])[:3]
    user, organization = min(store.records["users"]), min(store.records["organizations"])
    expected = {
        "tickets": [
            store.update("tickets", changed, subject="changed"),
            store.system_update(quiet),
            store.delete("tickets", deleted),
            store.create("tickets", subject="new"),
        ],
        "ticket_events": [store.create("ticket_events")],
        "users": [store.delete("users", user), store.create("users")],
        "organizations": [store.delete("organizations", organization)],
    }
    third = sync(config, state=second.state, catalog=catalog)
    for stream, records in expected.items():
        for record in records:
            record.pop("fields", None)
        new = [r for r in third.records[stream] if r not in second.records[stream]]
        assert by_id(new) == by_id(records)
        assert len(new) == len(records)


def test_a_cursor_stream_with_nothing_new_makes_one_request(zendesk: Simulator) -> None:
    config, catalog = config_for(zendesk), select("tickets", "users")
    state = sync(config, catalog=catalog).state
    zendesk.clear()
    run = sync(config, state=state, catalog=catalog)
    assert not run.records
    assert run.state == state
    assert state is not None
    for stream in ("tickets", "users"):
        assert asked(zendesk, stream) == [
            {"cursor": state["bookmarks"][stream]["cursor"], "per_page": "1000"}
        ]


def check_bookmark(stream: str, bookmark: Json, run: Run, method: str) -> None:
    """Check a bookmark's shape, and that its value is that of a record in the run."""
    if not bookmark:
        return
    token = "cursor" if method == "cursor" and stream in {"tickets", "users"} else "end_time"
    has_children = stream != "organizations"
    assert bookmark.get("sideloads") == ([stream] if has_children else None)
    expected = {"replication_key", "replication_key_value", token, *["sideloads"] * has_children}
    assert {key for key, value in bookmark.items() if value is not None} == expected
    assert bookmark["replication_key"] == KEYS[stream]
    type_ = int if stream.startswith("ticket") else str
    assert type(bookmark["replication_key_value"]) is type_
    assert type(bookmark[token]) is (str if token == "cursor" else int)
    assert bookmark["replication_key_value"] in {r[KEYS[stream]] for r in run.records[stream]}


@pytest.mark.parametrize("status", [200, 403])
def test_a_run_ends_with_its_state(zendesk: Simulator, tmp_path: Path, status: int) -> None:
    """Some targets print a state only if no record follows it, even if it has not changed."""
    config, catalog = config_for(zendesk), select("users", "organizations")
    state = sync(config, catalog=catalog).state
    if status != 200:
        zendesk.faults.add("status", code=status, path="incremental/users")
    run = run_tap(tmp_path, config, state=state, catalog=catalog)
    assert run.exit_code == (status != 200)
    assert run.records["organizations"]
    assert run.messages[-1] == {"type": "STATE", "value": state}


@pytest.mark.parametrize("method", METHODS)
def test_no_state_is_ahead_of_the_records(zendesk_shared: Simulator, method: str) -> None:
    config = config_for(zendesk_shared, export_method=method, per_page=10)
    catalog = select(*STREAMS)
    run = sync(config, catalog=catalog)
    assert len(run.states) >= 10
    lines = [number for number, m in enumerate(run.messages) if m["type"] == "STATE"]
    tried = []
    for line in lines:
        state = run.messages[line]["value"]
        if state in tried:
            continue
        tried.append(state)
        assert state.keys() == {"bookmarks"}
        for stream, bookmark in state["bookmarks"].items():
            check_bookmark(stream, bookmark, run, method)
        written = Run(0, b"\n".join([*run.lines[: line + 1], b""]), "")
        rest = sync(config, state=state, catalog=catalog)
        for stream in STREAMS:
            data = data_of(zendesk_shared, stream)
            before, after = by_id(written.records[stream]), by_id(rest.records[stream])
            assert before | after == data
            twice = before.keys() & after.keys()
            assert len({data[id_][KEYS[stream]] for id_ in twice}) <= 1


def test_a_state_of_the_other_method_resumes_a_day_before_its_value(
    zendesk: Simulator,
) -> None:
    catalog = select("tickets", "users")
    by_cursor = sync(config_for(zendesk), catalog=catalog).state
    assert by_cursor is not None
    zendesk.clear()
    by_time = sync(config_for(zendesk, export_method="time"), state=by_cursor, catalog=catalog)
    newest = max(r["generated_timestamp"] for r in data_of(zendesk, "tickets").values())
    start = newest - SAFE_SECONDS
    assert asked(zendesk, "tickets")[0]["start_time"] == str(start)
    assert all(record["generated_timestamp"] >= start for record in by_time.records["tickets"])
    assert by_time.state is not None
    bookmark = by_time.state["bookmarks"]["tickets"]
    assert {key for key, value in bookmark.items() if value is not None} == {
        "replication_key",
        "replication_key_value",
        "end_time",
        "sideloads",
    }
    # The bookmark of a time export is Zendesk's own `end_time`, which is exact.
    zendesk.clear()
    again = sync(config_for(zendesk), state=by_time.state, catalog=catalog)
    assert asked(zendesk, "tickets") == [{"start_time": str(newest), "per_page": "1000"}]
    assert again.state == by_cursor


def test_a_state_without_its_cursor_resumes_a_day_before_its_value(
    zendesk: Simulator,
) -> None:
    catalog = select("users")
    state = sync(config_for(zendesk), catalog=catalog).state
    assert state is not None
    del state["bookmarks"]["users"]["cursor"]
    run = sync(config_for(zendesk), state=state, catalog=catalog)
    newest = state["bookmarks"]["users"]["replication_key_value"]
    start = iso(epoch(newest) - SAFE_SECONDS)
    assert newest in {record["updated_at"] for record in run.records["users"]}
    assert all(record["updated_at"] >= start for record in run.records["users"])


def test_the_later_of_start_date_and_bookmark_wins(zendesk: Simulator) -> None:
    catalog = select("tickets")
    times = sorted(r["generated_timestamp"] for r in data_of(zendesk, "tickets").values())
    middle = times[25]
    early = config_for(zendesk, start_date="2001-01-01T00:00:00Z")
    state = sync(early, catalog=catalog).state
    assert asked(zendesk, "tickets")[0]["start_time"] == "978307200"
    assert state is not None
    state["bookmarks"]["tickets"] |= {"replication_key_value": times[0], "cursor": "bm8="}
    zendesk.clear()
    run = sync(config_for(zendesk, start_date=iso(middle)), state=state, catalog=catalog)
    assert asked(zendesk, "tickets")[0]["start_time"] == str(middle)
    assert len(run.records["tickets"]) == sum(second >= middle for second in times)


@pytest.mark.parametrize("method", METHODS)
def test_a_full_table_ignores_the_state(zendesk: Simulator, method: str) -> None:
    config = config_for(zendesk, export_method=method)
    state = sync(config, catalog=select(*STREAMS)).state
    run = sync(config, state=state, catalog=select(*STREAMS, full_table=True))
    for stream in STREAMS:
        assert by_id(run.records[stream]) == data_of(zendesk, stream)
    assert "progress_markers" not in str(run.states)


@pytest.mark.parametrize("stuck_pages", ["whole", "cut"])
def test_a_second_that_repeats_its_page(
    zendesk: Simulator, stuck_pages: Literal["whole", "cut"], caplog: pytest.LogCaptureFixture
) -> None:
    second = 1_695_052_663
    zendesk.store.fill("organizations", [second - 1] * 4 + [second] * 12 + [second + 5] * 3)
    zendesk.settings.extend_pages = False
    zendesk.settings.stuck_pages = stuck_pages
    with caplog.at_level(logging.WARNING):
        run = sync(config_for(zendesk, per_page=5), catalog=select("organizations"))
    assert by_id(run.records["organizations"]) == data_of(zendesk, "organizations")
    assert len(run.records["organizations"]) == 19
    warned = [message for message in caplog.messages if f"second {second}" in message]
    assert len(warned) == (stuck_pages == "whole")
    assert len(asked(zendesk, "organizations")) < 12


@pytest.mark.parametrize("method", METHODS)
def test_pages_without_end_of_stream(zendesk: Simulator, method: str) -> None:
    zendesk.settings.end_of_stream = False
    run = sync(config_for(zendesk, export_method=method, per_page=8), catalog=select(*STREAMS))
    for stream in STREAMS:
        assert by_id(run.records[stream]) == data_of(zendesk, stream)


@pytest.mark.parametrize("method", METHODS)
def test_empty_pages_do_not_stop_an_export(zendesk: Simulator, method: str) -> None:
    zendesk.settings.empty_pages = 2
    run = sync(config_for(zendesk, export_method=method, per_page=8), catalog=select(*STREAMS))
    for stream in STREAMS:
        assert by_id(run.records[stream]) == data_of(zendesk, stream)


@pytest.mark.parametrize("method", METHODS)
def test_addresses_in_pages_are_not_followed(zendesk: Simulator, method: str) -> None:
    with Simulator(tickets=1, ticket_events=1, users=1, organizations=1) as elsewhere:
        zendesk.settings.canonical_host = elsewhere.url
        run = sync(config_for(zendesk, export_method=method, per_page=8), catalog=select(*STREAMS))
        assert elsewhere.requests == []
    assert len(run.records["tickets"]) == 50


def test_a_cursor_that_does_not_advance_is_an_error(zendesk: Simulator) -> None:
    zendesk.faults.add("stuck_cursor", times=9, path="tickets/cursor", after=2)
    with pytest.raises(FatalSyncError, match=r"^tickets: Zendesk's cursor does not advance"):
        sync(config_for(zendesk, per_page=10), catalog=select("tickets"))
    assert len(asked(zendesk, "tickets")) == 3


def test_an_empty_account(zendesk: Simulator) -> None:
    for stream in STREAMS:
        zendesk.store.fill(stream, [])
    run = sync(config_for(zendesk), catalog=select(*STREAMS))
    assert not run.records
    again = sync(config_for(zendesk), state=run.state, catalog=select(*STREAMS))
    zendesk.store.create("users")
    assert not again.records
    later = sync(config_for(zendesk), state=again.state, catalog=select(*STREAMS))
    assert len(later.records["users"]) == 1


def test_a_page_of_one_large_second(zendesk: Simulator) -> None:
    second = 1_695_052_663
    zendesk.store.fill("ticket_events", [second - 5] * 2 + [second] * 30 + [second + 1] * 2)
    run = sync(config_for(zendesk, per_page=10), catalog=select("ticket_events"))
    assert len(run.records["ticket_events"]) == 34
    assert by_id(run.records["ticket_events"]) == data_of(zendesk, "ticket_events")
