"""Adds the sideloads of `include` to a page: inside its records, or beside them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from .errors import invalid
from .events import comment, ticket_metric_event
from .store import epoch, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .store import Record, Store


def metric_set(ticket: Record) -> Record:
    """Make the metrics of a ticket."""
    n = int(ticket["id"])
    minutes = {"calendar": n % 1000, "business": n % 300}
    return {
        "url": f"https://z3n-simulator.zendesk.com/api/v2/ticket_metrics/{n + 1}.json",
        "id": n + 1,
        "ticket_id": n,
        "created_at": ticket["created_at"],
        "updated_at": iso(ticket["generated_timestamp"]),
        "group_stations": n % 4,
        "assignee_stations": n % 3,
        "reopens": n % 2,
        "replies": n % 9,
        "assignee_updated_at": ticket["updated_at"],
        "requester_updated_at": ticket["created_at"],
        "status_updated_at": ticket["updated_at"],
        "initially_assigned_at": ticket["created_at"] if n % 3 else None,
        "assigned_at": ticket["created_at"] if n % 3 else None,
        "solved_at": ticket["updated_at"] if ticket["status"] in {"solved", "closed"} else None,
        "latest_comment_added_at": ticket["updated_at"],
        "reply_time_in_minutes": minutes if n % 5 else {"calendar": None, "business": None},
        "first_resolution_time_in_minutes": minutes,
        "full_resolution_time_in_minutes": minutes,
        "agent_wait_time_in_minutes": minutes,
        "requester_wait_time_in_minutes": minutes,
        "on_hold_time_in_minutes": {"calendar": 0, "business": 0},
        "custom_status_updated_at": ticket["updated_at"],
    }


def _dates(ticket: Record) -> Record:
    solved = ticket["updated_at"] if ticket["status"] in {"solved", "closed"} else None
    return {
        "assignee_updated_at": ticket["updated_at"] if ticket["assignee_id"] else None,
        "requester_updated_at": ticket["created_at"],
        "status_updated_at": ticket["updated_at"],
        "initially_assigned_at": ticket["created_at"] if ticket["assignee_id"] else None,
        "assigned_at": ticket["created_at"] if ticket["assignee_id"] else None,
        "solved_at": solved,
        "latest_comment_added_at": ticket["updated_at"],
    }


def _metric_events(ticket: Record) -> Record:
    second = ticket["generated_timestamp"]
    events = [ticket_metric_event(n, ticket["id"] * 8 + n, second - 60 + n) for n in range(7)]
    by_metric: Record = {}
    for event in events:
        by_metric.setdefault(event["metric"], []).append(event | {"ticket_id": ticket["id"]})
    return by_metric


def _slas(ticket: Record) -> Record:
    breach = iso(epoch(ticket["created_at"]) + 7200)
    metric = {"breach_at": breach, "stage": "active", "metric": "requester_wait_time", "hours": 2}
    return {"policy_metrics": [metric] if ticket["id"] % 2 else []}


def _identities(user: Record) -> list[Record]:
    kinds = [("email", user["email"]), ("phone_number", user["phone"])]
    return [
        {
            "url": f"https://z3n-simulator.zendesk.com/api/v2/users/{user['id']}/identities/{n}.json",
            "id": user["id"] * 2 + n,
            "user_id": user["id"],
            "type": kind,
            "value": value,
            "verified": user["verified"],
            "primary": n == 0,
            "created_at": user["created_at"],
            "updated_at": user["updated_at"],
            "undeliverable_count": 0,
            "deliverable_state": "deliverable",
        }
        for n, (kind, value) in enumerate(kinds)
        if value
    ]


def _with_comments(event: Record) -> list[Record]:
    return [
        child | comment(child, event) if child["event_type"] == "Comment" else child
        for child in event["child_events"]
    ]


# `include` value -> (property of each record, function that makes its value).
INSIDE: dict[str, dict[str, tuple[str, Callable[[Record], object]]]] = {
    "tickets": {
        "metric_sets": ("metric_set", metric_set),
        "dates": ("dates", _dates),
        "comment_count": ("comment_count", lambda ticket: ticket["id"] % 30),
        "incident_counts": ("incident_count", lambda ticket: ticket["id"] % 3),
        "metric_events": ("metric_events", _metric_events),
        "slas": ("slas", _slas),
    },
    "ticket_events": {"comment_events": ("child_events", _with_comments)},
}
# `include` value -> the property whose ids refer to the records of that sideload.
_RELATED = {"users": "requester_id", "organizations": "organization_id"}
_BESIDE = {
    "tickets": {"users", "groups", "organizations", "sharing_agreements", "ticket_forms"},
    "users": {"abilities", "organizations", "roles", "identities", "groups", "open_ticket_count"},
    "organizations": {"abilities"},
}


# `include` value -> what lists put beside their records. Some exports put the same inside them.
_BESIDE_LISTS: dict[str, dict[str, Callable[[Record], object]]] = {
    "tickets": {"metric_sets": metric_set},
    "users": {"identities": _identities},
}


def sideload_list(
    store: Store, resource: str, records: Sequence[Record], include: Sequence[str]
) -> tuple[list[Record], Record]:
    """Add sideloads to a page of a list, all of them beside the records.

    A list ignores a sideload that it does not have. See `sideload` for arguments and result.
    """
    known = _BESIDE_LISTS.get(resource, {})
    beside: Record = {}
    for name in include:
        if name in known:
            make = store.sideloads.get((resource, name), known[name])
            found = [make(record) for record in records]
            beside[name] = list(
                chain.from_iterable(i if isinstance(i, list) else [i] for i in found)
            )
        elif name in _RELATED and name in _BESIDE.get(resource, ()):
            beside[name] = _related(store, name, records)
    return list(records), beside


def _related(store: Store, name: str, records: Sequence[Record]) -> list[Record]:
    ids: set[Any] = {record.get(_RELATED[name]) for record in records}
    return [store.records[name][i] for i in ids if i in store.records[name]]


def sideload(
    store: Store, resource: str, records: Sequence[Record], include: Sequence[str]
) -> tuple[list[Record], Record]:
    """Add sideloads to a page of an export.

    Args:
        store: the account's data, for related records.
        resource: the name of the exported resource.
        records: the records of the page.
        include: the names of the sideloads.

    Returns:
        The records with the sideloads inside them, and the sideloads beside them by name.

    Raises:
        ApiError: 400 for a sideload this resource does not have.
    """
    expanded = [dict(record) for record in records]
    beside: Record = {}
    for name in include:
        inside = INSIDE.get(resource, {}).get(name)
        if inside:
            for record in expanded:
                record[inside[0]] = store.sideloads.get((resource, name), inside[1])(record)
        elif name not in _BESIDE.get(resource, ()):
            message = f"'{name}' is not a sideload of {resource}."
            raise invalid(message, "include")
        elif name == "identities":
            beside[name] = [identity for user in records for identity in _identities(user)]
        elif name in _RELATED:
            beside[name] = _related(store, name, records)
        else:
            beside[name] = []
    return expanded, beside
