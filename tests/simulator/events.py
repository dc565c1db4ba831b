"""Makes ticket events and ticket metric events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .data import text, user_id
from .definitions import TICKET_FIELD_TYPES
from .store import iso

if TYPE_CHECKING:
    from .exports import RecordId
    from .store import Record

TICKET_BASE = 4_294_967_296 + 17
TICKET_STEP = 3
_VIAS = ("Web form", "Mail", "Web service", "Rule", "Chat", "System")
_FIELD = str(next(iter(TICKET_FIELD_TYPES)))
# Each changed property is a key of its own in a child event. Nobody has a full list of them.
_CHANGES: tuple[Record, ...] = (
    {"status": "open", "previous_value": "new"},
    {"priority": "high", "previous_value": None},
    {"custom_ticket_fields": {_FIELD: "yes"}, "previous_value": None},
    {"added_tags": ["großkunde", "vip"], "removed_tags": ["new"], "tags": ["großkunde", "vip"]},
    {"assignee_id": user_id(3), "previous_value": user_id(4)},
    {"subject": "Où est ma commande ?\u2028(fwd) 🙈", "previous_value": "Commande"},
    {"custom_status_id": 6_130_830_355_738, "previous_value": 6_130_830_355_739},
    {"brand_id": 6_130_830_354_842, "sla_policy": {"minutes": 60, "in_business_hours": True}},
)


def _child(n: int, place: int) -> Record:
    child = {
        "id": 14_000_000_000_000 + 8 * n + place,
        "via": _VIAS[(n + place) % len(_VIAS)],
        "via_reference_id": None if place % 2 else 360_000_000_000 + n,
    }
    if place == 0 and n % 3 == 0:
        return child | {
            "event_type": "Comment",
            "comment_present": True,
            "comment_public": n % 2 == 0,
        }
    change = _CHANGES[(n + place) % len(_CHANGES)]
    return child | {"event_type": "Change" if "previous_value" in change else "Create", **change}


def ticket_event(n: int, record_id: RecordId, second: int) -> Record:
    """Make ticket event number n: an audit with one to four child events."""
    by_system = n % 6 == 0
    return {
        "child_events": [_child(n, place) for place in range(1 + n % 4)],
        "id": record_id,
        "ticket_id": TICKET_BASE + TICKET_STEP * (n * 2 // 3),
        "timestamp": second,
        "created_at": iso(second),
        "updater_id": -1 if by_system else user_id(n % 13),
        "via": _VIAS[n % len(_VIAS)],
        "system": {}
        if by_system
        else {
            "client": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            "location": "Århus, 82, Denmark",
            "latitude": 56.1629 + n % 10 / 1000,
            "longitude": 10.2039,
        },
        "metadata": {"notifications_suppressed_for": [n], "flags": [0]} if n % 5 == 0 else {},
        "event_type": "Audit",
    }


def comment(child: Record, event: Record) -> Record:
    """Return the properties that the `comment_events` sideload adds to a child event."""
    n = child["id"]
    body = text(n)
    attachment = {
        "url": f"https://z3n-simulator.zendesk.com/api/v2/attachments/{n}.json",
        "id": n + 1,
        "file_name": "écran.png",
        "content_url": f"https://z3n-simulator.zendesk.com/attachments/token/{n}/",
        "content_type": "image/png",
        "size": 2532,
        "width": 640,
        "height": 480,
        "inline": False,
        "deleted": False,
        "thumbnails": [],
    }
    return {
        "type": "Comment",
        "author_id": event["updater_id"],
        "body": body,
        "html_body": f'<div class="zd-comment" dir="auto"><p>{body}</p></div>',
        "plain_body": body,
        "public": child["comment_public"],
        "attachments": [attachment] if n % 2 else [],
        "audit_id": event["id"],
        "created_at": event["created_at"],
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
    }


def ticket_metric_event(n: int, record_id: RecordId, second: int) -> Record:
    """Make ticket metric event number n."""
    kind = ("measure", "activate", "pause", "fulfill", "apply_sla", "breach", "update_status")[
        n % 7
    ]
    event: Record = {
        "id": record_id,
        "ticket_id": TICKET_BASE + TICKET_STEP * (n // 7),
        "metric": ("agent_work_time", "reply_time", "requester_wait_time", "pausable_update_time")[
            n % 4
        ],
        "instance_id": n % 3,
        "type": kind,
        "time": iso(second),
    }
    if kind == "apply_sla":
        event["sla"] = {
            "target": 60,
            "target_in_seconds": 3600,
            "business_hours": False,
            "policy": {"id": 25, "title": "Wütend?", "description": "Urgent tickets"},
        }
    if kind == "update_status":
        event["status"] = {"calendar": 60, "business": 30}
    if kind == "breach":
        event["deleted"] = False
    return event
