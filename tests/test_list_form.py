"""`export_method: list`: all listed records arrive, cursors last, and the method can change."""

from __future__ import annotations

import json
import time
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.state import epoch, iso

from .accounts import asked, whole
from .running import Run, config_for, run_tap, select
from .simulator.client import get

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json
    from .simulator import Simulator

LISTED = ("tickets", "users", "organizations")
FORMS = ("cursor", "time", "list")


def export(
    folder: Path, zendesk: Simulator, *streams: str, state: Json | None = None, **settings: object
) -> Run:
    """Export with `export_method: list`, unless a setting overrides it."""
    config = config_for(zendesk, **{"export_method": "list", **settings})
    run = run_tap(folder, config, catalog=select(*streams), state=state)
    assert run.exit_code == 0, run.stderr
    return run


def shown(zendesk: Simulator, stream: str) -> dict[object, Json]:
    """Return the records that a list shows, as the tap writes them."""
    records = zendesk.api.shown(stream)
    return {id_: {k: v for k, v in r.items() if k != "fields"} for id_, r in records.items()}


def test_all_listed_records_arrive_once(zendesk: Simulator, tmp_path: Path) -> None:
    run = export(tmp_path, zendesk, *LISTED, per_page=7)
    for stream in LISTED:
        expected = shown(zendesk, stream)
        for record in expected.values():
            record.pop("generated_timestamp", None)
        came = whole(run, stream)
        for record in came.values():
            record.pop("generated_timestamp", None)
        assert came == expected, stream
        assert run.schemas[stream]["bookmark_properties"] == ["updated_at"]
        assert run.state
        bookmark = run.state["bookmarks"][stream]
        assert bookmark["replication_key"] == "updated_at"
        assert bookmark["after_cursor"]
    assert len(shown(zendesk, "tickets")) < len(zendesk.store.records["tickets"])


def test_the_next_run_brings_changes_with_one_request(zendesk: Simulator, tmp_path: Path) -> None:
    state = export(tmp_path, zendesk, "users").state
    zendesk.clear()
    nothing = export(tmp_path, zendesk, "users", state=state)
    assert not nothing.records
    assert nothing.state == state
    [request] = asked(zendesk, "users")
    assert request.keys() == {"sort", "page[size]", "page[after]"}
    user = next(iter(zendesk.api.shown("users")))
    zendesk.store.update("users", user, name="Zoë")
    changed = export(tmp_path, zendesk, "users", state=state)
    assert [record["name"] for record in changed.records["users"]] == ["Zoë"]


def test_records_of_the_newest_minute_come_again(zendesk: Simulator, tmp_path: Path) -> None:
    """A change that commits late may land before a cursor that Zendesk has already given out."""
    store = zendesk.store
    first = export(tmp_path, zendesk, "users")
    now = int(time.time())
    early, late = list(zendesk.api.shown("users"))[:2]
    store.update("users", early, at=now)
    second = export(tmp_path, zendesk, "users", state=first.state)
    assert [record["id"] for record in second.records["users"]] == [early]
    assert second.state
    assert first.state
    cursors = [state["bookmarks"]["users"]["after_cursor"] for state in (first.state, second.state)]
    assert cursors[0] == cursors[1]
    store.update("users", late, at=now - 5)
    third = export(tmp_path, zendesk, "users", state=second.state)
    assert {record["id"] for record in third.records["users"]} == {early, late}


def test_the_tap_itself_filters_lists_by_start_and_end_date(
    zendesk: Simulator, tmp_path: Path
) -> None:
    users = zendesk.api.shown("users")
    times = sorted(epoch(user["updated_at"]) for user in users.values())
    start, end = times[5], times[20]
    run = export(tmp_path, zendesk, "users", start_date=iso(start), end_date=iso(end), per_page=4)
    expected = {i for i, user in users.items() if start <= epoch(user["updated_at"]) < end}
    assert whole(run, "users").keys() == expected
    assert "users: Zendesk's list has no filter by time" in run.stderr
    rest = export(tmp_path, zendesk, "users", start_date=iso(start), state=run.state)
    both = whole(run, "users").keys() | whole(rest, "users").keys()
    assert both == {i for i, user in users.items() if start <= epoch(user["updated_at"])}


