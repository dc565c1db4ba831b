"""The streams, as Zendesk's export API serves them (`docs/export-api.md`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tap_zendesk_incremental.discovery import (
    CUSTOM_OBJECT_PREFIX,
    CustomObjectSchema,
    TypedFields,
    sample_columns,
)
from tap_zendesk_incremental.export import ExportStream
from tap_zendesk_incremental.fed import FedByComments, FedStream
from tap_zendesk_incremental.http.endpoint import Endpoint, listing, sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk import Tap
    from singer_sdk.singerlib import Catalog

    from tap_zendesk_incremental.http.client import Client


class Tickets(ExportStream):
    """Tickets, deleted ones too; `generated_timestamp` also moves on system updates."""

    name = "tickets"
    replication_key = "generated_timestamp"
    exported_in_epoch = True
    cursor = Endpoint("/api/v2/incremental/tickets/cursor.json")
    time = Endpoint("/api/v2/incremental/tickets.json")
    sample = sample("/api/v2/incremental/tickets/sample.json")
    # fields is a copy of custom_fields; metric_set becomes the stream ticket_metrics.
    left_out = frozenset({"fields", "metric_set"})
    sideloads: ClassVar[Mapping[str, str]] = {
        "metric_events": "metric_events",
        "slas": "slas",
        "dates": "dates",
        "comment_count": "comment_count",
        "incident_count": "incident_counts",
    }
    parameters = ("exclude_deleted", "support_type_scope")
    tolerated_statuses = frozenset()


class TicketEvents(ExportStream):
    """What happened to tickets, update by update."""

    name = "ticket_events"
    replication_key = "timestamp"
    exported_in_epoch = True
    time = Endpoint("/api/v2/incremental/ticket_events.json")
    sample = sample("/api/v2/incremental/ticket_events/sample.json")
    parameters = ("support_type_scope",)
    tolerated_statuses = frozenset()


class Users(ExportStream):
    """End users, agents and admins; deleted ones have `active` false."""

    name = "users"
    replication_key = "updated_at"
    cursor = Endpoint("/api/v2/incremental/users/cursor.json", limit="incremental-exports-cursor")
    time = Endpoint("/api/v2/incremental/users.json")
    sample = sample("/api/v2/incremental/users/sample.json")
    schema = TypedFields("user_fields")
    tolerated_statuses = frozenset()


class Organizations(ExportStream):
    """Organizations; deleted ones have `deleted_at`."""

    name = "organizations"
    replication_key = "updated_at"
    time = Endpoint("/api/v2/incremental/organizations.json")
    sample = sample("/api/v2/incremental/organizations/sample.json")
    schema = TypedFields("organization_fields")
    tolerated_statuses = frozenset()


class TicketMetricEvents(ExportStream):
    """Each start, stop and breach of a ticket's metrics."""

    name = "ticket_metric_events"
    replication_key = "time"
    time = Endpoint("/api/v2/incremental/ticket_metric_events.json")


class Articles(ExportStream):
    """Articles of the help center."""

    name = "articles"
    replication_key = "updated_at"
    time = Endpoint("/api/v2/help_center/incremental/articles.json")


class RoutingAttributes(ExportStream):
    """Changes to skill types."""

    name = "routing_attributes"
    replication_key = "time"
    records_key = "attributes"
    cursor = Endpoint("/api/v2/incremental/routing/attributes.json", takes_start_time=False)


class RoutingAttributeValues(ExportStream):
    """Changes to skills."""

    name = "routing_attribute_values"
    replication_key = "time"
    records_key = "attribute_values"
    cursor = Endpoint("/api/v2/incremental/routing/attribute_values.json", takes_start_time=False)


class RoutingInstanceValues(ExportStream):
    """Changes to the skills of agents and tickets."""

    name = "routing_instance_values"
    replication_key = "time"
    records_key = "instance_values"
    cursor = Endpoint("/api/v2/incremental/routing/instance_values.json", takes_start_time=False)


class TicketFields(ExportStream):
    """Definitions of the fields of tickets, to join the ids in `custom_fields` to titles."""

    name = "ticket_fields"
    cursor = listing("/api/v2/ticket_fields.json")


class UserFields(ExportStream):
    """Definitions of the custom fields of users."""

    name = "user_fields"
    cursor = listing("/api/v2/user_fields.json")


class OrganizationFields(ExportStream):
    """Definitions of the custom fields of organizations."""

    name = "organization_fields"
    cursor = listing("/api/v2/organization_fields.json")


class TicketExports(ExportStream):
    """Tickets as flat rows, from the ticket export API of 2012; current accounts lack it."""

    name = "ticket_exports"
    replication_key = "generated_timestamp"
    records_key = "results"
    time = Endpoint(
        "/api/v2/exports/tickets.json",
        limit="ticket-export-of-2012",
        newest_seconds=300,
        interval_seconds=300,
    )
    sample = sample("/api/v2/exports/tickets/sample.json")
    selected_by_default = False

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take a catalog over, with the columns that this account's rows have."""
        super().apply_catalog(catalog)
        if self.selected:
            schema = self.effective_schema
            columns = sample_columns(self.client, self.sample)
            schema["properties"] = {**columns, **schema["properties"]}
            self._tap.mapper.register_raw_stream_schema(self.name, schema, self.primary_keys)


class CustomObject(ExportStream):
    """Records of one of the account's custom objects."""

    replication_key = "updated_at"
    records_key = "custom_object_records"
    schema = CustomObjectSchema()

    def __init__(self, tap: Tap, client: Client, key: str) -> None:
        """Name the stream after the object; see `ExportStream`.

        Args:
            tap: The tap.
            client: Asks the account.
            key: The custom object's key.
        """
        self.cursor = Endpoint(f"/api/v2/incremental/custom_objects/{key}/cursor.json")
        super().__init__(tap, client, CUSTOM_OBJECT_PREFIX + key)


class TicketMetrics(FedStream):
    """How long tickets took, and how often they changed hands: one record a ticket."""

    name = "ticket_metrics"
    parent_stream_type = Tickets
    include = "metric_sets"
    made_of = ("metric_set",)


class TicketComments(FedByComments):
    """Comments, whole, with the time of the event that brought them."""

    name = "ticket_comments"
    parent_stream_type = TicketEvents


class UserIdentities(FedStream):
    """Addresses, numbers and accounts that users are known by."""

    name = "user_identities"
    parent_stream_type = Users
    include = "identities"
    beside = "identities"
    owner = "user_id"


STREAMS: tuple[type[ExportStream], ...] = (
    Tickets,
    TicketEvents,
    Users,
    Organizations,
    TicketMetricEvents,
    Articles,
    RoutingAttributes,
    RoutingAttributeValues,
    RoutingInstanceValues,
    TicketFields,
    UserFields,
    OrganizationFields,
    TicketExports,
)
"""Every stream with pages of its own, but for those of custom objects."""

FED_STREAMS: tuple[type[FedStream], ...] = (TicketMetrics, TicketComments, UserIdentities)
"""Every stream that comes along on another's pages."""
