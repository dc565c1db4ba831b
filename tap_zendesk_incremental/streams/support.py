"""Streams of Zendesk Support (`docs/export-api.md`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from tap_zendesk_incremental.child_stream import (
    CommentStream,
    ListedChildStream,
    SideloadStream,
)
from tap_zendesk_incremental.discovery import TypedFields, sample_columns
from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.endpoint import (
    LIST_TRAIL_SECONDS,
    Endpoint,
    changes_list,
    cursor_export,
    cursor_list,
    filtered_list,
    milliseconds,
    offset_list,
    sample,
    single_page,
    time_export,
)
from tap_zendesk_incremental.http.rate_limit import Pace
from tap_zendesk_incremental.state import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.singerlib import Catalog


DAY_SECONDS = 86_400


class Tickets(ExportStream):
    """Tickets, deleted ones too; `generated_timestamp` also moves on system updates."""

    name = "tickets"
    replication_key = "generated_timestamp"
    cursor = cursor_export("/api/v2/incremental/tickets/cursor.json")
    time = time_export("/api/v2/incremental/tickets.json")
    listing = changes_list("/api/v2/tickets.json")
    sample = sample("/api/v2/incremental/tickets/sample.json")
    # fields is a copy of custom_fields; metric_set becomes the stream ticket_metrics.
    excluded = frozenset({"fields", "metric_set"})
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
    instead_of_listing = "ticket_audits"
    time = time_export("/api/v2/incremental/ticket_events.json")
    sample = sample("/api/v2/incremental/ticket_events/sample.json")
    parameters = ("support_type_scope",)
    tolerated_statuses = frozenset()


class Users(ExportStream):
    """End users, agents and admins; deleted ones have `active` false."""

    name = "users"
    replication_key = "updated_at"
    cursor = cursor_export(
        "/api/v2/incremental/users/cursor.json", limit="incremental-exports-cursor"
    )
    time = time_export("/api/v2/incremental/users.json")
    listing = changes_list("/api/v2/users.json")
    sample = sample("/api/v2/incremental/users/sample.json")
    schema = TypedFields("user_fields")
    tolerated_statuses = frozenset()


class Organizations(ExportStream):
    """Organizations; deleted ones have `deleted_at`."""

    name = "organizations"
    replication_key = "updated_at"
    time = time_export("/api/v2/incremental/organizations.json")
    listing = changes_list("/api/v2/organizations.json")
    sample = sample("/api/v2/incremental/organizations/sample.json")
    schema = TypedFields("organization_fields")
    tolerated_statuses = frozenset()


class TicketMetricEvents(ExportStream):
    """Each start, stop and breach of a ticket's metrics."""

    name = "ticket_metric_events"
    replication_key = "time"
    # A breach is written late: another connector waits half an hour for it.
    time = time_export("/api/v2/incremental/ticket_metric_events.json", trail_seconds=1800)


class RoutingAttributes(ExportStream):
    """Changes to skill types."""

    name = "routing_attributes"
    replication_key = "time"
    records_key = "attributes"
    cursor = cursor_export("/api/v2/incremental/routing/attributes.json", start_parameter=None)


class RoutingAttributeValues(ExportStream):
    """Changes to skills."""

    name = "routing_attribute_values"
    replication_key = "time"
    records_key = "attribute_values"
    cursor = cursor_export(
        "/api/v2/incremental/routing/attribute_values.json", start_parameter=None
    )


class RoutingInstanceValues(ExportStream):
    """Changes to the skills of agents and tickets."""

    name = "routing_instance_values"
    replication_key = "time"
    records_key = "instance_values"
    cursor = cursor_export("/api/v2/incremental/routing/instance_values.json", start_parameter=None)


class TicketFields(ExportStream):
    """Definitions of ticket fields, to join the ids in `custom_fields` to titles."""

    name = "ticket_fields"
    listing = cursor_list("/api/v2/ticket_fields.json")


class UserFields(ExportStream):
    """Definitions of the custom fields of users."""

    name = "user_fields"
    listing = cursor_list("/api/v2/user_fields.json")


class OrganizationFields(ExportStream):
    """Definitions of the custom fields of organizations."""

    name = "organization_fields"
    listing = cursor_list("/api/v2/organization_fields.json")


