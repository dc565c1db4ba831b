# ruff: noqa: RUF001 - people write such characters, and a tap has to carry them
"""Makes help center articles, skill routing changes and custom object records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .data import text, user_id
from .definitions import HOST, custom_values
from .store import iso

if TYPE_CHECKING:
    from .exports import RecordId
    from .store import Make, Record


def article(n: int, record_id: RecordId, second: int) -> Record:
    """Make help center article number n."""
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/help_center/en-us/articles/{record_id}.json",
        "html_url": f"{HOST}/hc/en-us/articles/{record_id}-How-to-log-in",
        "author_id": user_id(n % 13),
        "comments_disabled": n % 2 == 0,
        "draft": n % 10 == 9,
        "promoted": n % 10 == 1,
        "position": n,
        "vote_sum": n % 7 - 3,
        "vote_count": n % 11,
        "section_id": 360_000_000_123,
        "created_at": iso(second - 86_400 * (n % 40)),
        "updated_at": iso(second),
        "edited_at": iso(second),
        "name": f"How to log in – {n}",
        "title": f"How to log in – {n}",
        "source_locale": "en-us",
        "locale": "en-us",
        "outdated": False,
        "outdated_locales": [],
        "user_segment_id": None,
        "user_segment_ids": [],
        "permission_group_id": 360_000_000_456,
        "content_tag_ids": [],
        "label_names": ["login", "mot de passe"],
        "body": f"<p>{text(n)}</p>",
    }


def attribute(n: int, record_id: RecordId, second: int) -> Record:
    """Make change number n of a skill type."""
    return {
        "id": record_id,
        "name": ("Language", "Größe", "Region")[n % 3],
        "time": iso(second),
        "type": ("create", "update", "delete")[n % 3],
    }


def attribute_value(n: int, record_id: RecordId, second: int) -> Record:
    """Make change number n of a skill."""
    value = attribute(n, record_id, second)
    return value | {"attribute_id": f"15821cba-7326-11e8-b07e-{n:012x}"}


def instance_value(n: int, record_id: RecordId, second: int) -> Record:
    """Make change number n of the skills of an agent or ticket."""
    return {
        "id": record_id,
        "attribute_value_id": f"19ed17fb-7326-11e8-b07e-{n:012x}",
        "instance_id": str(user_id(n % 13)),
        "time": iso(second),
        "type": ("associate_agent", "unassociate_agent", "associate_ticket")[n % 3],
    }


def custom_object_record(key: str) -> Make:
    """Return the function that makes the records of a custom object."""

    def make(n: int, record_id: RecordId, second: int) -> Record:
        return {
            "url": f"{HOST}/api/v2/custom_objects/{key}/records/{record_id}.json",
            "id": record_id,
            "name": f"{key.title()} № {n}",
            "custom_object_key": key,
            "custom_object_fields": custom_values(n),
            "created_by_user_id": str(user_id(n % 13)),
            "updated_by_user_id": str(user_id(n % 13)),
            "created_at": iso(second - 86_400),
            "updated_at": iso(second),
            "external_id": f"{key}-{n}" if n % 2 else None,
            "photo": None,
        }

    return make
