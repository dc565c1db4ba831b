# ruff: noqa: RUF001 - people write such characters, and a tap has to carry them
"""The account's custom fields and custom objects, with values of each type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Record

HOST = "https://z3n-simulator.zendesk.com"
CREATED = "2020-02-03T04:05:06Z"
# The types of fields of users, organizations and custom objects, each with possible values.
VALUES: dict[str, tuple[object, ...]] = {
    "text": ("Zürich", "naïve café", "line\u2028separator", "🚀 launch", None, "plain"),
    "textarea": ("first line\nsecond line", "“quoted” – text", None),
    "checkbox": (True, False),
    "integer": (42, -7, 9007199254740993, None),
    "decimal": (19.99, -0.5, 1234567.125, None),
    "date": ("2024-02-29T00:00:00+00:00", "2019-12-31T00:00:00+00:00", None),
    "dropdown": ("plan_gold", "plan_silver", None),
    "multiselect": (["alpha", "beta"], ["gamma"], [], None),
    "regexp": ("AB-1234", "ZX-0001", None),
    "lookup": ("360001234567", "6130907993114", None),
}
CUSTOM_OBJECTS = {"vehicle": "Vehicle", "apartment": "Apartment"}
# The types of ticket fields by id. Ids need more than 32 bits.
TICKET_FIELD_TYPES = {
    360_042_000_000 + 7_919 * n: kind
    for n, kind in enumerate((*VALUES, "tagger", "partialcreditcard", *VALUES))
}
TICKET_VALUES = VALUES | {
    "tagger": ("billing__refund", "tech__login", None),
    "partialcreditcard": ("XXXXXXXXXXXX4242", None),
    # Ticket fields hold numbers as text, and dates without a time.
    "decimal": ("19.99", "-0.5", None),
    "integer": ("42", 42, None),
    "date": ("2024-02-29", None),
}


def custom_values(n: int) -> Record:
    """Make value number n of `user_fields` or `organization_fields`: values by key."""
    return {
        f"{kind}_field": values[(n + place) % len(values)]
        for place, (kind, values) in enumerate(VALUES.items())
    }


def custom_ticket_values(n: int) -> list[Record]:
    """Make the `custom_fields` of ticket number n: ids and values."""
    return [
        {"id": field_id, "value": TICKET_VALUES[kind][(n + place) % len(TICKET_VALUES[kind])]}
        for place, (field_id, kind) in enumerate(TICKET_FIELD_TYPES.items())
    ]


def _definition(resource: str, place: int, kind: str) -> Record:
    field_id = 361_000_000_000 + 31 * place
    definition = {
        "url": f"{HOST}/api/v2/{resource}/{field_id}.json",
        "id": field_id,
        "type": kind,
        "key": f"{kind}_field",
        "title": f"{kind.capitalize()} – été",
        "raw_title": f"{kind.capitalize()} – été",
        "description": "",
        "raw_description": "",
        "position": place,
        "active": True,
        "system": False,
        "regexp_for_validation": r"\A[A-Z]{2}-\d{4}\z" if kind == "regexp" else None,
        "created_at": CREATED,
        "updated_at": CREATED,
    }
    if kind in {"dropdown", "multiselect"}:
        options = [value for value in VALUES[kind] if value]
        names = sorted({str(o) for o in options if isinstance(o, str)} or {"alpha", "beta"})
        definition["custom_field_options"] = [
            {"id": 500 + n, "name": name.title(), "raw_name": name.title(), "value": name}
            for n, name in enumerate(names)
        ]
    return definition


def _ticket_definition(place: int, field_id: int, kind: str) -> Record:
    definition = _definition("ticket_fields", place, kind)
    del definition["key"], definition["system"]  # ticket fields have neither
    own = {
        "url": f"{HOST}/api/v2/ticket_fields/{field_id}.json",
        "id": field_id,
        "required": False,
        "collapsed_for_agents": False,
        "title_in_portal": f"{kind.capitalize()} {place}",
        "raw_title_in_portal": f"{kind.capitalize()} {place}",
        "visible_in_portal": True,
        "editable_in_portal": False,
        "required_in_portal": False,
        "agent_can_edit": True,
        "tag": "vip" if kind == "checkbox" else None,
        "removable": True,
        "key": None,
        "agent_description": None,
    }
    return definition | own


def definitions(resource: str) -> list[Record]:
    """Return the definitions of `user_fields`, `organization_fields`, … or `ticket_fields`."""
    if resource == "ticket_fields":
        return [
            _ticket_definition(place, field_id, kind)
            for place, (field_id, kind) in enumerate(TICKET_FIELD_TYPES.items())
        ]
    return [_definition(resource, place, kind) for place, kind in enumerate(VALUES)]


def custom_objects() -> list[Record]:
    """Return the account's custom objects."""
    return [
        {
            "url": f"{HOST}/api/v2/custom_objects/{key}.json",
            "key": key,
            "title": title,
            "raw_title": title,
            "title_pluralized": f"{title}s",
            "raw_title_pluralized": f"{title}s",
            "description": f"Every {title.lower()} we know of",
            "raw_description": f"Every {title.lower()} we know of",
            "include_in_list_view": True,
            "allows_photos": False,
            "allows_attachments": False,
            "created_by_user_id": "6130907993114",
            "updated_by_user_id": "6130907993114",
            "created_at": CREATED,
            "updated_at": CREATED,
        }
        for key, title in CUSTOM_OBJECTS.items()
    ]