def test_sideloads_of_lists(zendesk: Simulator, tmp_path: Path) -> None:
    run = export(tmp_path, zendesk, "ticket_metrics", "user_identities", "tickets", "users")
    assert {r["ticket_id"] for r in run.records["ticket_metrics"]} == set(
        zendesk.api.shown("tickets")
    )
    assert {r["user_id"] for r in run.records["user_identities"]} <= set(zendesk.api.shown("users"))
    assert run.records["user_identities"]


@pytest.mark.parametrize("after", [0, 2])
def test_a_refused_cursor(zendesk: Simulator, tmp_path: Path, after: int) -> None:
    state = export(tmp_path, zendesk, "users").state if not after else None
    zendesk.faults.add("status", code=400, shape="description", path="page%5Bafter%5D", after=after)
    run = export(tmp_path, zendesk, "users", state=state, per_page=4)
    newest = max(user["updated_at"] for user in zendesk.api.shown("users").values())
    assert newest in {record["updated_at"] for record in run.records["users"]}
    if after:
        assert {r["id"] for r in run.records["users"]} == set(zendesk.api.shown("users"))
    [line] = run.log("WARNING")
    assert "goes on from a day before the last page" in line


@pytest.mark.parametrize("before", FORMS)
@pytest.mark.parametrize("after", FORMS)
def test_the_export_method_can_be_changed(
    zendesk: Simulator, tmp_path: Path, before: str, after: str
) -> None:
    first = export(tmp_path, zendesk, *LISTED, export_method=before)
    shown: dict[str, Json] = {"tickets": {"status": "open"}, "users": {"active": True}}
    new = {
        stream: zendesk.store.create(stream, **shown.get(stream, {"deleted_at": None}))["id"]
        for stream in LISTED
    }
    second = export(tmp_path, zendesk, *LISTED, export_method=after, state=first.state)
    for stream, id_ in new.items():
        assert id_ in {record["id"] for record in second.records[stream]}, stream
        assert len(second.records[stream]) < len(first.records[stream]), stream


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_the_error_about_a_closed_export_suggests_the_list_method(
    zendesk: Simulator, tmp_path: Path, status: int
) -> None:
    zendesk.settings.closed_exports = status
    run = run_tap(tmp_path, config_for(zendesk), catalog=select("tickets"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "export_method list works without them" in line
    listed = export(tmp_path, zendesk, *LISTED, "ticket_events")
    assert set(listed.records) == set(LISTED)
    assert "ticket_events has no list; it is skipped. Select ticket_audits" in listed.stderr


@pytest.mark.parametrize("newest_first", [True, False])
def test_audits_may_come_in_either_order(
    zendesk: Simulator,
    tmp_path: Path,
    newest_first: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    zendesk.settings.newest_first_lists = newest_first
    first = export(tmp_path, zendesk, "ticket_audits", per_page=6)
    assert whole(first, "ticket_audits").keys() == zendesk.api.shown("ticket_audits").keys()
    audit = zendesk.store.create("ticket_audits", at=int(time.time()) - 61)
    second = export(tmp_path, zendesk, "ticket_audits", state=first.state, per_page=6)
    came = {record["id"] for record in second.records["ticket_audits"]}
    if audit["id"] in zendesk.api.shown("ticket_audits"):
        assert audit["id"] in came
    assert len(came) < len(first.records["ticket_audits"])


@pytest.mark.parametrize("newest_first", [True, False])
def test_audits_stop_at_the_end_date(
    zendesk: Simulator,
    tmp_path: Path,
    newest_first: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    zendesk.settings.newest_first_lists = newest_first
    audits = zendesk.api.shown("ticket_audits")
    end = sorted(epoch(audit["created_at"]) for audit in audits.values())[12]
    first = export(tmp_path, zendesk, "ticket_audits", per_page=6, end_date=iso(end))
    assert whole(first, "ticket_audits").keys() == {
        id_ for id_, audit in audits.items() if epoch(audit["created_at"]) < end
    }
    second = export(tmp_path, zendesk, "ticket_audits", per_page=6, state=first.state)
    both = whole(first, "ticket_audits").keys() | whole(second, "ticket_audits").keys()
    assert both == audits.keys()


def test_an_unordered_list_is_an_error(zendesk: Simulator, tmp_path: Path) -> None:
    records = [{"id": n, "updated_at": iso(1_700_000_000 - n % 2 * 60)} for n in range(3)]
    text = str(records).replace("'", '"')
    body = f'{{"users": {text}, "meta": {{"has_more": false, "after_cursor": null}}}}'
    zendesk.faults.add("status", code=200, body=body, path="/users")
    config = config_for(zendesk, export_method="list")
    run = run_tap(tmp_path, config, catalog=select("users"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "does not send this list in order of change" in line


@pytest.mark.parametrize(("first", "second"), [*permutations(FORMS, 2)])
def test_a_full_refresh_in_another_form_leaves_no_place_of_the_first(
    zendesk: Simulator, tmp_path: Path, first: str, second: str
) -> None:
    """`meltano run --full-refresh`, if it is stopped, merges its state into the one before."""
    old = export(tmp_path, zendesk, "users", export_method=first).state
    refresh = export(tmp_path, zendesk, "users", export_method=second, per_page=5)
    assert old
    end = next(n for n, message in enumerate(refresh.messages) if message["type"] == "STATE") + 1
    new = refresh.messages[end - 1]["value"]
    state = {"bookmarks": {"users": {**old["bookmarks"]["users"], **new["bookmarks"]["users"]}}}
    rest = export(tmp_path, zendesk, "users", export_method=first, state=state)
    stopped = Run(-9, b"\n".join([*refresh.lines[:end], b""]), "")
    ids = {record["id"] for run in (stopped, rest) for record in run.records["users"]}
    assert ids >= shown(zendesk, "users").keys()
    assert len(stopped.records["users"]) <= 5


def test_only_a_complete_walk_moves_the_replication_key(zendesk: Simulator, tmp_path: Path) -> None:
    run = export(tmp_path, zendesk, "ticket_audits", per_page=8)
    *walking, complete = [state["bookmarks"]["ticket_audits"] for state in run.states]
    assert walking
    assert not any("replication_key_value" in bookmark for bookmark in walking)
    assert epoch(complete["replication_key_value"]) == complete["end_time"]
    # Runners that merge states would keep a key that is absent.
    assert complete["after_cursor"] is complete["until"] is None


def test_a_start_date_does_not_restart_a_list_that_has_reached_it(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """The page that reaches it begins with older records, which are left out."""
    at = 1_700_000_000
    zendesk.store.fill("users", [at + n for n in range(30)])
    start = iso(at + 13)
    whole_run = export(tmp_path, zendesk, "users", per_page=5, start_date=start)
    for page, state in enumerate(whole_run.states, 1):
        zendesk.clear()
        export(tmp_path, zendesk, "users", per_page=5, start_date=start, state=state)
        assert len(asked(zendesk, "/users")) <= max(1, 6 - page)


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_walk_resumes_after_a_kill(
    zendesk: Simulator,
    tmp_path: Path,
    newest_first: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    """Some of the first pages hold records of one second only, which show no order."""
    zendesk.settings.newest_first_lists = newest_first
    whole_run = export(tmp_path, zendesk, "ticket_audits", per_page=5)
    everything = set(zendesk.api.shown("ticket_audits"))
    before: set[object] = set()
    for message in whole_run.messages:
        if message["type"] == "RECORD":
            before.add(message["record"]["id"])
        elif message["type"] == "STATE":
            state = message["value"]
            rest = export(tmp_path, zendesk, "ticket_audits", per_page=5, state=state)
            assert before | {record["id"] for record in rest.records["ticket_audits"]} == everything
    assert len(whole_run.states) > 1


def test_audits_of_one_second_do_not_show_their_order(zendesk: Simulator, tmp_path: Path) -> None:
    """Such a first page, before `start_date`, must not end the walk of an ascending list."""
    zendesk.settings.newest_first_lists = False
    second = 1_700_000_000
    zendesk.store.fill("ticket_audits", [second] * 3 + [second + n for n in range(5, 9)])
    audits = zendesk.api.shown("ticket_audits")
    expected = {i for i, audit in audits.items() if audit["created_at"] >= iso(second + 5)}
    assert 0 < len(expected) < len(audits)
    for size in (1, 2):
        run = export(tmp_path, zendesk, "ticket_audits", per_page=size, start_date=iso(second + 5))
        assert whole(run, "ticket_audits").keys() == expected
        again = export(tmp_path, zendesk, "ticket_audits", per_page=size, state=run.state)
        assert not again.records


@pytest.mark.parametrize("stream", ["satisfaction_ratings", "ticket_audits"])
def test_a_walk_whose_cursor_is_refused_starts_again(
    zendesk: Simulator, tmp_path: Path, stream: str
) -> None:
    """A walk is not in order of time, so the latest record does not tell where to resume."""
    path = stream.replace("satisfaction_", "")
    zendesk.faults.add("status", code=400, shape="description", path=f"{path}.*after", after=1)
    run = export(tmp_path, zendesk, stream, per_page=4)
    assert {record["id"] for record in run.records[stream]} == set(zendesk.api.shown(stream))
    assert len(run.log("WARNING")) == 1


@pytest.mark.parametrize("meta", [{}, {"meta": None}, {"meta": {}}, {"meta": {"has_more": None}}])
def test_a_full_page_without_has_more_is_not_the_end(
    zendesk: Simulator, tmp_path: Path, meta: Json
) -> None:
    page = get(zendesk, "users", sort="updated_at", **{"page[size]": 10}).json()
    body = json.dumps({"users": page["users"]} | meta)
    zendesk.faults.add("status", code=200, body=body, path="/users")
    config = config_for(zendesk, export_method="list", per_page=10)
    run = run_tap(tmp_path, config, catalog=select("users"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "does not advance" in line


@pytest.mark.parametrize("method", FORMS)
def test_deletions_are_exported_with_every_method(
    zendesk: Simulator, tmp_path: Path, method: str
) -> None:
    """`deleted_tickets` resumes at a cursor, and `deleted_users` comes complete each time."""
    streams = ("deleted_tickets", "deleted_users")
    first = export(tmp_path, zendesk, *streams, export_method=method, per_page=7)
    for stream in streams:
        assert whole(first, stream).keys() == zendesk.api.shown(stream).keys()
    zendesk.clear()
    ticket = next(iter(zendesk.api.shown("tickets")))
    zendesk.store.delete("tickets", ticket)
    second = export(tmp_path, zendesk, *streams, export_method=method, state=first.state)
    assert [record["id"] for record in second.records["deleted_tickets"]] == [ticket]
    assert whole(second, "deleted_users").keys() == zendesk.api.shown("deleted_users").keys()
    [request] = asked(zendesk, "deleted_tickets")
    assert request.keys() == {"sort", "page[size]", "page[after]"}


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_closed_export_without_a_list_is_skipped(
    zendesk: Simulator, tmp_path: Path, status: int
) -> None:
    zendesk.settings.closed_exports = status
    run = export(tmp_path, zendesk, "users", "articles", "talk_calls")
    assert set(run.records) == {"users"}
    lines = run.log("WARNING")
    assert len(lines) == 2
    for line in lines:
        assert "Zendesk closes incremental exports to third parties" in line
        assert line.endswith("the stream is skipped")


def test_the_error_about_a_refused_list_does_not_mention_exports(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.settings.denied = {"users": 403}
    config = config_for(zendesk, export_method="list")
    run = run_tap(tmp_path, config, catalog=select("users"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "third parties" not in line


def test_settings_that_lists_do_not_take_are_reported_and_not_sent(
    zendesk: Simulator, tmp_path: Path
) -> None:
    run = export(tmp_path, zendesk, "tickets", support_type_scope="all", per_page=9)
    [line] = run.log("WARNING")
    assert "tickets: lists do not take support_type_scope; it is ignored" in line
    assert not any("support_type_scope" in request for request in asked(zendesk, "tickets"))


@pytest.mark.parametrize("fault", ["reset", "cut", "html", "no_records"])
def test_faults_of_lists(zendesk: Simulator, tmp_path: Path, fault: str) -> None:
    zendesk.faults.add(fault, path="/users", after=1)
    run = export(tmp_path, zendesk, "users", per_page=10)
    assert whole(run, "users").keys() == zendesk.api.shown("users").keys()
    assert len(run.log("WARNING")) == 1


def test_an_end_date_in_the_newest_minute_moves_no_bookmark(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """Pages before the one with the end date may still change, so the bookmark does not move."""
    store = zendesk.store
    first = export(tmp_path, zendesk, "users")
    users, now = list(zendesk.api.shown("users")), int(time.time())
    for number, user in enumerate(users[:4]):
        store.update("users", user, at=now - 10 + number)
    for user in users[4:6]:
        store.update("users", user, at=now + 2)
    second = export(
        tmp_path, zendesk, "users", state=first.state, end_date=iso(now + 1), per_page=3
    )
    assert {record["id"] for record in second.records["users"]} == set(users[:4])
    store.update("users", users[10], at=now - 9)
    third = export(tmp_path, zendesk, "users", state=second.state)
    assert users[10] in {record["id"] for record in third.records["users"]}
