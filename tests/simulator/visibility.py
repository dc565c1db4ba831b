"""Which records an endpoint leaves out, and what a deletion changes in a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import invalid
from .events import TICKET_BASE, TICKET_STEP

if TYPE_CHECKING:
    from .query import Query
    from .store import Record

ARCHIVED_SHARE = 2
"""Every second closed ticket is archived, so exports have it and lists do not."""

SCOPES = ("agent", "ai_agent", "all")
_SCOPE = "support_type_scope"


def is_out_of_scope(record: Record, query: Query) -> bool:
    """Return whether `support_type_scope` leaves a record out of an export."""
    scope = query.params.get(_SCOPE, "agent")
    if scope not in SCOPES:
        message = f"It must be one of {', '.join(SCOPES)}."
        raise invalid(message, _SCOPE)
    return scope not in {"all", record.get("support_type", "agent")}


def is_unwanted_ticket(ticket: Record, query: Query) -> bool:
    """Return whether the scope or `exclude_deleted` leaves a ticket out of an export."""
    without_deleted = query.params.get("exclude_deleted") == "true"
    return is_out_of_scope(ticket, query) or (without_deleted and ticket["status"] == "deleted")


def is_archived(ticket: Record) -> bool:
    """Return whether a ticket is archived."""
    number = (ticket["id"] - TICKET_BASE) // TICKET_STEP
    return bool(ticket["status"] == "closed") and number % ARCHIVED_SHARE == 0


def is_deleted_or_archived(ticket: Record, _query: Query) -> bool:
    """Return whether lists leave a ticket out."""
    return ticket["status"] == "deleted" or is_archived(ticket)


def is_of_archived_ticket(audit: Record, query: Query) -> bool:
    """Return whether the list of audits leaves an audit out."""
    ticket = query.store.records["tickets"].get(audit.get("ticket_id"))
    return ticket is not None and is_archived(ticket)


def is_deleted_user(user: Record, _query: Query) -> bool:
    """Return whether lists leave a user out."""
    return not user["active"]


def has_deleted_at(record: Record, _query: Query) -> bool:
    """Return whether a record with `deleted_at` was deleted."""
    return record.get("deleted_at") is not None


def is_deleted_group(group: Record, query: Query) -> bool:
    """Return whether lists leave a group out. Deleted groups come only on request."""
    return bool(group.get("deleted")) and query.params.get("exclude_deleted") != "false"


def is_breach(event: Record) -> bool:
    """Return whether Zendesk writes a ticket metric event long after its time."""
    return bool(event["type"] == "breach")


def delete_ticket(ticket: Record, _second: int) -> Record:
    """Return what a deletion changes in a ticket. A second deletion scrubs it."""
    scrubbed = {"subject": "SCRUBBED", "raw_subject": "SCRUBBED", "description": "X"}
    return {"status": "deleted"} | (scrubbed if ticket["status"] == "deleted" else {})


def deactivate(_user: Record, _second: int) -> Record:
    """Return what a deletion changes in a user."""
    return {"active": False}


def delete_group(_group: Record, _second: int) -> Record:
    """Return what a deletion changes in a group."""
    return {"deleted": True}
