"""Whatever a server does, every record arrives, or the run fails with an error.

Each test covers a way in which records could be lost with exit code 0.
"""

from __future__ import annotations

import itertools
import time
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from tap_zendesk_incremental.http.endpoint import NEWEST_SERVED_SECONDS
from tap_zendesk_incremental.state import epoch, iso

from .running import config_for, run_tap, select, sync
from .simulator import wire
from .simulator.exports import encode_cursor

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json, Run
    from .simulator import Simulator

SECOND = 1_695_052_663
YEAR_2100 = 4_102_444_800


def ids_of(runs: list[Run], stream: str) -> set[object]:
    """Return the ids of the records in the runs."""
    return {record["id"] for run in runs for record in run.records[stream]}


def runs_from_state(
    folder: Path, zendesk: Simulator, stream: str, count: int, **settings: object
) -> list[Run]:
    """Run the tap several times, each with the state of the run before."""
    state: Json | None = None
    done: list[Run] = []
    for _ in range(count):
        run = run_tap(folder, config_for(zendesk, **settings), catalog=select(stream), state=state)
        done.append(run)
        state = run.state or state
    return done


def test_a_second_larger_than_the_servers_pages_is_never_skipped(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.store.fill("organizations", [SECOND - 5] * 5 + [SECOND] * 1000 + [SECOND + 5] * 5)
    zendesk.settings.cap = 400
    runs = runs_from_state(tmp_path, zendesk, "organizations", 3)
    for run in runs:
        assert run.exit_code == 1
        [line] = run.log("ERROR")
        assert f"of the second {SECOND}, perhaps not all of it" in line
    zendesk.settings.cap = None
    last = run_tap(
        tmp_path, config_for(zendesk), catalog=select("organizations"), state=runs[-1].state
    )
    assert last.exit_code == 0
    assert ids_of([*runs, last], "organizations") == set(zendesk.store.records["organizations"])


@pytest.mark.parametrize("exclude_deleted", [False, True])
def test_pages_that_are_cut_and_then_filtered(
    zendesk: Simulator,
    tmp_path: Path,
    exclude_deleted: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    store = zendesk.store
    store.fill("tickets", [SECOND] * 30 + [SECOND + 9] * 3)
    for id_ in sorted(store.records["tickets"])[1:30:3]:
        store.delete("tickets", id_, at=SECOND)
    zendesk.settings.extend_pages, zendesk.settings.stuck_pages = False, "cut"
    runs = runs_from_state(
        tmp_path,
        zendesk,
        "tickets",
        2,
        export_method="time",
        per_page=10,
        exclude_deleted=exclude_deleted,
    )
    there = {
        id_
        for id_, record in store.records["tickets"].items()
        if record["status"] != "deleted" or not exclude_deleted
    }
    assert ids_of(runs, "tickets") == there or all(run.exit_code == 1 for run in runs)


@pytest.mark.parametrize("method", ["cursor", "time"])
@pytest.mark.parametrize("per_page", [1, 3])
def test_a_record_that_changed_after_the_end_date_does_not_end_the_export(
    zendesk: Simulator, tmp_path: Path, method: str, per_page: int
) -> None:
    """A record comes at the place of its old time, but with its new time."""
    store = zendesk.store
    store.fill("users", [SECOND + n for n in range(5)])
    users = sorted(store.records["users"])
    store.update("users", users[1], at=SECOND + 100)
    store.place("users", users[1], SECOND + 1)
    first = run_tap(
        tmp_path,
        config_for(zendesk, export_method=method, per_page=per_page, end_date=iso(SECOND + 50)),
        catalog=select("users"),
    )
    second = run_tap(
        tmp_path,
        config_for(zendesk, export_method=method, per_page=per_page),
        catalog=select("users"),
        state=first.state,
    )
    assert first.exit_code == second.exit_code == 0
    assert ids_of([first, second], "users") == set(users)


@pytest.mark.parametrize("end_time", ["null", "future"])
def test_a_last_page_with_a_wrong_end_time(
    zendesk: Simulator, tmp_path: Path, end_time: str
) -> None:
    zendesk.settings.last_end_time = "null" if end_time == "null" else "future"
    first = run_tap(tmp_path, config_for(zendesk), catalog=select("organizations"))
    assert first.exit_code == 0
    assert first.state
    newest = max(second for second, _ in zendesk.store.records["organizations"].index)
    assert newest <= first.state["bookmarks"]["organizations"]["end_time"] <= time.time()
    zendesk.settings.withheld_seconds = 0
    at = first.state["bookmarks"]["organizations"]["end_time"]
    new = zendesk.store.create("organizations", at=at)
    second = run_tap(
        tmp_path, config_for(zendesk), catalog=select("organizations"), state=first.state
    )
    assert new["id"] in ids_of([second], "organizations")
    assert len(second.records["organizations"]) < len(first.records["organizations"])


@pytest.mark.parametrize("end_time", ["null", "future"])
def test_a_slow_page_shows_no_more_than_there_was_when_it_was_asked_for(
    zendesk: Simulator, monkeypatch: pytest.MonkeyPatch, end_time: Literal["null", "future"]
) -> None:
    """Zendesk dates an answer when it sends it, seconds after it has looked for records."""
    zendesk.settings.last_end_time = end_time
    sent_at = int(time.time()) + 30
    monkeypatch.setattr(wire, "formatdate", partial(formatdate, sent_at))
    monkeypatch.setattr(
        "requests.sessions.preferred_clock", partial(next, itertools.count(step=30))
    )
    state = {"bookmarks": {"organizations": {"end_time": sent_at - 1000}}}
    run = sync(config_for(zendesk), state=state, catalog=select("organizations"))
    assert run.state
    assert (
        run.state["bookmarks"]["organizations"]["end_time"]
        <= time.time() - NEWEST_SERVED_SECONDS + 1
    )


def test_a_state_in_the_future_is_refused(zendesk: Simulator, tmp_path: Path) -> None:
    state = {"bookmarks": {"organizations": {"end_time": YEAR_2100}}}
    run = run_tap(tmp_path, config_for(zendesk), state=state, catalog=select("organizations"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "the bookmark of organizations is at 2100-01-01T00:00:00Z" in line
    assert not zendesk.requests


@pytest.mark.parametrize("method", ["cursor", "time"])
@pytest.mark.parametrize("ids", [False, None])
def test_records_without_id_all_arrive(
    zendesk: Simulator,
    tmp_path: Path,
    method: str,
    ids: bool | None,  # noqa: FBT001
) -> None:
    zendesk.settings.ids = ids
    zendesk.store.fill("users", [SECOND] * 4 + [SECOND + 1] * 5 + [SECOND + 2] * 2)
    config = config_for(zendesk, export_method=method, per_page=6)
    run = run_tap(tmp_path, config, catalog=select("users"))
    assert run.exit_code == 0
    names = {record["name"] for record in run.records["users"]}
    assert names == {record["name"] for record in zendesk.store.records["users"].values()}
    [line] = run.log("WARNING")
    assert "users: Zendesk sends records without id" in line


@pytest.mark.parametrize("kind", ["VoiceComment", "SomethingComment", "Letter"])
def test_comments_of_every_kind_arrive(zendesk: Simulator, tmp_path: Path, kind: str) -> None:
    zendesk.store.fill("ticket_events", [])
    children = [
        {"id": 1, "event_type": kind, "body": "It rang.", "public": True},
        {"id": 2, "event_type": "Change", "status": "open"},
    ]
    zendesk.store.create("ticket_events", at=SECOND, child_events=children)
    run = run_tap(tmp_path, config_for(zendesk), catalog=select("ticket_comments"))
    assert ids_of([run], "ticket_comments") == {1}


def test_cursors_that_form_a_cycle(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.cycle_pages = True
    run = run_tap(tmp_path, config_for(zendesk, per_page=20), catalog=select("tickets"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "Zendesk's cursor comes back to where it was" in line


@pytest.mark.parametrize("change", ["cursor", "export_method"])
def test_a_record_that_changed_later_does_not_move_the_bookmark_ahead(
    zendesk: Simulator, tmp_path: Path, change: str
) -> None:
    """A record comes on the page of its old time, but with its new time."""
    store = zendesk.store
    store.fill("users", [SECOND + n * 86_400 * 30 for n in range(20)])
    users = sorted(store.records["users"])
    store.update("users", users[1], at=int(time.time()) - 100)
    store.place("users", users[1], SECOND + 86_400 * 30)
    refused = {"code": 422} if change == "cursor" else {"code": 403}
    zendesk.faults.add("status", path="users/cursor.*cursor=", after=1, **refused)
    catalog = select("users")
    first = run_tap(tmp_path, config_for(zendesk, per_page=3), catalog=catalog)
    config = config_for(zendesk, export_method="time")
    second = run_tap(tmp_path, config, catalog=catalog, state=first.state)
    assert first.exit_code == (change != "cursor")
    assert second.exit_code == 0
    assert ids_of([first, second], "users") == set(users)


def test_a_later_start_date_does_not_restart_routing_streams(
    zendesk: Simulator, tmp_path: Path
) -> None:
    stream = "routing_attributes"
    first = run_tap(tmp_path, config_for(zendesk), catalog=select(stream))
    config = config_for(zendesk, start_date=iso(int(time.time()) - 60))
    second = run_tap(tmp_path, config, catalog=select(stream), state=first.state)
    assert len(first.records[stream]) == len(zendesk.store.records[stream])
    assert not second.records


def test_an_export_with_a_start_date_activates_no_version(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """On ACTIVATE_VERSION, a target drops the rows of older versions."""
    catalog = select("users", full_table=True)
    index = zendesk.store.records["users"].index
    settings: Json = {"emit_activate_version_messages": True}
    for start_date, activates in ((None, True), (iso(index[5][0]), False)):
        config = config_for(zendesk, start_date=start_date, **settings)
        run = run_tap(tmp_path, config, catalog=catalog)
        kinds = {message["type"] for message in run.messages}
        assert ("ACTIVATE_VERSION" in kinds) is activates


def test_a_bookmark_ahead_of_the_local_clock_stays(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.withheld_seconds = 0
    ahead = int(time.time()) + 600
    state = {"bookmarks": {"organizations": {"end_time": ahead}}}
    run = run_tap(tmp_path, config_for(zendesk), state=state, catalog=select("organizations"))
    assert run.state
    assert run.state["bookmarks"]["organizations"]["end_time"] == ahead


@pytest.mark.parametrize("before_now", [None, 600])
def test_late_metric_events_arrive(
    zendesk: Simulator, tmp_path: Path, before_now: int | None
) -> None:
    """Also in the run after a slice, which ends at a page that it does not write to its end."""
    stream = "ticket_metric_events"
    now = int(time.time())
    zendesk.store.fill(stream, [now - 7200 + 60 * n for n in range(115)])
    config = config_for(zendesk, end_date=before_now and iso(now - before_now), per_page=10)
    first = run_tap(tmp_path, config, catalog=select(stream))
    late = zendesk.store.create(stream, at=now - 1500)
    second = run_tap(tmp_path, config_for(zendesk), catalog=select(stream), state=first.state)
    assert first.state
    assert first.state["bookmarks"][stream]["end_time"] <= now - 1700
    assert late["id"] in ids_of([second], stream)
    assert all(epoch(r["time"]) >= now - 1900 for r in second.records[stream])


def test_a_start_time_that_is_too_recent_is_retried(zendesk: Simulator, tmp_path: Path) -> None:
    message = "Too recent start_time. Use a start_time older than 60 seconds"
    zendesk.faults.add("status", code=422, shape="description", message=message)
    run = run_tap(tmp_path, config_for(zendesk), catalog=select("organizations"))
    assert run.exit_code == 0
    assert ids_of([run], "organizations") == set(zendesk.store.records["organizations"])
    [line] = run.log("WARNING")
    assert "Too recent start_time" in line


@pytest.mark.parametrize("stream", ["groups", "satisfaction_ratings", "ticket_audits", "users"])
def test_lists_may_announce_more_pages_with_a_link_only(
    zendesk: Simulator, tmp_path: Path, stream: str
) -> None:
    zendesk.settings.meta = False
    config = config_for(zendesk, export_method="list", per_page=7)
    run = run_tap(tmp_path, config, catalog=select(stream))
    assert run.exit_code == 0, run.stderr
    assert ids_of([run], stream) >= set(zendesk.api.shown(stream))
    assert len(run.records[stream]) > 7


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        ("organizations", "organizations"),
        ("ticket_metric_events", "ticket_metric_events"),
        ("talk_calls", "calls"),
    ],
)
def test_an_end_time_in_the_future_that_is_not_the_end(
    zendesk: Simulator, tmp_path: Path, stream: str, key: str
) -> None:
    """Zendesk serves nothing from there on, which must not count as the end of the stream."""
    first = [{"id": 1, select(stream)["streams"][0]["replication_key"]: iso(SECOND)}]
    path = f"incremental/{key}.json.*start_time="
    for records, end, asked in ((first, False, ""), ([], True, YEAR_2100)):
        signal = {} if key == "calls" else {"end_of_stream": end}
        body = msgspec.json.encode({key: records, "end_time": YEAR_2100, **signal}).decode()
        zendesk.faults.add("status", code=200, path=f"{path}{asked}", body=body)
    runs = runs_from_state(tmp_path, zendesk, stream, 2)
    there = set(zendesk.store.records[stream])
    assert ids_of(runs[:1], stream) >= there or runs[0].exit_code == 1
    assert ids_of(runs, stream) >= there


def test_other_fields_in_meta_do_not_end_an_export(zendesk: Simulator, tmp_path: Path) -> None:
    page = {
        "tickets": [{"id": 1, "generated_timestamp": SECOND}],
        "after_cursor": encode_cursor(0),
        "end_of_stream": False,
        "meta": {"took_ms": 12},
    }
    body = msgspec.json.encode(page).decode()
    zendesk.faults.add("status", code=200, path="tickets/cursor", body=body)
    [run] = runs_from_state(tmp_path, zendesk, "tickets", 1)
    assert run.exit_code == 0
    assert ids_of([run], "tickets") >= set(zendesk.store.records["tickets"])


@pytest.mark.parametrize("error", ['"error": "InternalError"', '"errors": [{"title": "Failed"}]'])
def test_a_page_that_reports_an_error_is_asked_for_again(
    zendesk: Simulator, tmp_path: Path, error: str
) -> None:
    body = f'{{"tickets": [], "after_cursor": "x", "end_of_stream": true, {error}}}'
    zendesk.faults.add("status", code=200, path="tickets/cursor", body=body)
    [run] = runs_from_state(tmp_path, zendesk, "tickets", 1)
    assert run.exit_code == 0
    assert ids_of([run], "tickets") == set(zendesk.store.records["tickets"])
    [line] = run.log("WARNING")
    assert "the page reports an error: " in line


def test_a_key_that_the_catalog_gives_identifies_no_record(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """Records that share that key are not the same record, where pages overlap."""
    zendesk.store.fill("organizations", [SECOND] * 3 + [SECOND + 1] * 3 + [SECOND + 2] * 5)
    catalog = select("organizations")
    for item in catalog["streams"][0]["metadata"]:
        if not item["breadcrumb"]:
            item["metadata"]["table-key-properties"] = ["updated_at"]
    run = run_tap(tmp_path, config_for(zendesk, per_page=4), catalog=catalog)
    assert run.exit_code == 0
    assert run.schemas["organizations"]["key_properties"] == ["updated_at"]
    assert ids_of([run], "organizations") == set(zendesk.store.records["organizations"])
