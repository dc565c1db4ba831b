# ruff: noqa: RUF001 - people write such characters, and a tap has to carry them
"""Makes tickets, users and organizations in the shape and size of a real account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .definitions import HOST, custom_ticket_values, custom_values
from .store import iso

if TYPE_CHECKING:
    from .exports import RecordId
    from .store import Record

ORGANIZATION_BASE = 6_130_869_157_658
USER_BASE = 6_130_907_993_114
DAY = 86_400
_SENTENCES = (
    "Hi there,\n\nI’m sending an email because I’m having a problem setting up your new product.",
    "Bonjour, ma commande n’est jamais arrivée à l’adresse indiquée ; où est-elle passée ?",
    "お世話になっております。ログインできません。パスワードを再設定してください。",
    "The invoice says €1,299.00 but we agreed on €1,199.00 – please correct it 🙏",
    "Copied from a PDF:\u2028this line ends with a separator\u2029and so does this one.",
    'She said "it\'s \\broken\\", </script> & nothing else.\tTab.',
    "👩‍👩‍👧‍👦 the whole family cannot log in since Monday, nor can Zoë or Łukasz.",
)
_TEXTS = [
    "\n\n".join(_SENTENCES[(n + k) % len(_SENTENCES)] for k in range(1 + n % 7)) for n in range(61)
]
_STATUSES = ("new", "open", "pending", "hold", "solved", "closed", "closed", "deleted")
_PRIORITIES = (None, "low", "normal", "high", "urgent")
_CHANNELS = ("email", "web", "api", "chat", "native_messaging")
_TAGS: tuple[list[str], ...] = (
    ["billing", "vip"],
    [],
    ["großkunde", "support"],
    ["a_b-c", "été", "refund", "late"],
)
_NAMES = ("Ana Müller", "李小龍", "Zoë O’Brien", "Łukasz Żak", "Aisha 🌍", "The Customer", "Bob")
# Records can share these values, because nothing changes a value in place.
_CUSTOM_FIELDS = [custom_ticket_values(n) for n in range(53)]
_CUSTOM_VALUES = [custom_values(n) for n in range(53)]


def user_id(n: int) -> int:
    """Return the id of user number n."""
    return USER_BASE + 64 * n


def organization_id(n: int) -> int:
    """Return the id of organization number n."""
    return ORGANIZATION_BASE + 32 * n


def text(n: int) -> str:
    """Return the text of a ticket or comment: up to 600 characters, in several scripts."""
    return _TEXTS[n % len(_TEXTS)]


def ticket(n: int, record_id: RecordId, second: int) -> Record:
    """Make ticket number n, of about 3 kB; the last change of every ninth was the system's."""
    status = _STATUSES[n * 7 % 41 % len(_STATUSES)]
    scrubbed = status == "deleted" and n % 2 == 0
    subject = "SCRUBBED" if scrubbed else f"Ticket {n}: {text(n * 3)[:60]}"
    updated = second - 3 * DAY if n % 9 == 0 else second
    rated = {"id": 900 + n, "score": "good", "comment": "Danke ✨", "reason": None}
    custom = _CUSTOM_FIELDS[n % len(_CUSTOM_FIELDS)]
    channel = _CHANNELS[n % len(_CHANNELS)]
    sender = {"address": f"user{n}@example.com", "name": "Zoë"} if channel == "email" else {}
    return {
        "url": f"{HOST}/api/v2/tickets/{record_id}.json",
        "id": record_id,
        "external_id": f"ext-{n}" if n % 4 == 0 else None,
        "via": {"channel": channel, "source": {"from": sender, "to": {}, "rel": None}},
        "created_at": iso(updated - n * 37 % (90 * DAY)),
        "updated_at": iso(updated),
        "type": (None, "question", "incident", "problem", "task")[n % 5],
        "subject": subject,
        "raw_subject": subject,
        "description": "X" if scrubbed else text(n),
        "priority": _PRIORITIES[n % len(_PRIORITIES)],
        "status": status,
        "recipient": "support@example.com" if n % 3 == 0 else None,
        "requester_id": user_id(n % 997),
        "submitter_id": user_id(n % 991),
        "assignee_id": user_id(n % 13) if n % 5 else None,
        "organization_id": organization_id(n % 101) if n % 6 else None,
        "group_id": 6_130_852_536_346 if n % 5 else None,
        "collaborator_ids": [user_id(n % 89), user_id(n % 83)] if n % 8 == 0 else [],
        "follower_ids": [user_id(n % 79)] if n % 8 == 1 else [],
        "email_cc_ids": [user_id(n % 73)] if n % 8 == 2 else [],
        "forum_topic_id": None,
        "problem_id": 7_000_000_000 + n if n % 50 == 2 else None,
        "has_incidents": n % 50 == 3,
        "is_public": n % 17 != 0,
        "due_at": iso(second + DAY) if n % 5 == 4 else None,
        "tags": _TAGS[n % len(_TAGS)],
        "custom_fields": custom,
        "satisfaction_rating": rated if n % 10 == 0 else {"score": "unoffered"},
        "sharing_agreement_ids": [],
        "custom_status_id": 6_130_830_355_738,
        "fields": custom,
        "followup_ids": [8_000_000_000 + n] if n % 40 == 0 else [],
        "ticket_form_id": 6_130_830_344_474,
        "brand_id": 6_130_830_354_842,
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": channel == "native_messaging",
        "generated_timestamp": second,
    }


