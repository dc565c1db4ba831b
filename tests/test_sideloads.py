"""Sideloads are requested if and only if they are selected."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tap_zendesk_incremental.records import output
from tap_zendesk_incremental.streams.support import UserIdentities
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .accounts import SIDELOADED, SIDELOADS, asked, choose, discovered, holds, whole
from .running import Json, Run, config_for, discover, killed, run_tap, select
from .simulator import sideloads

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

EXPORTS = "/incremental/"
LIMITS = {"cursor": ("/incremental/ticket", "/incremental/users"), "time": (EXPORTS,)}
"""For each method, the paths that share a limit and so take turns."""

PARENTS = sorted({parent for parent, _ in SIDELOADED.values()})


@pytest.fixture(scope="module")
def catalog() -> Json:
    """The catalog of a discovery without an account."""
    return discover()


def check_order(run: Run) -> None:
    """Assert that each stream has one SCHEMA, before its records, and no sideload a bookmark."""
    for stream in run.schemas:
        kinds = [m["type"] for m in run.messages if m.get("stream") == stream]
        assert kinds.count("SCHEMA") == 1
        assert kinds[0] == "SCHEMA"
    for state in run.states:
        assert not state["bookmarks"].keys() & SIDELOADED.keys()
        assert all("partitions" not in bookmark for bookmark in state["bookmarks"].values())


def test_nothing_is_requested_unless_it_is_selected(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    run = run_tap(tmp_path, config_for(zendesk, per_page=20), catalog=choose(catalog, *PARENTS))
    requests = asked(zendesk, EXPORTS)
    assert len(requests) > len(PARENTS)
    assert not any("include" in params for params in requests)
    assert set(run.schemas) == set(PARENTS)
    properties = run.schemas["tickets"]["schema"]["properties"]
    assert not properties.keys() & SIDELOADS.keys()
    for stream in PARENTS:
        assert whole(run, stream) == holds(zendesk, stream)


def test_nothing_is_requested_without_a_catalog_either(zendesk: Simulator, tmp_path: Path) -> None:
    run = run_tap(tmp_path, config_for(zendesk))
    assert run.exit_code == 0
    assert len(asked(zendesk, EXPORTS)) >= 4
    assert not any("include" in params for params in asked(zendesk, ""))
    assert not run.schemas.keys() & SIDELOADED.keys()
    assert not asked(zendesk, "/exports/")


@pytest.mark.parametrize("name", sorted(SIDELOADS))
def test_only_the_selected_property_is_requested(
    zendesk: Simulator, catalog: Json, tmp_path: Path, name: str
) -> None:
    chosen = choose(catalog, "tickets", on=[f"tickets.{name}"])
    run = run_tap(tmp_path, config_for(zendesk), catalog=chosen)
    assert [params["include"] for params in asked(zendesk, EXPORTS)] == [SIDELOADS[name]]
    assert whole(run, "tickets") == holds(zendesk, "tickets", SIDELOADS[name])
    assert all(name in ticket for ticket in run.records["tickets"])


@pytest.mark.parametrize("method", ["cursor", "time"])
def test_all_sideloads_come_on_the_same_pages(
    zendesk: Simulator, catalog: Json, tmp_path: Path, method: str
) -> None:
    config = config_for(zendesk, export_method=method, per_page=8)
    run_tap(tmp_path, config, catalog=choose(catalog, *PARENTS))
    plain = {limit: asked(zendesk, limit) for limit in LIMITS[method]}
    zendesk.clear()
    on = [f"tickets.{name}" for name in SIDELOADS]
    run = run_tap(tmp_path, config, catalog=choose(catalog, *PARENTS, *SIDELOADED, on=on))
    include = "comment_count,dates,incident_counts,metric_events,metric_sets,slas"
    for params in asked(zendesk, "/tickets"):
        assert params["include"] == include
    assert {p["include"] for p in asked(zendesk, "/ticket_events")} == {"comment_events"}
    assert {p["include"] for p in asked(zendesk, "/users")} == {"identities"}
    for limit, requests in plain.items():
        assert len(requests) >= 4
        for params in (now := asked(zendesk, limit)):
            params.pop("include", None)
        assert now == requests
    assert whole(run, "tickets") == holds(zendesk, "tickets", *SIDELOADS.values())
    assert whole(run, "ticket_events") == holds(zendesk, "ticket_events", "comment_events")
    assert whole(run, "users") == holds(zendesk, "users")
    for stream in SIDELOADED:
        assert whole(run, stream) == holds(zendesk, stream)
    check_order(run)


def test_sideloads_can_be_selected_without_their_parents(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    run = run_tap(tmp_path, config_for(zendesk, per_page=20), catalog=choose(catalog, *SIDELOADED))
    assert set(run.records) == set(SIDELOADED)
    for stream in SIDELOADED:
        assert whole(run, stream) == holds(zendesk, stream)
        count = len(run.records[stream])
        assert any(re.search(rf"{stream} +{count:,} ", line) for line in run.log("INFO"))
    assert run.state is not None
    assert set(run.state["bookmarks"]) == set(PARENTS)
    assert all(bookmark for bookmark in run.state["bookmarks"].values())
    check_order(run)


def test_the_next_run_sideloads_only_changes(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    chosen = choose(catalog, "ticket_metrics", "user_identities", "ticket_comments")
    config = config_for(zendesk)
    first = run_tap(tmp_path, config, catalog=chosen)
    ticket = min(zendesk.store.records["tickets"])
    user = min(zendesk.store.records["users"])
    zendesk.store.update("tickets", ticket, subject="changed")
    zendesk.store.update("users", user, email="new@example.com", phone=None)
    comment = {"id": 1, "via": "Mail", "via_reference_id": None, "event_type": "Comment"}
    comment |= {"comment_present": True, "comment_public": True}
    event = zendesk.store.create("ticket_events", child_events=[comment])["id"]
    second = run_tap(tmp_path, config, catalog=chosen, state=first.state)
    assert whole(second, "ticket_metrics") == {
        ticket + 1: holds(zendesk, "ticket_metrics")[ticket + 1]
    }
    [identity] = second.records["user_identities"]
    assert identity["value"] == "new@example.com"
    came = whole(second, "ticket_comments")
    assert came[1]["event_id"] == event
    assert came[1] == holds(zendesk, "ticket_comments")[1]
    # The time export starts at the last second of the run before.
    newest = max(zendesk.store.records["ticket_events"].index)[0]
    before = max(
        e["timestamp"] for e in holds(zendesk, "ticket_events").values() if e["timestamp"] < newest
    )
    assert {record["timestamp"] for record in came.values()} <= {before, newest}


@pytest.mark.parametrize("method", ["cursor", "time"])
def test_killed_and_resumed_runs_lose_no_sideloaded_record(
    zendesk: Simulator, catalog: Json, tmp_path: Path, method: str
) -> None:
    chosen = choose(catalog, "tickets", *SIDELOADED)
    config = config_for(zendesk, export_method=method, per_page=7)
    written: list[bytes] = []
    state: Json | None = None
    for messages in (25, 41, 33):
        zendesk.faults.add("hang", path="incremental/tickets", after=2, seconds=3600.0)
        run = killed(tmp_path, config, messages, state=state, catalog=chosen)
        zendesk.faults.clear()
        written += run.lines
        state = run.state or state
    rest = run_tap(tmp_path, config, catalog=chosen, state=state)
    assert rest.exit_code == 0
    union = Run(0, b"\n".join([*written, rest.stdout]), "")
    for stream in ("tickets", *SIDELOADED):
        records = {record["id"]: record for record in union.records[stream]}
        assert records == holds(zendesk, stream)
    # Each state covers the sideloaded records of the pages before it.
    tickets, metrics = set(), set()
    for message in union.messages:
        if message.get("stream") == "tickets" and message["type"] == "RECORD":
            tickets.add(message["record"]["id"])
        if message.get("stream") == "ticket_metrics" and message["type"] == "RECORD":
            metrics.add(message["record"]["ticket_id"])
        assert message["type"] != "STATE" or tickets <= metrics


def test_selection_applies_to_sideloads(zendesk: Simulator, catalog: Json, tmp_path: Path) -> None:
    off = ["ticket_metrics.url", "ticket_metrics.reply_time_in_minutes.business"]
    off += ["ticket_comments.body", "user_identities.value"]
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, *SIDELOADED, off=off))
    expected = {stream: holds(zendesk, stream) for stream in SIDELOADED}
    for metric in expected["ticket_metrics"].values():
        del metric["url"]
        metric["reply_time_in_minutes"] = {"calendar": metric["reply_time_in_minutes"]["calendar"]}
    for comment in expected["ticket_comments"].values():
        del comment["body"]
    for identity in expected["user_identities"].values():
        del identity["value"]
    for stream in SIDELOADED:
        assert whole(run, stream) == expected[stream]
    assert "body" not in run.schemas["ticket_comments"]["schema"]["properties"]


def test_stream_maps_apply_to_sideloads(zendesk: Simulator, catalog: Json, tmp_path: Path) -> None:
    maps = {
        "ticket_comments": {"__alias__": "comments", "body": None, "audit": "str(audit_id)"},
        "user_identities": {"__filter__": "type == 'email'"},
        "ticket_metrics": {
            "minutes": "reply_time_in_minutes['calendar']",
            "__else__": None,
            "id": "id",
        },
    }
    config = config_for(zendesk, stream_maps=maps, per_page=20)
    run = run_tap(tmp_path, config, catalog=choose(catalog, *SIDELOADED))
    assert run.exit_code == 0, run.stderr
    comments = holds(zendesk, "ticket_comments")
    for comment in comments.values():
        del comment["body"]
        comment["audit"] = str(comment["audit_id"])
    assert whole(run, "comments") == comments
    assert whole(run, "user_identities") == {
        id_: identity
        for id_, identity in holds(zendesk, "user_identities").items()
        if identity["type"] == "email"
    }
    assert whole(run, "ticket_metrics") == {
        id_: {"id": id_, "minutes": metric["reply_time_in_minutes"]["calendar"]}
        for id_, metric in holds(zendesk, "ticket_metrics").items()
    }
    assert not run.records["ticket_comments"]
    check_order(run)


def test_a_stream_map_of_the_parent_does_not_affect_the_sideload(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    maps = {"tickets": {"id": "id", "__else__": None}}
    chosen = choose(catalog, "tickets", "ticket_metrics")
    run = run_tap(tmp_path, config_for(zendesk, stream_maps=maps), catalog=chosen)
    assert {tuple(ticket) for ticket in run.records["tickets"]} == {("id",)}
    assert whole(run, "ticket_metrics") == holds(zendesk, "ticket_metrics")


def test_a_parent_that_stream_maps_remove_counts_no_records(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    config = config_for(zendesk, stream_maps={"tickets": None})
    run = run_tap(tmp_path, config, catalog=choose(catalog, "tickets", "ticket_metrics"))
    assert not run.records["tickets"]
    assert whole(run, "ticket_metrics") == holds(zendesk, "ticket_metrics")
    assert re.search(r"\btickets +0 +1 ", run.stderr)


def test_deselected_properties_of_the_parent_do_not_affect_the_sideload(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    off = ["ticket_events.child_events", "ticket_events.timestamp", "ticket_events.ticket_id"]
    chosen = choose(catalog, "ticket_events", "ticket_comments", off=off)
    run = run_tap(tmp_path, config_for(zendesk, per_page=30), catalog=chosen)
    assert whole(run, "ticket_comments") == holds(zendesk, "ticket_comments")
    assert len(run.records["ticket_events"]) == len(zendesk.store.records["ticket_events"])
    assert not any("child_events" in event for event in run.records["ticket_events"])


def test_parents_without_sideloads_write_none(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    for id_ in list(zendesk.store.records["ticket_events"]):
        zendesk.store.update("ticket_events", id_, child_events=[])
    for id_ in list(zendesk.store.records["users"]):
        zendesk.store.update("users", id_, email=None, phone=None)
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, *SIDELOADED))
    assert run.exit_code == 0
    assert set(run.schemas) == set(SIDELOADED)
    assert set(run.records) == {"ticket_metrics"}


@pytest.mark.parametrize(
    ("stream", "parent"), [("ticket_metrics", "tickets"), ("user_identities", "users")]
)
def test_a_warning_says_that_pages_have_no_place_for_a_sideload(
    zendesk: Simulator, tmp_path: Path, stream: str, parent: str
) -> None:
    for cursor, end in (("1", "false"), ("2", "false"), ("3", "true")):
        body = f'{{"{parent}": [{{"id": 1}}], "after_cursor": "{cursor}", "end_of_stream": {end}}}'
        zendesk.faults.add("status", code=200, path=f"{parent}/cursor", body=body)
    run = run_tap(tmp_path, config_for(zendesk), catalog=select(stream, parent))
    assert run.exit_code == 0
    [line] = run.log("WARNING")
    assert f"{stream}: Zendesk sends a page of {parent} without them" in line


def test_sideloaded_numbers_stay_as_zendesk_wrote_them(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = discovered(zendesk, tmp_path)
    ticket = min(zendesk.store.records["tickets"])
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, "ticket_metrics"))
    expected = msgspec.json.encode(holds(zendesk, "ticket_metrics")[ticket + 1])
    assert any(expected in line for line in run.lines)


@pytest.mark.parametrize("sent", [[], "late", 1])
def test_a_sideload_that_is_not_a_record_is_an_error_at_once(
    zendesk: Simulator, catalog: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: object
) -> None:
    property_, _ = sideloads.INSIDE["tickets"]["metric_sets"]
    monkeypatch.setitem(sideloads.INSIDE["tickets"], "metric_sets", (property_, lambda _: sent))
    chosen = choose(catalog, "ticket_metrics")
    run = run_tap(tmp_path, config_for(zendesk), catalog=chosen)
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "ticket_metrics: Zendesk sends something that is not a record" in line
    assert len(asked(zendesk, EXPORTS)) == 1


def test_comments_of_incomplete_events_are_exported(
    zendesk: Simulator, catalog: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comment = {"id": 1, "event_type": "Comment"}

    def gaps(event: Json) -> list[Json | None]:
        del event["ticket_id"]
        return [None, {**comment, "id": event["id"]}]

    property_, _ = sideloads.INSIDE["ticket_events"]["comment_events"]
    monkeypatch.setitem(sideloads.INSIDE["ticket_events"], "comment_events", (property_, gaps))
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, "ticket_comments"))
    assert run.exit_code == 0, run.stderr
    assert {record["id"]: record for record in run.records["ticket_comments"]} == {
        id_: {"event_id": id_, "timestamp": event["timestamp"], **comment, "id": id_}
        for id_, event in zendesk.store.records["ticket_events"].items()
    }


@pytest.mark.parametrize("is_removed", [True, False])
@pytest.mark.parametrize("streams", [("tickets",), ("tickets", "ticket_metrics")])
def test_a_warning_says_that_a_parent_selected_late_lacks_earlier_records(
    zendesk: Simulator,
    catalog: Json,
    tmp_path: Path,
    streams: tuple[str, ...],
    is_removed: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    """The earlier run moved the bookmark of the parent without writing the parent's records."""
    maps = {"tickets": "__NULL__"} if is_removed else {}
    alone = choose(catalog, "ticket_metrics", *maps)
    before = run_tap(tmp_path, config_for(zendesk, stream_maps=maps), catalog=alone)
    assert not before.records["tickets"]
    config, chosen = config_for(zendesk), choose(catalog, *streams)
    late = run_tap(tmp_path, config, state=before.state, catalog=chosen)
    assert not late.records["tickets"]
    [line] = late.log("WARNING")
    assert "tickets is exported from now on" in line
    assert "its earlier pages were read for ticket_metrics only" in line
    assert "select tickets alone" in line
    known = run_tap(tmp_path, config, state=late.state, catalog=chosen)
    assert known.log("WARNING") == []


