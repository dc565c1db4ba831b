# ruff: noqa: RUF001 - people write such characters, and a tap has to carry them
"""Makes the records of Chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .data import text, user_id
from .records_products import GROUP_ID, ticket_id
from .store import iso

if TYPE_CHECKING:
    from .exports import RecordId
    from .store import Record


def chat_id(n: int) -> str:
    """Return the id of chat number n."""
    return f"2104.10414779.SV{n:011x}"


def _attribution(n: int, second: int) -> Record:
    return {
        "chat_id": chat_id(n),
        "chat_timestamp": iso(second - 600),
        "agent_id": user_id(n % 13),
        "agent_name": "Zoë",
        "department_id": GROUP_ID if n % 2 else None,
        "department_name": "Vertrieb" if n % 2 else None,
    }


def chat_conversion(n: int, record_id: RecordId, second: int) -> Record:
    """Make conversion number n: a goal that a visitor reached."""
    return {
        "id": record_id,
        "timestamp": iso(second),
        "goal_id": 513_481 + n % 3,
        "goal_name": ("Kauf 🛒", "Anmeldung", "")[n % 3],
        "attribution": _attribution(n, second) if n % 4 else {},
    }


def chat_agent_timeline(n: int, record_id: RecordId, second: int) -> Record:
    """Make span number n of an agent's timeline. As at Zendesk, it has no id."""
    del record_id
    return {
        "agent_id": user_id(n % 13),
        "engagement_count": n % 4,
        "start_time": f"{iso(second)[:-1]}.{n * 7_919 % 1_000_000:06d}Z",
        "status": ("online", "away", "invisible", "offline")[n % 4],
        "duration": n % 3_600 + 0.213926,
    }


def chat_department_event(n: int, record_id: RecordId, second: int) -> Record:
    """Make event number n of a department. The changed value is an object, a text or null."""
    changes: tuple[tuple[str, object, object], ...] = (
        ("settings", {"chat_enabled": True, "name": "Größere"}, {"chat_enabled": False}),
        ("name", "Vertrieb 🌍", "Vertrieb"),
        ("description", "Für Große", None),
        ("members", {"ids": [n % 13]}, None),
    )
    field_name, value, previous_value = changes[n % len(changes)]
    return {
        "id": record_id,
        "department_id": GROUP_ID + n % 3,
        "timestamp": iso(second),
        "field_name": field_name,
        "value": value,
        "previous_value": previous_value,
    }


def _chat_history(n: int, second: int) -> list[Record]:
    """Make the history of a chat."""
    at = {"timestamp": iso(second - 300)}
    visitor = {"name": "Łukasz Żak", "nick": "visitor"}
    agent = {"name": "Zoë", "nick": f"agent:{user_id(n % 13)}"}
    return [
        {"type": "chat.memberjoin", "channel": f"#{n}", **visitor, **at},
        {
            "type": "chat.msg",
            "msg": "Grüezi 👋\u2028",
            "msg_id": f"{n}",
            "options": "",
            **visitor,
            **at,
        },
        {"type": "chat.msg", "msg": "Gerne!", "msg_id": n, "options": "Ja/Nein", **agent, **at},
        {
            "type": "chat.transfer",
            "department_id": GROUP_ID,
            "prev_department_id": str(GROUP_ID + 1),
            "department_name": "Vertrieb",
            **agent,
            **at,
        },
        {"type": "chat.rating", "rating": None, "new_rating": "good", **visitor, **at},
        {"type": "chat.tags", "tags": ["new"], "new_tags": ["new", "großkunde"], **agent, **at},
        {"type": "chat.skills", "skills_name": ["français"], **agent, **at},
        {
            "type": "chat.conversion",
            "conversion": chat_conversion(4 * n + 1, f"{chat_id(n)}.c", second),
            **at,
        },
    ]