def _image(image_id: int, name: str, side: int) -> Record:
    url = f"{HOST}/system/photos/{image_id}/{name}"
    return {
        "url": f"{HOST}/api/v2/attachments/{image_id}.json",
        "id": image_id,
        "file_name": name,
        "content_url": url,
        "mapped_content_url": url,
        "content_type": "image/png",
        "size": side * 73,
        "width": side,
        "height": side,
        "inline": False,
        "deleted": False,
    }


def user(n: int, record_id: RecordId, second: int) -> Record:
    """Make user number n, with 40 properties."""
    agent = n % 12 == 0
    photo = None
    if n % 3 == 0:
        thumbnail = _image(7_000_000_000_000 + 2 * n + 1, f"profile_{n}_thumb.png", 32)
        photo = _image(7_000_000_000_000 + 2 * n, f"profile_{n}.png", 80)
        photo["thumbnails"] = [thumbnail]
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/users/{record_id}.json",
        "name": f"{_NAMES[n % len(_NAMES)]} {n}",
        "email": f"user{n}@example.com" if n % 7 else None,
        "created_at": iso(second - n * 101 % (300 * DAY)),
        "updated_at": iso(second),
        "time_zone": "Copenhagen",
        "iana_time_zone": "Europe/Copenhagen",
        "phone": f"+4530{n:06d}" if n % 4 == 0 else None,
        "shared_phone_number": False if n % 4 == 0 else None,
        "photo": photo,
        "locale_id": 1,
        "locale": "en-US",
        "organization_id": organization_id(n % 101) if n % 3 else None,
        "role": ("admin" if n == 0 else "agent") if agent else "end-user",
        "verified": n % 2 == 0,
        "external_id": str(50_000 + n) if n % 5 == 0 else None,
        "tags": _TAGS[n % len(_TAGS)],
        "alias": "Zoë" if n % 9 == 0 else None,
        "active": n % 25 != 24,
        "shared": False,
        "shared_agent": False,
        "last_login_at": iso(second - 60) if agent else None,
        "two_factor_auth_enabled": False if agent else None,
        "signature": "Best,\nthe team" if agent else None,
        "details": text(n)[:80] if n % 6 == 0 else None,
        "notes": "calls at night 🌙" if n % 11 == 0 else None,
        "role_type": 4 if agent else None,
        "custom_role_id": 6_130_830_300_000 if agent else None,
        "moderator": agent,
        "ticket_restriction": None if agent else "requested",
        "only_private_comments": False,
        "restricted_agent": not agent,
        "suspended": n % 30 == 29,
        "default_group_id": 6_130_852_536_346 if agent else None,
        "report_csv": False,
        "chat_only": False,
        "last_active": iso(second - 30) if agent else None,
        "remote_photo_url": None,
        "user_fields": _CUSTOM_VALUES[n % len(_CUSTOM_VALUES)],
    }


def organization(n: int, record_id: RecordId, second: int) -> Record:
    """Make organization number n; every twentieth is deleted."""
    return {
        "url": f"{HOST}/api/v2/organizations/{record_id}.json",
        "id": record_id,
        "name": f"{_NAMES[n % len(_NAMES)]} & Söhne {n}",
        "shared_tickets": n % 2 == 0,
        "shared_comments": False,
        "external_id": f"org-{n}" if n % 3 == 0 else None,
        "created_at": iso(second - n * 211 % (300 * DAY)),
        "updated_at": iso(second),
        "domain_names": [f"org{n}.example", "été.example"] if n % 2 else [],
        "details": text(n)[:120] if n % 4 == 0 else None,
        "notes": "",
        "group_id": 6_130_852_536_346 if n % 5 == 0 else None,
        "tags": _TAGS[n % len(_TAGS)],
        "organization_fields": _CUSTOM_VALUES[(n + 7) % len(_CUSTOM_VALUES)],
        "deleted_at": iso(second) if n % 20 == 19 else None,
    }