def test_a_parent_is_not_requested_for_a_sideload_that_stream_maps_remove(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """Nothing on its pages would be written, but its bookmark would move past them."""
    config = config_for(zendesk, stream_maps={"ticket_metrics": "__NULL__"})
    run = run_tap(tmp_path, config, catalog=choose(catalog, "ticket_metrics"))
    assert run.exit_code == 0
    assert "What comes with tickets is removed by its stream map; it is skipped" in run.stderr
    assert not asked(zendesk, EXPORTS)
    assert not any((run.state or {}).get("bookmarks", {}).values())


def test_a_warning_says_that_a_sideload_selected_late_lacks_earlier_records(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """For each, the warning names what to select to fill the gap, and doing so fills it."""
    config = config_for(zendesk)
    before = run_tap(tmp_path, config, catalog=choose(catalog, "tickets"))
    assert (before.state or {})["bookmarks"]["tickets"]["sideloads"] == ["tickets"]
    later = choose(catalog, "tickets", "ticket_metrics", on=["tickets.slas"])
    first, second = "ticket_metrics is exported with", "slas is exported with"
    late = run_tap(tmp_path, config, state=before.state, catalog=later)
    [metrics, slas] = sorted(late.log("WARNING"), reverse=True)
    assert first in metrics
    assert "select ticket_metrics alone" in metrics
    assert second in slas
    assert "select tickets alone" in slas
    assert not late.records.get("ticket_metrics")
    sideloads = (late.state or {})["bookmarks"]["tickets"]["sideloads"]
    assert sideloads == ["slas", "ticket_metrics", "tickets"]
    known = run_tap(tmp_path, config, state=late.state, catalog=later)
    assert known.log("WARNING") == []
    # Records that were left out by a later run are missing as well.
    without = run_tap(tmp_path, config, state=known.state, catalog=choose(catalog, "tickets"))
    again = run_tap(tmp_path, config, state=without.state, catalog=later)
    assert len(again.log("WARNING")) == 2
    filled = run_tap(tmp_path, config, catalog=choose(catalog, "ticket_metrics"))
    assert filled.log("WARNING") == []
    assert whole(filled, "ticket_metrics") == holds(zendesk, "ticket_metrics")


def test_a_state_that_meltano_merges_shows_what_a_full_refresh_left_out(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """`meltano run --full-refresh` merges the keys of the new bookmark into the old one."""
    config, both = config_for(zendesk), choose(catalog, "tickets", "ticket_metrics")
    old, new = (
        (run_tap(tmp_path, config, catalog=chosen).state or {})["bookmarks"]["tickets"]
        for chosen in (both, choose(catalog, "tickets"))
    )
    state = {"bookmarks": {"tickets": {**old, **new}}}
    [line] = run_tap(tmp_path, config, state=state, catalog=both).log("WARNING")
    assert "ticket_metrics is exported with tickets from now on" in line


def test_an_item_that_names_no_parent_is_kept_where_pages_overlap(zendesk: Simulator) -> None:
    """Nothing shows that an earlier page held it."""
    tap = TapZendeskIncremental(config=config_for(zendesk), catalog=select("user_identities"))
    stream, parent = tap.streams["user_identities"], tap.streams["users"]
    assert isinstance(stream, UserIdentities)
    records = output.records_of(parent, "users", sideloads=["identities"])
    identities = [{"id": 1, "user_id": 7}, {"id": 2, "user_id": 8}, {"id": 3, "user_id": None}]
    body = {"users": [{"id": 7}, {"id": 8}], "identities": [*identities, {"id": 4}]}
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), stream.opened():
        page = records.read(msgspec.json.encode(body), {})
        [own] = stream.pages_of(records, page, page.records[1:])
    assert [key for key, _ in own.keys] == [b"2", b"3", b"4"]