class TicketExports(ExportStream):
    """Tickets as flat rows, from the ticket export API of 2012; current accounts lack it."""

    name = "ticket_exports"
    replication_key = "generated_timestamp"
    records_key = "results"
    time = time_export(
        "/api/v2/exports/tickets.json",
        limit="ticket-export-of-2012",
        newest_seconds=300,
        pace=Pace(requests=1, seconds=300),
    )
    sample = sample("/api/v2/exports/tickets/sample.json")
    selected_by_default = False

    def apply_catalog(self, catalog: Catalog) -> None:
        """Apply a catalog, and add the columns that this account's rows have."""
        super().apply_catalog(catalog)
        if self.selected:
            schema = self.effective_schema
            columns = sample_columns(self.client, self.sample)
            schema["properties"] = {**columns, **schema["properties"]}
            self.tap.mapper.register_raw_stream_schema(self.name, schema, self.primary_keys)


class TicketMetrics(SideloadStream):
    """How long tickets took, and how often they changed hands: one record per ticket."""

    name = "ticket_metrics"
    parent_stream_type = Tickets
    include = "metric_sets"
    parent_properties = ("metric_set",)
    array = "metric_sets"
    parent_key = "ticket_id"


class TicketComments(CommentStream):
    """Ticket comments in full, with the time of the event that added them."""

    name = "ticket_comments"
    parent_stream_type = TicketEvents


class UserIdentities(SideloadStream):
    """Email addresses, phone numbers and accounts that identify users."""

    name = "user_identities"
    parent_stream_type = Users
    include = "identities"
    array = "identities"
    parent_key = "user_id"


class TicketAudits(ExportStream):
    """Updates of tickets that are not archived; Zendesk may leave some out."""

    name = "ticket_audits"
    replication_key = "created_at"
    records_key = "audits"
    listing = replace(
        cursor_list("/api/v2/ticket_audits.json", "newest_first"),
        trail_seconds=LIST_TRAIL_SECONDS,
    )
    selected_by_default = False


class DeletedTickets(ExportStream):
    """Tickets deleted in the last 30 days, and who deleted them."""

    name = "deleted_tickets"
    replication_key = "deleted_at"
    listing = replace(
        changes_list("/api/v2/deleted_tickets.json", "deleted_at"), limit="deleted-tickets-index"
    )
    selected_by_default = False


class TicketSkips(ExportStream):
    """Tickets that agents skipped in guided mode, with the reason."""

    name = "ticket_skips"
    replication_key = "updated_at"
    records_key = "skips"
    listing = filtered_list("/api/v2/skips.json")
    selected_by_default = False


class SideConversationEvents(ExportStream):
    """What happened in side conversations."""

    name = "side_conversation_events"
    replication_key = "created_at"
    records_key = "events"
    time = Endpoint(
        "/api/v2/tickets/side_conversations/events.json",
        "events",
        limit="side-conversation-events",
        pace=Pace(requests=600, seconds=600),
        size_parameter=None,
    )
    selected_by_default = False


class SideConversations(ListedChildStream):
    """Side conversations as they are now: at least one request per ticket with new events."""

    name = "side_conversations"
    parent_stream_type = SideConversationEvents
    listing = offset_list("/api/v2/tickets/{id}/side_conversations.json")
    list_key = "side_conversations"
    parent_id = "ticket_id"
    parent_key = "ticket_id"


class SatisfactionRatings(ExportStream):
    """Satisfaction ratings of solved tickets."""

    name = "satisfaction_ratings"
    replication_key = "updated_at"
    listing = filtered_list("/api/v2/satisfaction_ratings.json", end_parameter="end_time")
    selected_by_default = False


class SurveyResponses(ExportStream):
    """Answers to satisfaction surveys, which can change for 28 days."""

    name = "survey_responses"
    # The only time in a response. Zendesk filters by the creation time, which it does not send.
    replication_key = "expires_at"
    listing = filtered_list(
        "/api/v2/guide/survey_responses.json",
        start_parameter="filter[created_at_start]",
        end_parameter="filter[created_at_end]",
        time_format=milliseconds,
        max_size=50,
        trail_seconds=29 * DAY_SECONDS,
    )
    selected_by_default = False


class AuditLogs(ExportStream):
    """Changes to the account's settings, and who made them; for Enterprise plans."""

    name = "audit_logs"
    replication_key = "created_at"
    listing = filtered_list(
        "/api/v2/audit_logs.json",
        start_parameter="filter[created_at][]",
        end_parameter="filter[created_at][]",
        time_format=iso,
        fixed={"sort": "created_at"},
    )
    selected_by_default = False


