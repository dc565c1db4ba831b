"""Declares the lists that analysts join to tickets, and the lists of children of their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import records_products as products
from . import records_support as support
from . import visibility as visible
from .declarations import Endpoint, Resource
from .lists import CursorList, OffsetList, OnePage
from .store import iso_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .declarations import Form
    from .exports import RecordId
    from .store import Make, Record


def _without_schedule(holiday: Record) -> Record:
    return {key: value for key, value in holiday.items() if key != "schedule_id"}


def _list(  # noqa: PLR0913, PLR0917 - one line for each list
    name: str,
    make: Make,
    form: Form,
    path: str = "",
    key: str = "",
    new_id: Callable[[int], RecordId] | None = None,
) -> Resource:
    """Declare a resource that one list serves, and that has nothing special."""
    return Resource(name, make, (Endpoint(path or name, form),), records_key=key, new_id=new_id)


REFERENCE_LISTS = (
    Resource(
        "groups",
        support.group,
        (Endpoint("groups", CursorList(), hides=visible.is_deleted_group),),
        new_id=support.group_id,
        deletion=visible.delete_group,
    ),
    Resource(
        "tags",
        support.tag,
        (Endpoint("tags", CursorList()),),
        id_key="name",
        new_id=support.tag_name,
    ),
    _list("group_memberships", support.group_membership, CursorList()),
    _list("organization_memberships", support.organization_membership, CursorList()),
    _list("deleted_users", products.deleted_user, CursorList()),
    _list("brands", support.brand, CursorList(), new_id=support.brand_id),
    _list("ticket_forms", support.ticket_form, CursorList(), new_id=support.ticket_form_id),
    _list("macros", support.macro, CursorList()),
    _list("triggers", support.trigger, CursorList()),
    _list("automations", support.automation, CursorList()),
    _list("views", support.view, CursorList()),
    _list("recipient_addresses", support.recipient_address, CursorList()),
    _list(
        "dynamic_content_items",
        support.dynamic_content_item,
        CursorList(),
        "dynamic_content/items",
        "items",
    ),
    _list(
        "help_center_categories",
        products.help_center_category,
        CursorList(),
        "help_center/categories",
        "categories",
        new_id=products.category_id,
    ),
    _list(
        "help_center_sections",
        products.help_center_section,
        CursorList(),
        "help_center/sections",
        "sections",
        new_id=products.section_id,
    ),
    _list(
        "community_topics",
        products.community_topic,
        CursorList(),
        "community/topics",
        "topics",
        new_id=products.topic_id,
    ),
    _list(
        "community_posts",
        products.community_post,
        CursorList(),
        "community/posts",
        "posts",
        new_id=products.post_id,
    ),
    Resource(
        "sla_policies",
        support.sla_policy,
        (Endpoint("slas/policies", OffsetList(), hides=visible.has_deleted_at),),
    ),
    _list(
        "talk_phone_numbers",
        products.talk_phone_number,
        OffsetList(),
        "channels/voice/phone_numbers",
        "phone_numbers",
        new_id=products.phone_number_id,
    ),
    _list("custom_roles", support.custom_role, OnePage(), new_id=support.custom_role_id),
    _list("custom_statuses", support.custom_status, OnePage(), new_id=support.custom_status_id),
    _list("locales", support.locale, OnePage(), new_id=support.locale_id),
    _list("satisfaction_reasons", support.satisfaction_reason, OnePage(), key="reasons"),
    _list(
        "group_sla_policies",
        support.group_sla_policy,
        OnePage(),
        "group_slas/policies",
        new_id=support.group_sla_policy_id,
    ),
    _list("queues", support.queue, OnePage(), new_id=support.queue_id),
    _list(
        "schedules",
        support.schedule,
        OnePage(),
        "business_hours/schedules",
        new_id=support.schedule_id,
    ),
    Resource(
        "schedule_holidays",
        support.schedule_holiday,
        (Endpoint("business_hours/schedules/{parent}/holidays", OnePage(), row=_without_schedule),),
        records_key="holidays",
        parent="schedules",
        parent_key="schedule_id",
    ),
    Resource(
        "community_post_comments",
        products.community_post_comment,
        (Endpoint("community/posts/{parent}/comments", CursorList()),),
        records_key="comments",
        parent="community_posts",
        parent_key="post_id",
    ),
    Resource(
        "community_post_votes",
        products.community_post_vote,
        (Endpoint("community/posts/{parent}/votes", CursorList()),),
        records_key="votes",
        parent="community_posts",
        parent_key="item_id",
    ),
    Resource(
        "side_conversations",
        products.side_conversation,
        (Endpoint("tickets/{parent}/side_conversations", OffsetList()),),
        new_id=products.side_conversation_id,
        write_time=iso_milliseconds,
        parent="tickets",
        parent_key="ticket_id",
    ),
)
