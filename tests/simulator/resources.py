"""Declares all resources that the account serves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import chat_exports, data, definitions, events, extras, limits, ticket_exports
from . import records_chat as chat
from . import records_products as products
from . import visibility as visible
from .declarations import Endpoint, Resource, hides_nothing
from .exports import CursorExport, RoutingExport, Sample, TimeExport
from .lists import CursorList, FixedList
from .reference_lists import REFERENCE_LISTS
from .store import iso_microseconds, iso_milliseconds

if TYPE_CHECKING:
    from .declarations import Form, Hides

_CHANGES = CursorList(("id", "updated_at"))
_OLDER = TimeExport(end_of_stream=False, newest_seconds=ticket_exports.NEWEST_SECONDS)
_TALK = TimeExport(end_of_stream=False, is_ragged=True)
_EVENTS = TimeExport(end_of_stream=False, ends_now=True)
_OLDER_SAMPLE = Sample(end_of_stream=False, newest_seconds=ticket_exports.NEWEST_SECONDS)


def _uuid(kind: int, n: int) -> str:
    return f"{kind:08x}-7326-11e8-b07e-{n:012x}"


def _ulid(n: int) -> str:
    return f"01GCSJW391QVSC80GYDH{n:06X}"


def _by_cursor(name: str, limit: limits.Limit, hides: Hides = hides_nothing) -> Endpoint:
    """Declare an incremental export by cursor."""
    return Endpoint(f"incremental/{name}/cursor", CursorExport(), limit, hides)


def _by_time(name: str, hides: Hides = hides_nothing) -> tuple[Endpoint, Endpoint]:
    """Declare an incremental export by time, and its sample."""
    path = f"incremental/{name}"
    return (
        Endpoint(path, TimeExport(), limits.EXPORTS, hides),
        Endpoint(f"{path}/sample", Sample(), limits.SAMPLES, hides),
    )


def _rows(path: str, form: Form, limit: limits.Limit) -> Endpoint:
    """Declare an endpoint of the ticket export API of 2012."""
    heads = {"field_headers": ticket_exports.HEADERS, "options": ticket_exports.OPTIONS}
    row, setting = ticket_exports.row, "ticket_exports"
    return Endpoint(
        path, form, limit, records_key="results", row=row, beside=heads, setting=setting
    )


def _definitions(path: str, name: str, records_key: str) -> Endpoint:
    return Endpoint(path, FixedList(lambda: definitions.definitions(name)), records_key=records_key)


_EXPORTED = (
    Resource(
        "tickets",
        data.ticket,
        (
            _by_cursor("tickets", limits.EXPORTS, visible.is_unwanted_ticket),
            *_by_time("tickets", visible.is_unwanted_ticket),
            Endpoint("tickets", _CHANGES, limits.TICKETS_INDEX, visible.is_deleted_or_archived),
            _rows("exports/tickets", _OLDER, limits.TICKET_EXPORTS),
            _rows("exports/tickets/sample", _OLDER_SAMPLE, limits.SAMPLES),
        ),
        new_id=lambda n: events.TICKET_BASE + events.TICKET_STEP * n,
        time_field="generated_timestamp",
        write_time=int,
        deletion=visible.delete_ticket,
        deleted_in="deleted_tickets",
    ),
    Resource(
        "ticket_events",
        events.ticket_event,
        _by_time("ticket_events", visible.is_out_of_scope),
        new_id=lambda n: 12_000_000_000_000 + 16 * n,
        time_field="timestamp",
        write_time=int,
    ),
    Resource(
        "users",
        data.user,
        (
            _by_cursor("users", limits.USERS_CURSOR),
            *_by_time("users"),
            Endpoint("users", _CHANGES, hides=visible.is_deleted_user),
        ),
        new_id=data.user_id,
        deletion=visible.deactivate,
        deleted_in="deleted_users",
    ),
    Resource(
        "organizations",
        data.organization,
        (
            *_by_time("organizations"),
            Endpoint("organizations", _CHANGES, hides=visible.has_deleted_at),
        ),
        new_id=data.organization_id,
    ),
    Resource(
        "ticket_metric_events",
        events.ticket_metric_event,
        (Endpoint("incremental/ticket_metric_events", TimeExport(), limits.EXPORTS),),
        new_id=lambda n: 9_000_000_000_000 + n,
        time_field="time",
        is_late=visible.is_breach,
    ),
    Resource(
        "articles",
        extras.article,
        (Endpoint("help_center/incremental/articles", TimeExport(), limits.EXPORTS),),
        new_id=lambda n: 4_400_000_000 + n,
    ),
    *(
        Resource(
            f"routing_{name}",
            make,
            (Endpoint(f"incremental/routing/{name}", RoutingExport(), limits.EXPORTS),),
            records_key=name,
            new_id=partial(_uuid, kind),
            time_field="time",
        )
        for name, make, kind in (
            ("attributes", extras.attribute, 0x15821CBA),
            ("attribute_values", extras.attribute_value, 0x19ED17FB),
            ("instance_values", extras.instance_value, 0x62055CAD),
        )
    ),
    *(
        Resource(
            f"custom_object_{key}",
            extras.custom_object_record(key),
            (
                _by_cursor(f"custom_objects/{key}", limits.EXPORTS),
                _definitions(
                    f"custom_objects/{key}/fields", f"custom_object_{key}", "custom_object_fields"
                ),
            ),
            records_key="custom_object_records",
            new_id=_ulid,
        )
        for key in definitions.CUSTOM_OBJECTS
    ),
    Resource(
        "talk_calls",
        products.talk_call,
        (Endpoint("channels/voice/stats/incremental/calls", _TALK, limits.TALK),),
        records_key="calls",
        new_id=products.call_id,
    ),
    Resource(
        "talk_call_legs",
        products.talk_call_leg,
        (Endpoint("channels/voice/stats/incremental/legs", _TALK, limits.TALK),),
        records_key="legs",
    ),
    Resource(
        "side_conversation_events",
        products.side_conversation_event,
        (Endpoint("tickets/side_conversations/events", _EVENTS, limits.SIDE_CONVERSATIONS),),
        records_key="events",
        new_id=partial(_uuid, 0x8566255A),
        time_field="created_at",
        write_time=iso_milliseconds,
    ),
)
_DEFINITIONS = (
    *(
        Resource(name, None, (_definitions(name, name, name),))
        for name in ("ticket_fields", "user_fields", "organization_fields")
    ),
    Resource(
        "custom_objects", None, (Endpoint("custom_objects", FixedList(definitions.custom_objects)),)
    ),
)
_AUDITS = CursorList(("created_at",), newest_first=True)
_RATINGS = CursorList(("updated_at",), since="start_time", until="end_time")
_SURVEYS = CursorList(
    ("created_at",), since="filter[created_at_start]", until="filter[created_at_end]"
)
_LOGS = CursorList(
    ("created_at",),
    newest_first=True,
    since="filter[created_at][]",
    until="filter[created_at][]",
)
_SKIPS = CursorList(("updated_at",), since="start_time")
_DELETED = CursorList(("id", "deleted_at"))
_LISTED_BY_TIME = (
    Resource(
        "ticket_audits",
        products.ticket_audit,
        (Endpoint("ticket_audits", _AUDITS, hides=visible.is_of_archived_ticket),),
        records_key="audits",
        time_field="created_at",
    ),
    Resource(
        "deleted_tickets",
        products.deleted_ticket,
        (Endpoint("deleted_tickets", _DELETED, limits.DELETED_TICKETS),),
        time_field="deleted_at",
    ),
    Resource(
        "satisfaction_ratings",
        products.satisfaction_rating,
        (Endpoint("satisfaction_ratings", _RATINGS),),
    ),
    Resource(
        "survey_responses",
        products.survey_response,
        (Endpoint("guide/survey_responses", _SURVEYS),),
        new_id=_ulid,
        time_field="created_at",
    ),
    Resource(
        "audit_logs", products.audit_log, (Endpoint("audit_logs", _LOGS),), time_field="created_at"
    ),
    Resource(
        "ticket_skips", products.ticket_skip, (Endpoint("skips", _SKIPS),), records_key="skips"
    ),
)


def _chat(name: str, ticks_per_second: int = 1) -> tuple[Endpoint]:
    """Declare an export of Chat."""
    form = chat_exports.ChatExport(name, ticks_per_second)
    return (Endpoint(f"chat/incremental/{name}", form, limits.CHAT),)


_CHAT = (
    Resource(
        "chats",
        chat.chat,
        _chat("chats"),
        new_id=chat.chat_id,
        time_field="update_timestamp",
    ),
    Resource(
        "chat_agent_timeline",
        chat.chat_agent_timeline,
        _chat("agent_timeline", chat_exports.MICROSECONDS),
        records_key="agent_timeline",
        id_key="start_time",
        time_field="start_time",
        write_time=iso_microseconds,
    ),
    Resource(
        "chat_conversions",
        chat.chat_conversion,
        _chat("conversions"),
        records_key="conversions",
        new_id=lambda n: f"{chat.chat_id(n)}.c",
        time_field="timestamp",
    ),
    Resource(
        "chat_department_events",
        chat.chat_department_event,
        _chat("department_events"),
        records_key="department_events",
        new_id=lambda n: f"{chat.chat_id(n)}.d",
        time_field="timestamp",
    ),
)
RESOURCES = (*_EXPORTED, *_DEFINITIONS, *_LISTED_BY_TIME, *_CHAT, *REFERENCE_LISTS)
