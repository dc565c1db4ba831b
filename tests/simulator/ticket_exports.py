"""The ticket export API of 2012, which has flat rows and no `end_of_stream`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .definitions import TICKET_FIELD_TYPES
from .store import iso

if TYPE_CHECKING:
    from .store import Record

NEWEST_SECONDS = 300
HEADERS = {
    "id": "Id",
    "nice_id": "Ticket",
    "subject": "Subject",
    "status": "Status",
    "priority": "Priority",
    "ticket_type": "Type",
    "req_id": "Requester Id",
    "assignee_id": "Assignee Id",
    "organization_id": "Organization Id",
    "current_tags": "Tags",
    "created_at": "Created at",
    "updated_at": "Updated at",
    "generated_timestamp": "Generated timestamp",
    **{f"field_{i}": f"{kind.title()} {i} [flt]" for i, kind in TICKET_FIELD_TYPES.items()},
}
OPTIONS = {"priority": ["Low", "Normal", "High", "Urgent"]}


def row(ticket: Record) -> Record:
    """Flatten a ticket into a row. Everything that is not a number becomes text."""
    return {
        "id": ticket["id"],
        "nice_id": ticket["id"],
        "subject": ticket["subject"],
        "status": ticket["status"].capitalize(),
        "priority": (ticket["priority"] or "-").capitalize(),
        "ticket_type": (ticket["type"] or "-").capitalize(),
        "req_id": ticket["requester_id"],
        "assignee_id": ticket["assignee_id"],
        "organization_id": ticket["organization_id"],
        "current_tags": " ".join(ticket["tags"]),
        "created_at": ticket["created_at"].replace("T", " ").replace("Z", " +0000"),
        "updated_at": ticket["updated_at"].replace("T", " ").replace("Z", " +0000"),
        "generated_timestamp": iso(ticket["generated_timestamp"]),
        **{f"field_{f['id']}": _flat(f["value"]) for f in ticket["custom_fields"]},
    }


def _flat(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
