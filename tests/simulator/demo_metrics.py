"""Makes the metrics of tickets from the stories of a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import events
from . import records_products as products
from .demo_stories import MINUTE, PRIORITIES, Desk, office_minutes, story
from .sideloads import metric_set
from .store import iso

if TYPE_CHECKING:
    from .demo_stories import Story
    from .exports import RecordId
    from .store import Record

METRIC_BASE = 9_000_000_000_000
METRIC_STEP = 16
POLICY_ID = 6_130_830_400_001
POLICY = {
    "id": POLICY_ID,
    "title": "Standard",
    "description": "First reply in office hours",
}


class Metrics:
    """Measures the tickets of a desk."""

    def __init__(self, desk: Desk) -> None:
        """Remember the desk."""
        self._desk = desk

    def _story(self, ticket_id: int) -> Story:
        return story(self._desk, (ticket_id - events.TICKET_BASE) // events.TICKET_STEP)

    def metric_events(self, n: int) -> list[tuple[int, Record]]:
        """Return the metric events of ticket number n, each with its second."""
        told, newest = story(self._desk, n), self._desk.newest
        created = told.steps[0].second
        target = PRIORITIES[told.steps[0].changes["priority"]]
        sla = {"target": target, "target_in_seconds": target * MINUTE, "business_hours": True}
        reply, wait = {"metric": "reply_time"}, {"metric": "requester_wait_time"}
        found: list[tuple[int, Record]] = [
            (created, reply | {"type": "apply_sla", "sla": sla | {"policy": POLICY}}),
            (created, reply | {"type": "activate"}),
        ]
        if told.due < (newest if told.first_reply is None else told.first_reply):
            found.append((told.due, reply | {"type": "breach", "deleted": False}))
        if told.first_reply is not None:
            found.append((told.first_reply, reply | {"type": "fulfill"}))
        kinds = {"new": "activate", "open": "activate", "pending": "pause", "solved": "fulfill"}
        for step in told.steps:
            kind = kinds.get(step.changes.get("status", ""))
            if kind:
                found.append((step.second, wait | {"type": kind}))
        identity = {"ticket_id": products.ticket_id(n), "instance_id": 1}
        return [
            (second, {"id": METRIC_BASE + METRIC_STEP * n + k} | identity | event)
            for k, (second, event) in enumerate(found)
        ]

    def ticket_metric_event(self, _n: int, record_id: RecordId, second: int) -> Record:
        """Make a metric event."""
        of, place = divmod(int(record_id) - METRIC_BASE, METRIC_STEP)
        found = self.metric_events(of)
        # An event that a test adds repeats the last one.
        return found[min(place, len(found) - 1)][1] | {"id": record_id, "time": iso(second)}

    def by_metric(self, ticket: Record) -> Record:
        """Return the metric events of a ticket, by metric."""
        found: Record = {}
        n = (ticket["id"] - events.TICKET_BASE) // events.TICKET_STEP
        for second, event in self.metric_events(n):
            found.setdefault(event["metric"], []).append(event | {"time": iso(second)})
        return found

    def metric_set(self, ticket: Record) -> Record:
        """Make the metrics of a ticket."""
        told = self._story(ticket["id"])
        steps, created = told.steps, told.steps[0].second
        solved = [s.second for s in steps if s.changes.get("status") == "solved"]
        assigned = [s.second for s in steps if "assignee_id" in s.changes]
        spent = {"new": (0, 0), "open": (0, 0), "pending": (0, 0)}
        status, since = "new", created
        for step in steps:
            if status in spent:
                calendar, business = spent[status]
                calendar += (step.second - since) // MINUTE
                spent[status] = calendar, business + office_minutes(since, step.second)
            status, since = step.changes.get("status", status), step.second
        waited = [a + b for a, b in zip(spent["new"], spent["open"], strict=True)]
        names = ("calendar", "business")

        def minutes(second: int | None) -> Record:
            if second is None:
                return dict.fromkeys(names)
            calendar = (second - created) // MINUTE
            return dict(zip(names, (calendar, office_minutes(created, second)), strict=True))

        is_solved = ticket["status"] in {"solved", "closed"}
        return metric_set(ticket) | {
            "group_stations": sum("group_id" in s.changes for s in steps),
            "assignee_stations": len(assigned),
            "reopens": told.reopens,
            "replies": told.replies(),
            "assignee_updated_at": iso(assigned[-1]) if assigned else None,
            "requester_updated_at": self._last(told, told.requester),
            "status_updated_at": iso(max(s.second for s in steps if "status" in s.changes)),
            "initially_assigned_at": iso(assigned[0]) if assigned else None,
            "assigned_at": iso(assigned[-1]) if assigned else None,
            "solved_at": iso(solved[-1]) if is_solved else None,
            "latest_comment_added_at": iso(max(s.second for s in steps if s.comment)),
            "reply_time_in_minutes": minutes(told.first_reply),
            "first_resolution_time_in_minutes": minutes(solved[0] if solved else None),
            "full_resolution_time_in_minutes": minutes(solved[-1] if is_solved else None),
            "agent_wait_time_in_minutes": dict(zip(names, spent["pending"], strict=True)),
            "requester_wait_time_in_minutes": dict(zip(names, waited, strict=True)),
        }

    @staticmethod
    def _last(told: Story, author: int) -> str:
        return iso(max(step.second for step in told.steps if step.author == author))

    def comment_count(self, ticket: Record) -> int:
        """Count the comments of a ticket."""
        return sum(bool(step.comment) for step in self._story(ticket["id"]).steps)

    def slas(self, ticket: Record) -> Record:
        """Return the metrics of the policy that are still active."""
        told = self._story(ticket["id"])
        if told.first_reply is not None:
            return {"policy_metrics": []}
        minutes = (told.due - self._desk.newest) // MINUTE
        metric = {"breach_at": iso(told.due), "stage": "active", "metric": "first_reply_time"}
        return {"policy_metrics": [metric | {"minutes": minutes}]}
