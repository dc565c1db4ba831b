"""Lists in the order of change: what they hold arrives, their cursors last, and forms change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.state import epoch, iso

from .accounts import asked, whole
from .running import config_for, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json, Run
    from .simulator import Simulator

LISTED = ("tickets", "users", "organizations")
FORMS = ("cursor", "time", "list")


def export(
    folder: Path, zendesk: Simulator, *streams: str, state: Json | None = None, **settings: object
) -> Run:
    """Exports in list form, unless a setting says otherwise."""
    config = config_for(zendesk, **{"export_method": "list", **settings})
    run = run_tap(folder, config, catalog=select(*streams), state=state)
    assert run.exit_code == 0, run.stderr
    return run


def shown(zendesk: Simulator, stream: str) -> dict[object, Json]:
    """Gives what a list shows, as the tap gives it."""
    records = zendesk.api.shown(stream)
    return {id_: {k: v for k, v in r.items() if k != "fields"} for id_, r in records.items()}


def test_all_that_is_listed_arrives_once(zendesk: Simulator, tmp_path: Path) -> None:
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


def test_the_next_run_brings_what_changed_with_one_request(
    zendesk: Simulator, tmp_path: Path
) -> None:
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


def test_the_newest_minute_comes_again_until_it_is_settled(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """A change that commits late may land behind a cursor that was taken."""
    store, now = zendesk.store, int(time.time())
    first = export(tmp_path, zendesk, "users")
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


def test_start_and_end_are_filtered_here(zendesk: Simulator, tmp_path: Path) -> None:
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
    assert "goes on from a day before the last record" in line


@pytest.mark.parametrize("before", FORMS)
@pytest.mark.parametrize("after", FORMS)
def test_forms_can_be_changed(zendesk: Simulator, tmp_path: Path, before: str, after: str) -> None:
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
def test_a_closed_export_names_the_way_out(zendesk: Simulator, tmp_path: Path, status: int) -> None:
    zendesk.settings.closed_exports = status
    run = run_tap(tmp_path, config_for(zendesk), catalog=select("tickets"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "export_method list does without them" in line
    listed = export(tmp_path, zendesk, *LISTED, "ticket_events")
    assert set(listed.records) == set(LISTED)
    assert "ticket_events has no list; it is skipped. Select ticket_audits" in listed.stderr


@pytest.mark.parametrize("newest_first", [True, False])
def test_audits_are_read_in_either_order(
    zendesk: Simulator,
    tmp_path: Path,
    newest_first: bool,  # noqa: FBT001 (pytest names it)
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
def test_audits_have_an_end_date(
    zendesk: Simulator,
    tmp_path: Path,
    newest_first: bool,  # noqa: FBT001 (pytest names it)
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


def test_a_list_in_no_order_is_refused(zendesk: Simulator, tmp_path: Path) -> None:
    records = [{"id": n, "updated_at": iso(1_700_000_000 - n % 2 * 60)} for n in range(3)]
    text = str(records).replace("'", '"')
    body = f'{{"users": {text}, "meta": {{"has_more": false, "after_cursor": null}}}}'
    zendesk.faults.add("status", code=200, body=body, path="/users")
    config = config_for(zendesk, export_method="list")
    run = run_tap(tmp_path, config, catalog=select("users"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "does not send this list in the order of changes" in line


@pytest.mark.parametrize("stream", ["satisfaction_ratings", "ticket_audits"])
def test_a_walk_whose_cursor_is_refused_starts_again(
    zendesk: Simulator, tmp_path: Path, stream: str
) -> None:
    """A walk is not in the order of time, so the latest record says nothing of where it is."""
    path = stream.replace("satisfaction_", "")
    zendesk.faults.add("status", code=400, shape="description", path=f"{path}.*after", after=1)
    run = export(tmp_path, zendesk, stream, per_page=4)
    assert {record["id"] for record in run.records[stream]} == set(zendesk.api.shown(stream))
    assert len(run.log("WARNING")) == 1