def _engagement(n: int, second: int) -> Record:
    return {
        "id": f"{chat_id(n)}.e1",
        "started_by": ("visitor", "agent", "transfer_in")[n % 3],
        "agent_id": str(user_id(n % 13)),
        "agent_name": "Zoë",
        "agent_full_name": "Zoë O’Brien",
        "department_id": GROUP_ID if n % 2 else None,
        "assigned": True,
        "accepted": n % 5 != 0,
        "rating": "good" if n % 4 == 0 else None,
        "comment": "Danke ✨" if n % 4 == 0 else None,
        "skills_requested": [1_300_601] if n % 3 == 0 else [],
        "skills_fulfilled": n % 2 == 0,
        "timestamp": iso(second - 540),
        "duration": n % 600 + 0.5,
        "response_time": {"first": 5, "avg": 9.25, "max": 21},
        "count": {"total": 8, "agent": 5, "visitor": 3},
    }


def chat(n: int, record_id: RecordId, second: int) -> Record:
    """Make chat number n. Every fourth is an offline message, which has fewer properties."""
    offline = n % 4 == 3
    written: Record = {
        "id": record_id,
        "type": "offline_msg" if offline else "chat",
        "timestamp": iso(second - 600),
        "update_timestamp": iso(second),
        "department_id": GROUP_ID if n % 2 else None,
        "department_name": "Vertrieb" if n % 2 else None,
        "visitor": {
            "id": f"{n}.45678",
            "name": "Łukasz Żak" if n % 3 else "",
            "email": f"user{n}@example.com",
            "phone": "+4530123456" if n % 2 else "",
            "notes": "ruft nachts an 🌙" if n % 5 == 0 else "",
        },
        "session": {
            "id": f"141109.{n}.1KhqS0Nw",
            "start_date": iso(second - 900),
            "end_date": iso(second - 60),
            "ip": "2001:db8::1",
            "browser": "Safari",
            "platform": "Mac OS",
            "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10)",
            "country_code": "DK",
            "country_name": "Denmark",
            "region": "Midtjylland",
            "city": "Århus",
        },
        "webpath": [
            {
                "from": "",
                "to": "https://shop.example/käse?q=1",
                "title": "Käse & mehr",
                "timestamp": iso(second - 800),
            }
        ]
        if n % 3
        else [],
        "tags": ["großkunde", "sales"] if n % 2 == 0 else [],
        "unread": n % 6 == 0,
        "deleted": n % 25 == 24,
        "zendesk_ticket_id": ticket_id(n) if n % 3 else None,
    }
    if offline:
        return written | {"message": text(n)}
    return written | {
        "end_timestamp": iso(second - 60),
        "duration": 540 + n % 60,
        "started_by": ("visitor", "agent", "trigger")[n % 3],
        "agent_ids": [str(user_id(n % 13))] if n % 5 else [],
        "agent_names": ["Zoë"] if n % 5 else [],
        "history": _chat_history(n, second),
        "engagements": [_engagement(n, second)] if n % 5 else [],
        "conversions": [chat_conversion(4 * n + 1, f"{record_id}.c", second)] if n % 6 == 0 else [],
        "count": {"total": 8, "agent": 5, "visitor": 3},
        "response_time": {"first": 5, "avg": 9.25, "max": 21}
        if n % 5
        else {"first": None, "avg": None, "max": None},
        "rating": ("good", "bad", None)[n % 3],
        "comment": "Merci, c’était parfait !" if n % 3 == 0 else None,
        "triggered": n % 3 == 2,
        "triggered_response": n % 3 == 2,
        "proactive": n % 3 != 0,
        "missed": n % 5 == 0,
        "dropped": n % 12 == 0,
        "skills_requested": [1_300_601] if n % 3 == 0 else [],
        "skills_fulfilled": n % 2 == 0,
        "referrer_search_engine": "DuckDuckGo" if n % 7 == 0 else None,
        "referrer_search_terms": "prix fromage" if n % 7 == 0 else None,
    }
