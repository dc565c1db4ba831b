"""The demo account's data agree with each other."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from .simulator.client import TICKETS, get
from .simulator.demo_account import DemoSimulator
from .simulator.demo_stories import PRIORITIES, office_minutes, story
from .simulator.store import epoch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .simulator.store import Record

SIZE = {"tickets": 400, "users": 120, "organizations": 20}
REFERENCES = {
    "assignee_id": "users",
    "author_id": "users",
    "group_id": "groups",
    "organization_id": "organizations",
    "requester_id": "users",
    "submitter_id": "users",
    "ticket_id": "tickets",
    "updater_id": "users",
    "user_id": "users",
}
TELLING = ("tickets", "ticket_events", "ticket_metric_events", "satisfaction_ratings")
TOLD = (*TELLING, "ticket_audits", "users", "group_memberships")


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoSimulator]:
    """A demo account, for reading only."""
    with DemoSimulator(**SIZE) as simulator:
        yield simulator


def _references(record: object) -> Iterator[tuple[str, object]]:
    """Yield the properties of a record, nested ones too, that point to another record."""
    if isinstance(record, list):
        for item in record:
            yield from _references(item)
    elif isinstance(record, dict):
        for key, value in record.items():
            if key in REFERENCES and value is not None:
                yield key, value
            yield from _references(value)


def _events_of(demo: DemoSimulator) -> dict[int, list[Record]]:
    """Return the ticket events with their comments, by ticket, oldest first."""
    page = get(demo, "incremental/ticket_events", start_time=0, include="comment_events").json()
    found: dict[int, list[Record]] = {}
    while True:
        for event in page["ticket_events"]:
            events = found.setdefault(event["ticket_id"], [])
            if event not in events:
                events.append(event)
        if page["end_of_stream"]:
            break
        params = {"start_time": page["end_time"], "include": "comment_events"}
        page = get(demo, "incremental/ticket_events", **params).json()
    return {ticket: sorted(events, key=lambda e: e["id"]) for ticket, events in found.items()}


def test_every_id_resolves(demo: DemoSimulator) -> None:
    for resource in TOLD:
        assert demo.store.records[resource]
        for record in demo.store.records[resource].values():
            for key, value in _references(record):
                known = demo.store.records[REFERENCES[key]]
                assert value in known or value == -1, (resource, key, value)


def test_tickets_are_what_their_events_made_of_them(demo: DemoSimulator) -> None:
    by_ticket = _events_of(demo)
    tickets = get(demo, TICKETS, start_time=0, include="metric_sets,comment_count").json()[
        "tickets"
    ]
    assert by_ticket.keys() == demo.store.records["tickets"].keys() == {t["id"] for t in tickets}
    agents = {u["id"] for u in demo.store.records["users"].values() if u["role"] != "end-user"}
    for ticket in tickets:
        events = by_ticket[ticket["id"]]
        seconds = [event["timestamp"] for event in events]
        assert seconds == sorted(seconds)
        assert ticket["created_at"] == events[0]["created_at"]
        assert ticket["generated_timestamp"] == seconds[-1]
        children = [child for event in events for child in event["child_events"]]
        for field in ("status", "assignee_id", "group_id"):
            changes = [child[field] for child in children if field in child]
            assert ticket[field] == (changes[-1] if changes else None)
        comments = [child for child in children if child["event_type"] == "Comment"]
        assert ticket["comment_count"] == len(comments)
        assert comments[0]["body"] == ticket["description"]
        assert {c["author_id"] for c in comments} <= agents | {ticket["requester_id"]}
        replies = [c for c in comments if c["public"] and c["author_id"] in agents]
        metrics = ticket["metric_set"]
        assert metrics["replies"] == len(replies)
        statuses = [child["status"] for child in children if "status" in child]
        reopened = sum(statuses[n : n + 2] == ["solved", "open"] for n in range(len(statuses)))
        assert metrics["reopens"] == reopened
        if replies:
            wait = (epoch(replies[0]["created_at"]) - seconds[0]) // 60
            assert metrics["reply_time_in_minutes"]["calendar"] == wait
        for reply in replies:
            answered = datetime.fromisoformat(reply["created_at"].replace("Z", "+00:00"))
            assert (answered.weekday() < 5, 9 <= answered.hour < 17) == (True, True)


def test_breaches_are_of_replies_that_came_too_late(demo: DemoSimulator) -> None:
    breached = {
        event["ticket_id"]: epoch(event["time"])
        for event in demo.store.records["ticket_metric_events"].values()
        if event["type"] == "breach"
    }
    for ticket_id, ticket in demo.store.records["tickets"].items():
        made = demo.store.sideloads["tickets", "metric_sets"](ticket)
        assert isinstance(made, dict)
        minutes = made["reply_time_in_minutes"]["business"]
        created = epoch(ticket["created_at"])
        target = PRIORITIES[ticket["priority"]]
        if minutes is not None and abs(minutes - target) > 1:
            assert (ticket_id in breached) == (minutes > target)
        if ticket_id in breached:
            assert office_minutes(created, breached[ticket_id]) == target
    assert 0 < len(breached) < len(demo.store.records["tickets"]) / 3


def test_the_desk_is_a_lively_one(demo: DemoSimulator) -> None:
    tickets = list(demo.store.records["tickets"].values())
    statuses = {ticket["status"] for ticket in tickets}
    assert statuses >= {"closed", "solved"}
    assert statuses & {"new", "open", "pending"}
    assert len({ticket["group_id"] for ticket in tickets}) > 5
    assert {t["satisfaction_rating"]["score"] for t in tickets} == {"good", "bad", "unoffered"}
    ratings = demo.store.records["satisfaction_ratings"].values()
    for rating in ratings:
        ticket = demo.store.records["tickets"][rating["ticket_id"]]
        assert ticket["satisfaction_rating"]["score"] == rating["score"]
        same = ("assignee_id", "group_id", "requester_id")
        assert [rating[key] for key in same] == [ticket[key] for key in same]
    events = demo.store.records["ticket_events"].values()
    texts = [child for event in events for child in event["child_events"]]
    assert any(child.get("comment_public") is False for child in texts)  # an escalation
    assert any(child.get("status") == "open" for child in texts)


def test_the_same_seed_tells_the_same_stories() -> None:
    accounts = []
    for seed in (3, 3, 4):
        story.cache_clear()
        store = DemoSimulator(**SIZE, seed=seed).store
        accounts.append({resource: dict(store.records[resource]) for resource in TELLING})
    assert accounts[0] == accounts[1]
    assert accounts[0]["tickets"] != accounts[2]["tickets"]


def test_tests_can_add_to_it() -> None:
    store = DemoSimulator(**SIZE).store
    for resource in TOLD:
        record = store.create(resource)
        assert store.records[resource][record["id"]] == record
    ticket = max(store.records["tickets"])
    assert store.update("tickets", ticket, subject="new")["subject"] == "new"
    assert store.delete("tickets", ticket)["status"] == "deleted"
