# ruff: noqa: RUF001 - people have such names
"""Makes the tickets of a desk, with their updates and ratings, from stories; and its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import data, events
from . import records_products as products
from .demo_stories import MOST_STEPS, SYSTEM, Desk, story
from .store import iso

if TYPE_CHECKING:
    from .demo_stories import Step, Story
    from .exports import RecordId
    from .store import Record

EVENT_BASE = 12_000_000_000_000
EVENT_STEP = 16
"""The ids between two events are for the children of the first one."""
RATING_BASE = 30_000_000_000
_FIRST_NAMES = ("Ana", "Bo", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Inés", "Jürgen")
_LAST_NAMES = ("Müller", "O’Brien", "Sato", "Żak", "Nguyen", "Okafor", "Rossi", "Lindqvist", "Li")
_COMMENTS: dict[str, tuple[str | None, ...]] = {
    "good": ("Quick and friendly", "Thank you!", None),
    "bad": ("Took too long", None),
}


def _channel(step: Step, owner: int) -> tuple[str, str]:
    """Return the channel of an update, by its name in ticket events and its name elsewhere."""
    if step.author == SYSTEM:
        return "Rule", "rule"
    return ("Mail", "email") if step.author == owner else ("Web form", "web")


class Records:
    """Makes the records of a desk."""

    def __init__(self, desk: Desk, organizations: int) -> None:
        """Remember the desk, and the number of organizations."""
        self._desk = desk
        self._organizations = organizations

    def _organization(self, n: int) -> int | None:
        if not self._organizations or n % 3 == 0:
            return None
        return data.organization_id(n % self._organizations)

    def user(self, n: int, record_id: RecordId, second: int) -> Record:
        """Make user number n; every twelfth is an agent."""
        name = f"{_FIRST_NAMES[n % 10]} {_LAST_NAMES[n // 10 % 9]}"
        own = {"name": name, "organization_id": self._organization(n), "active": True}
        own |= {"suspended": False, "notes": None, "details": None}
        return data.user(n, record_id, second) | own

    def ticket(self, n: int, record_id: RecordId, second: int) -> Record:
        """Make the ticket with this id, as it is at the end of its story."""
        n = (int(record_id) - events.TICKET_BASE) // events.TICKET_STEP
        told = story(self._desk, n)
        now = told.properties()
        first = told.steps[0]
        # An automation closes tickets without moving `updated_at`.
        updated = max(step.second for step in told.steps if step.changes != {"status": "closed"})
        rating: Record = {"score": "unoffered"}
        if told.rating:
            rating = {"id": RATING_BASE + n, "score": told.rating, "comment": self._opinion(n)}
        requester = (told.requester - data.USER_BASE) // 64
        own = {
            "created_at": iso(first.second),
            "updated_at": iso(updated),
            "subject": told.subject,
            "raw_subject": told.subject,
            "description": first.comment,
            "status": now["status"],
            "priority": now["priority"],
            "requester_id": told.requester,
            "submitter_id": told.requester,
            "assignee_id": now.get("assignee_id"),
            "group_id": now.get("group_id"),
            "organization_id": self._organization(requester),
            "satisfaction_rating": rating,
            "external_id": None,
            "is_public": True,
            "due_at": None,
            "problem_id": None,
            "has_incidents": False,
        }
        nobody: Record = {
            key: [] for key in ("collaborator_ids", "follower_ids", "email_cc_ids", "followup_ids")
        }
        return data.ticket(n, record_id, second) | own | nobody

    def _opinion(self, n: int) -> str | None:
        choices = _COMMENTS.get(story(self._desk, n).rating, (None,))
        return choices[n % len(choices)]

    def _step(self, event_id: int) -> tuple[int, int, Story, Step]:
        n, place = divmod((event_id - EVENT_BASE) // EVENT_STEP, MOST_STEPS)
        told = story(self._desk, n)
        # An event that a test adds repeats the last one.
        place = min(place, len(told.steps) - 1)
        return n, place, told, told.steps[place]

    def ticket_event(self, n: int, record_id: RecordId, second: int) -> Record:
        """Make a ticket event, with a child event for the comment and one for each change."""
        of, place, told, step = self._step(int(record_id))
        via, _ = _channel(step, told.requester)
        before = told.properties(place)
        children: list[Record] = []
        if step.comment:
            said = {"event_type": "Comment", "comment_present": True, "comment_public": step.public}
            children.append(said)
        for name, value in step.changes.items():
            if place == 0:
                children.append({"event_type": "Create", name: value})
            else:
                change = {name: value, "previous_value": before.get(name)}
                children.append({"event_type": "Change", **change})
        for number, child in enumerate(children):
            child |= {"id": int(record_id) + number, "via": via, "via_reference_id": None}
        event = events.ticket_event(n, record_id, second)
        own = {"ticket_id": events.TICKET_BASE + events.TICKET_STEP * of, "via": via}
        own |= {"child_events": children, "updater_id": step.author, "metadata": {}}
        return event | own | ({"system": {}} if step.author == SYSTEM else {})

    def with_comments(self, event: Record) -> list[Record]:
        """Return the child events of a ticket event, with the whole comment."""
        *_, told, step = self._step(event["id"])
        _, channel = _channel(step, told.requester)
        said = {"body": step.comment, "plain_body": step.comment, "attachments": []}
        said |= {"html_body": f"<p>{step.comment}</p>"}
        via = {"channel": channel, "source": {"from": {}, "to": {}, "rel": None}}
        return [
            child | events.comment(child, event) | said | {"via": via}
            if child["event_type"] == "Comment"
            else child
            for child in event["child_events"]
        ]

    def ticket_audit(self, n: int, record_id: RecordId, second: int) -> Record:
        """Make the ticket audit of an update."""
        of, place, told, step = self._step(int(record_id))
        before = told.properties(place)
        found: list[Record] = []
        if step.comment:
            said = {"type": "Comment", "author_id": step.author, "body": step.comment}
            said |= {"html_body": f"<p>{step.comment}</p>", "plain_body": step.comment}
            found.append(said | {"public": step.public, "attachments": [], "audit_id": record_id})
        for name, value in step.changes.items():
            change = {"field_name": name, "value": value}
            kind = {"type": "Change", "previous_value": before.get(name)}
            found.append(change | (kind if place else {"type": "Create"}))
        for number, event in enumerate(found):
            event["id"] = int(record_id) + number
        _, channel = _channel(step, told.requester)
        own = {"ticket_id": products.ticket_id(of), "author_id": step.author, "events": found}
        own |= {"via": {"channel": channel, "source": {"from": {}, "to": {}, "rel": None}}}
        return products.ticket_audit(n, record_id, second) | own

    def satisfaction_rating(self, n: int, record_id: RecordId, second: int) -> Record:
        """Make the satisfaction rating of a ticket."""
        of = int(record_id) - RATING_BASE
        told = story(self._desk, of)
        now = told.properties()
        rating = products.satisfaction_rating(n, record_id, second)
        rating = {key: value for key, value in rating.items() if not key.startswith("reason")}
        return rating | {
            "assignee_id": now.get("assignee_id"),
            "group_id": now.get("group_id"),
            "requester_id": told.requester,
            "ticket_id": products.ticket_id(of),
            "score": told.rating,
            "comment": self._opinion(of),
            "created_at": iso(second),
        }
