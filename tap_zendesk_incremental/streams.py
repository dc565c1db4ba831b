"""The streams, as Zendesk's export API serves them (`docs/export-api.md`)."""

from __future__ import annotations

from tap_zendesk_incremental.export import Endpoint, ExportStream


class Tickets(ExportStream):
    """Tickets, deleted ones too; `generated_timestamp` also moves on system updates."""

    name = "tickets"
    exported_by = "generated_timestamp"
    cursor = Endpoint("/api/v2/incremental/tickets/cursor.json")
    time = Endpoint("/api/v2/incremental/tickets.json")
    left_out = frozenset({"fields"})  # a copy of custom_fields


class TicketEvents(ExportStream):
    """What happened to tickets, update by update."""

    name = "ticket_events"
    exported_by = "timestamp"
    time = Endpoint("/api/v2/incremental/ticket_events.json")


class Users(ExportStream):
    """End users, agents and admins; deleted ones have `active` false."""

    name = "users"
    exported_by = "updated_at"
    cursor = Endpoint("/api/v2/incremental/users/cursor.json", limit="incremental-exports-cursor")
    time = Endpoint("/api/v2/incremental/users.json")


class Organizations(ExportStream):
    """Organizations; deleted ones have `deleted_at`."""

    name = "organizations"
    exported_by = "updated_at"
    time = Endpoint("/api/v2/incremental/organizations.json")


STREAMS: tuple[type[ExportStream], ...] = (Tickets, TicketEvents, Users, Organizations)
"""Every stream of the tap."""