class DeletedUsers(ExportStream):
    """Users that were deleted, but not permanently."""

    name = "deleted_users"
    listing = cursor_list("/api/v2/deleted_users.json")
    selected_by_default = False


class Groups(ExportStream):
    """Groups of agents; deleted ones have `deleted` true."""

    name = "groups"
    listing = cursor_list("/api/v2/groups.json", exclude_deleted="false")


class GroupMemberships(ExportStream):
    """Which agent is in which group."""

    name = "group_memberships"
    listing = cursor_list("/api/v2/group_memberships.json")


class OrganizationMemberships(ExportStream):
    """Which user is in which organization."""

    name = "organization_memberships"
    listing = cursor_list("/api/v2/organization_memberships.json")
    selected_by_default = False


class Brands(ExportStream):
    """Brands; deleted ones have `is_deleted` true."""

    name = "brands"
    listing = cursor_list("/api/v2/brands.json")


class TicketForms(ExportStream):
    """Ticket forms, with their fields and conditions."""

    name = "ticket_forms"
    listing = cursor_list("/api/v2/ticket_forms.json")


class CustomStatuses(ExportStream):
    """Ticket statuses of the account; tickets refer to them by `custom_status_id`."""

    name = "custom_statuses"
    listing = single_page("/api/v2/custom_statuses.json")


class CustomRoles(ExportStream):
    """Roles of agents; users refer to them by `custom_role_id`."""

    name = "custom_roles"
    listing = single_page("/api/v2/custom_roles.json")


class SlaPolicies(ExportStream):
    """Service level policies, with their targets."""

    name = "sla_policies"
    listing = offset_list("/api/v2/slas/policies.json")


class GroupSlaPolicies(ExportStream):
    """Service level policies of groups, with their targets."""

    name = "group_sla_policies"
    listing = single_page("/api/v2/group_slas/policies.json")
    selected_by_default = False


class Schedules(ExportStream):
    """Business hours."""

    name = "schedules"
    listing = single_page("/api/v2/business_hours/schedules.json")


class ScheduleHolidays(ListedChildStream):
    """Holidays of the business hours: one request per schedule."""

    name = "schedule_holidays"
    parent_stream_type = Schedules
    listing = single_page("/api/v2/business_hours/schedules/{id}/holidays.json")
    list_key = "holidays"
    parent_key = "schedule_id"


class Tags(ExportStream):
    """The most used tags of the last 60 days, and how often each was used."""

    name = "tags"
    primary_keys = ("name",)
    listing = cursor_list("/api/v2/tags.json")
    selected_by_default = False


class Macros(ExportStream):
    """Macros, which change tickets at a click."""

    name = "macros"
    listing = cursor_list("/api/v2/macros.json")
    selected_by_default = False


class Triggers(ExportStream):
    """Triggers, which change tickets when something happens."""

    name = "triggers"
    listing = cursor_list("/api/v2/triggers.json")
    selected_by_default = False


class Automations(ExportStream):
    """Automations, which change tickets when time has passed."""

    name = "automations"
    listing = cursor_list("/api/v2/automations.json")
    selected_by_default = False


class Views(ExportStream):
    """Shared views, and the personal views of the login."""

    name = "views"
    listing = cursor_list("/api/v2/views.json")
    selected_by_default = False


class Queues(ExportStream):
    """Queues of omnichannel routing."""

    name = "queues"
    listing = single_page("/api/v2/queues.json")
    selected_by_default = False


class Locales(ExportStream):
    """Languages that the account supports."""

    name = "locales"
    listing = single_page("/api/v2/locales.json")
    selected_by_default = False


class SatisfactionReasons(ExportStream):
    """Reasons that a user can give for a bad rating."""

    name = "satisfaction_reasons"
    records_key = "reasons"
    listing = single_page("/api/v2/satisfaction_reasons.json")
    selected_by_default = False


class RecipientAddresses(ExportStream):
    """Email addresses at which the account receives mail."""

    name = "recipient_addresses"
    listing = cursor_list("/api/v2/recipient_addresses.json")
    selected_by_default = False


class DynamicContentItems(ExportStream):
    """Dynamic content: texts with their translations."""

    name = "dynamic_content_items"
    records_key = "items"
    listing = cursor_list("/api/v2/dynamic_content/items.json")
    selected_by_default = False
