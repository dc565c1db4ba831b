# ruff: noqa: RUF001 - people write such characters, and a tap has to carry them
"""Makes the records that analysts join to tickets: groups, brands, forms, rules, schedules, ….

Each function follows recorded responses of Zendesk, or its reference where there is no recording.
The records only refer to the first ten of each kind, so an account with ten of each has no dangling
ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .data import DAY, organization_id, text, user_id
from .definitions import HOST, TICKET_FIELD_TYPES
from .store import iso

if TYPE_CHECKING:
    from .exports import RecordId
    from .store import Record

_AGENTS = 10  # users 0, 12, 24, … are agents
_FIELDS = tuple(TICKET_FIELD_TYPES)
_NAMES = ("Support", "Tier 2 – Größe", "請求書", "Équipe d’été", "R&D <b>", "🚑 Escalations", "Ops")
# Tickets use the first ones.
_TAGS = ("billing", "vip", "großkunde", "support", "a_b-c", "été", "refund", "late")
# Id, code, name, native name, name in lists, whether its script runs from right to left.
_LOCALES = (
    (1, "en-US", "English", "English (United States)", "English (United States)", False),
    (30, "he", "עִבְרִית (Hebrew)", "עברית", "Hebrew - עברית", True),
    (67, "ja", "日本語 (Japanese)", "日本語", "Japanese - 日本語", False),
    (2, "es", "Español", "español", "Spanish - español", False),
)
_TIME_ZONES = ("Pacific Time (US & Canada)", "Copenhagen", "Kathmandu", "UTC")
_SLA_METRICS = (
    "first_reply_time",
    "next_reply_time",
    "periodic_update_time",
    "pausable_update_time",
    "requester_wait_time",
    "agent_work_time",
    "total_resolution_time",
)
_TARGETS = {"low": 2880, "normal": 1440, "high": 360, "urgent": 15}


def group_id(n: int) -> int:
    """Return the id of group number n; tickets use number 0."""
    return 6_130_852_536_346 + 64 * n


def brand_id(n: int) -> int:
    """Return the id of brand number n; tickets use number 0."""
    return 6_130_830_354_842 + 64 * n


def ticket_form_id(n: int) -> int:
    """Return the id of ticket form number n; tickets use number 0."""
    return 6_130_830_344_474 + 64 * n


def custom_role_id(n: int) -> int:
    """Return the id of custom role number n; agents use number 0."""
    return 6_130_830_300_000 + 64 * n


def custom_status_id(n: int) -> int:
    """Return the id of custom status number n; tickets use number 0, their events also 1."""
    return 6_130_830_355_738 + n


def schedule_id(n: int) -> int:
    """Return the id of schedule number n."""
    return 6_130_830_399_002 + 64 * n


def locale_id(n: int) -> int:
    """Return the id of locale number n; users use number 0."""
    return _LOCALES[n][0] if n < len(_LOCALES) else 1_000 + n


def group_sla_policy_id(n: int) -> str:
    """Return the id of group policy number n, a ULID."""
    return f"01H078CBDY28BZG7P6B0{n:06X}"


def queue_id(n: int) -> str:
    """Return the id of queue number n, a ULID."""
    return f"01HG80ATNNZK1N7XRFVK{n:06X}"


def tag_name(n: int) -> str:
    """Return tag number n, which is its own key; tickets use the first eight."""
    return _TAGS[n] if n < len(_TAGS) else f"tag_{n}_ñ"


def _url(path: str, record_id: RecordId) -> str:
    return f"{HOST}/api/v2/{path}/{record_id}.json"


def _agent_id(n: int) -> int:
    return user_id(12 * (n % _AGENTS))


def _times(n: int, second: int) -> Record:
    return {"created_at": iso(second - n * 53 % 700 * DAY), "updated_at": iso(second)}


def group(n: int, record_id: RecordId, second: int) -> Record:
    """Make group number n; every seventh is deleted."""
    return {
        "url": _url("groups", record_id),
        "id": record_id,
        "is_public": n % 5 != 3,
        "name": f"{_NAMES[n % len(_NAMES)]} {n}",
        "description": text(n)[:90] if n % 3 else "",
        "default": n == 0,
        "deleted": n % 7 == 6,
        **_times(n, second),
    }


def group_membership(n: int, record_id: RecordId, second: int) -> Record:
    """Make group membership number n; the first hundred put ten agents into ten groups."""
    return {
        "url": _url("group_memberships", record_id),
        "id": record_id,
        "user_id": _agent_id(n),
        "group_id": group_id(n // _AGENTS % 10),
        "default": n < _AGENTS,
        **_times(n, second),
    }


def organization_membership(n: int, record_id: RecordId, second: int) -> Record:
    """Make organization membership number n, which belongs to user number n."""
    return {
        "url": _url("organization_memberships", record_id),
        "id": record_id,
        "user_id": user_id(n),
        "organization_id": organization_id(n % 101),
        # Null if it is not the default, according to Zendesk's reference.
        "default": True if n % 3 else None,
        **_times(n, second),
        "organization_name": f"Søn & Daughters “{n % 101}”",
        "view_tickets": n % 4 == 0,
    }


def _logo(n: int, place: int) -> Record:
    """Make a brand's logo, or one of its smaller versions."""
    logo_id = 6_130_900_000_000 + 3 * n + place
    side = (80, 32, 24)[place]
    name = f"logo_{n}{('', '_thumb', '_small')[place]}.png"
    address = f"{HOST}/system/brands/{logo_id}/{name}"
    return {
        "url": _url("attachments", logo_id),
        "id": logo_id,
        "file_name": name,
        "content_url": address,
        "mapped_content_url": address,
        "content_type": "image/png",
        "size": side * 51,
        "width": side,
        "height": side,
        "inline": False,
        "deleted": False,
        "malware_access_override": False,
        "malware_scan_result": "malware_not_found",
    }


def brand(n: int, record_id: RecordId, second: int) -> Record:
    """Make brand number n; every sixth is deleted, and every fifth is inactive."""
    subdomain = "z3n-simulator" if n == 0 else f"z3n-brand{n}"
    logo = _logo(n, 0) | {"thumbnails": [_logo(n, 1), _logo(n, 2)]}
    return {
        "url": _url("brands", record_id),
        "id": record_id,
        "name": f"サンドボックス & Søn {n}" if n % 2 else f"Brand {n}",
        "brand_url": f"https://{subdomain}.zendesk.com",
        "subdomain": subdomain,
        "host_mapping": f"help.brand{n}.example" if n % 4 == 1 else None,
        "has_help_center": n % 3 != 2,
        "help_center_state": ("enabled", "restricted", "disabled")[n % 3],
        "active": n % 5 != 4,
        "default": n == 0,
        "is_deleted": n % 6 == 5,
        "logo": logo if n % 3 == 1 else None,
        "ticket_form_ids": [ticket_form_id(k) for k in range(n % 4)],
        "signature_template": "{{agent.signature}}\n– “Søn”" if n % 3 else None,
        **_times(n, second),
    }


def _form_conditions(n: int, *, agents: bool) -> list[Record]:
    required: tuple[Record, ...] = (
        {"type": "NO_STATUSES"},
        {"type": "ALL_STATUSES"},
        {
            "type": "SOME_STATUSES",
            "statuses": ["new", "pending"],
            "custom_statuses": [custom_status_id(0), custom_status_id(1)],
        },
    )
    children: list[Record] = [
        {"id": _FIELDS[place], "is_required": place == 1} for place in range(3)
    ]
    if agents:
        for child, statuses in zip(children, required, strict=True):
            child["required_on_statuses"] = statuses
    values = ("plan_gold", True, "", "été 🌞")
    kinds = ("tagger", "checkbox", "tagger", "tagger")
    return [
        {
            "parent_field_id": _FIELDS[4 + place],
            "parent_field_type": kinds[(n + place) % len(kinds)],
            "value": values[(n + place) % len(values)],
            "child_fields": children if place == 0 else [],
        }
        for place in range(n % 3)
    ]


def ticket_form(n: int, record_id: RecordId, second: int) -> Record:
    """Make ticket form number n; every eighth is deleted, and every fifth is inactive."""
    name = f"Formulaire n° {n}" if n % 2 else f"Default Ticket Form {n}"
    display_name = "" if n % 4 == 3 else name
    return {
        "url": _url("ticket_forms", record_id),
        "id": record_id,
        "name": name,
        "raw_name": name,
        "display_name": display_name,
        "raw_display_name": "{{dc.form}}" if n % 4 == 2 else display_name,
        "end_user_visible": n % 3 != 2,
        "position": n + 1,
        "ticket_field_ids": list(_FIELDS[: n % 6]),
        "active": n % 5 != 4,
        "default": n == 0,
        **_times(n, second),
        "in_all_brands": n % 4 != 1,
        "restricted_brand_ids": [brand_id(0), brand_id(2)] if n % 4 == 1 else [],
        "end_user_conditions": _form_conditions(n, agents=False),
        "agent_conditions": _form_conditions(n + 1, agents=True),
        "deleted_at": iso(second) if n % 8 == 7 else None,
    }


def tag(n: int, record_id: RecordId, second: int) -> Record:
    """Make tag number n: its name is its id, and its count falls as n grows."""
    return {"name": record_id, "count": max(0, 9_000 - 31 * n + second % 31)}


def _restriction(n: int) -> Record | None:
    groups = [group_id(n % 10), group_id((n + 1) % 10)]
    return (
        None,
        {"type": "Group", "id": groups[0], "ids": groups},
        {"type": "User", "id": _agent_id(n)},
    )[n % 3]


def _conditions(n: int) -> Record:
    everything: tuple[Record, ...] = (
        {"field": "status", "operator": "less_than", "value": "solved"},
        {"field": "group_id", "operator": "is", "value": str(group_id(n % 10))},
        {"field": "assignee_id", "operator": "changed", "value": None},
        {"field": "custom_status_id", "operator": "includes", "value": ["1", "2"]},
        {"field": f"custom_fields_{_FIELDS[2]}", "operator": "is", "value": True},
        {"field": "subject_includes_word", "operator": "is_not", "value": "été “🌞”"},
        {"field": "satisfaction_score", "operator": "is", "value": ""},
        {"field": "ticket_form_id", "operator": "is", "value": ticket_form_id(n % 10)},
    )
    turned = everything[n % 8 :] + everything[: n % 8]
    return {"all": list(turned[: 1 + n % 4]), "any": list(turned[5 : 5 + n % 3])}


def _actions(n: int) -> list[Record]:
    parts = [["ticket", "{{ticket.id}}"], ["reason", "naïve “café”"]]
    everything: tuple[Record, ...] = (
        {"field": "status", "value": "solved"},
        {"field": "comment_value", "value": text(n)},
        {"field": "notification_user", "value": ["requester_id", "Re: {{ticket.title}}", text(n)]},
        {"field": "notification_webhook", "value": ["01GCSJW391QVSC80GYDH000001", parts]},
        {"field": "notification_group", "value": [group_id(n % 10), "[Été] {{ticket.id}}", ""]},
        {"field": f"custom_fields_{_FIELDS[2]}", "value": True},
        {"field": "group_id", "value": None},
        {"field": "set_tags", "value": "großkunde été"},
    )
    turned = everything[n % 8 :] + everything[: n % 8]
    return list(turned[: n % 5])


def _rule(path: str, n: int, record_id: RecordId, second: int) -> Record:
    times = _times(n, second)
    return {
        "url": _url(path, record_id),
        "id": record_id,
        "title": f"{_NAMES[n % len(_NAMES)]}: rule {n}",
        "active": n % 4 != 3,
        "updated_at": times["updated_at"],
        "created_at": times["created_at"],
        "default": n % 9 == 0,
    }


def _raw_title(n: int, title: str) -> Record:
    return {"raw_title": "{{zd.your_unsolved_tickets}}" if n % 6 == 0 else title}


def macro(n: int, record_id: RecordId, second: int) -> Record:
    """Make macro number n; every fourth is inactive."""
    rule = _rule("macros", n, record_id, second)
    return {
        **rule,
        "position": 9_999 + n,
        "description": text(n)[:80] if n % 2 else None,
        "actions": _actions(n),
        "restriction": _restriction(n),
        "attachments": [4_621_166_392_467 + n] if n % 5 == 2 else [],
        **_raw_title(n, rule["title"]),
    }


def trigger(n: int, record_id: RecordId, second: int) -> Record:
    """Make trigger number n; every fourth is inactive."""
    rule = _rule("triggers", n, record_id, second)
    return {
        **rule,
        "actions": _actions(n + 2),
        "conditions": _conditions(n),
        "description": text(n)[:80] if n % 2 else None,
        "position": n,
        **_raw_title(n, rule["title"]),
        "category_id": str(6_130_869_158_682 + n % 3),
        "brand_id": brand_id(n % 10) if n % 3 == 1 else None,
    }


def automation(n: int, record_id: RecordId, second: int) -> Record:
    """Make automation number n; every fourth is inactive."""
    rule = _rule("automations", n, record_id, second)
    waiting = {"field": "PENDING", "operator": "greater_than", "value": str(24 * (n + 1))}
    conditions = _conditions(n)
    return {
        **rule,
        "actions": _actions(n + 1),
        "conditions": {"all": [waiting, *conditions["all"]], "any": conditions["any"]},
        "position": 9_998 + n,
        **_raw_title(n, rule["title"]),
    }


def _column(name: str, title: str) -> Record:
    return {"id": name, "title": title, "filterable": name != "subject", "sortable": True}


def _execution(n: int) -> Record:
    fields = [_column("subject", "Subject"), _column("created", "Demandé le")]
    custom_fields = [
        {
            "id": field_id,
            "title": "Größe 📏",
            "type": TICKET_FIELD_TYPES[field_id],
            "url": _url("ticket_fields", field_id),
            "filterable": True,
            "sortable": False,
        }
        for field_id in _FIELDS[: n % 3]
    ]
    columns = [*fields, *custom_fields]
    grouped = n % 4 != 3
    return {
        "group_by": str(columns[-1]["id"]) if grouped else None,
        "group_order": "asc",
        "sort_by": str(columns[-1]["id"]) if grouped else None,
        "sort_order": "desc",
        "group": columns[-1] | {"order": "asc"} if grouped else None,
        "sort": columns[-1] | {"order": "desc"} if grouped else None,
        "columns": columns,
        "fields": fields,
        "custom_fields": custom_fields,
    }


def view(n: int, record_id: RecordId, second: int) -> Record:
    """Make view number n; every fourth is inactive."""
    rule = _rule("views", n, record_id, second)
    return {
        **rule,
        "position": n,
        "description": text(n)[:80] if n % 2 else None,
        "execution": _execution(n),
        "conditions": _conditions(n),
        "restriction": _restriction(n),
        "watchable": n % 3 != 1,
        **_raw_title(n, rule["title"]),
    }


def _targets(metrics: tuple[str, ...], n: int) -> list[Record]:
    """Make a target for each metric and priority, in minutes; newer ones also in seconds."""
    return [
        {
            "priority": priority,
            "metric": metric,
            "target": minutes + n,
            **({"target_in_seconds": 60 * (minutes + n)} if n % 2 else {}),
            "business_hours": n % 3 != 0,
        }
        for metric in metrics
        for priority, minutes in _TARGETS.items()
    ]


def sla_policy(n: int, record_id: RecordId, second: int) -> Record:
    """Make service level policy number n."""
    return {
        "url": _url("slas/policies", record_id),
        "id": record_id,
        "title": f"{('Gold', 'Größe', '請求書')[n % 3]} {n}",
        "description": text(n)[:100] if n % 2 else None,
        "position": n + 1,
        "filter": _conditions(n),
        "policy_metrics": _targets(_SLA_METRICS[: (n + 1) % (len(_SLA_METRICS) + 1)], n),
        **_times(n, second),
    }


def group_sla_policy(n: int, record_id: RecordId, second: int) -> Record:
    """Make group service level policy number n."""
    groups = [group_id(k) for k in range(1 + n % 3)]
    return {
        "url": _url("group_slas/policies", record_id),
        "id": record_id,
        "title": f"Tier {n} – Übergabe",
        "description": text(n)[:100] if n % 2 else None,
        "position": n + 1,
        "filter": {"all": [{"field": "group_id", "operator": "includes", "value": groups}]},
        "policy_metrics": _targets(("group_ownership_time",), n),
        **_times(n, second),
    }


def schedule(n: int, record_id: RecordId, second: int) -> Record:
    """Make schedule number n: office hours, split shifts, around the clock, or none at all."""
    shifts: tuple[tuple[int, ...], tuple[tuple[int, int], ...]] = (
        ((1, 2, 3, 4, 5), ((540, 1_020),)),
        ((1, 2, 3, 4), ((480, 720), (765, 1_440))),
        ((0, 1, 2, 3, 4, 5, 6), ((0, 1_440),)),
        ((), ()),
    )[n % 4]
    days, hours = shifts
    return {
        "id": record_id,
        "name": f"{('Office', 'Équipe d’été', '24/7', 'Closed 🌙')[n % 4]} {n}",
        "time_zone": _TIME_ZONES[n % len(_TIME_ZONES)],
        **_times(n, second),
        "intervals": [
            {"start_time": day * 1_440 + start, "end_time": day * 1_440 + end}
            for day in days
            for start, end in hours
        ],
    }


def schedule_holiday(n: int, record_id: RecordId, second: int) -> Record:
    """Make holiday number n of one of the first eight schedules; it lasts from a day to a week.

    The endpoint leaves out `schedule_id`, because Zendesk lists holidays without it.
    """
    return {
        "id": record_id,
        "schedule_id": schedule_id(n % 8),
        "name": f"{('New Year’s Day', 'Jul & påske', '元日')[n % 3]} {n}",
        "start_date": iso(second)[:10],
        "end_date": iso(second + n % 7 * DAY)[:10],
    }


def custom_role(n: int, record_id: RecordId, second: int) -> Record:
    """Make custom role number n; its permissions depend on the account's plan."""
    admin = n % 3 == 0
    full = "full" if admin else "readonly"
    configuration: Record = {
        "chat_access": True,
        "end_user_list_access": "full" if admin else "none",
        "forum_access_restricted_content": False,
        "light_agent": n % 3 == 1,
        "manage_business_rules": admin,
        "manage_dynamic_content": admin,
        "manage_extensions_and_channels": admin,
        "manage_facebook": admin,
        "moderate_forums": False,
        "side_conversation_create": True,
        "ticket_access": "all" if admin else "within-groups",
        "ticket_comment_access": "public" if admin else "none",
        "ticket_deletion": admin,
        "ticket_tag_editing": True,
        "twitter_search_access": False,
        "view_deleted_tickets": admin,
        "voice_access": True,
        "group_access": admin,
        "organization_editing": admin,
        "organization_notes_editing": admin,
        "assign_tickets_to_any_group": admin,
        "end_user_profile_access": full,
        "explore_access": full,
        "forum_access": full,
        "macro_access": "full" if admin else "manage-personal",
        "report_access": full,
        "ticket_editing": True,
        "ticket_merge": admin,
        "user_view_access": full,
        "view_access": full,
        "voice_dashboard_access": admin,
    }
    if n % 2 == 0:
        configuration |= {
            "assign_tickets_to_any_brand": admin,
            "custom_objects": {"vehicle": {"scopes": ["read", "update"]}} if admin else {},
            "explore_reports": {
                "ticket_access": "selected-groups",
                "ticket_access_selected_groups": [str(group_id(0))],
            },
            "export_views": admin,
            "manage_approval_requests": admin,
            "manage_automations": admin,
            "manage_contextual_workspaces": admin,
            "manage_group_memberships": admin,
            "manage_groups": admin,
            "manage_organization_fields": admin,
            "manage_organizations": admin,
            "manage_roles": "all" if admin else "none",
            "manage_skills": admin,
            "manage_slas": admin,
            "manage_suspended_tickets": admin,
            "manage_team_members": "all-with-self-restriction" if admin else "none",
            "manage_ticket_fields": admin,
            "manage_ticket_forms": admin,
            "manage_triggers": admin,
            "manage_user_fields": admin,
            "ticket_bulk_edit": admin,
            "ticket_redaction": admin,
            "view_filter_tickets": admin,
        }
    return {
        "id": record_id,
        "name": f"{('Admin', 'Light agent', 'Équipier – 担当')[n % 3]} {n}",
        "description": text(n)[:100] if n % 4 else "",
        "role_type": (4, 1, 0)[n % 3],
        **_times(n, second),
        "configuration": configuration,
        "team_member_count": n * 7 % 50,
    }


def custom_status(n: int, record_id: RecordId, second: int) -> Record:
    """Make custom status number n; the first five are the defaults of their categories."""
    category = ("open", "new", "pending", "hold", "solved")[n % 5]
    default = n < 5
    label = category.title() if default else f"{category.title()} – 待って {n}"
    raw = f"{{{{zd.status_{category}}}}}" if default else label
    described = text(n)[:60] if n % 2 else None
    return {
        "url": _url("custom_statuses", record_id),
        "id": record_id,
        "status_category": category,
        "agent_label": label,
        "raw_agent_label": raw,
        "end_user_label": label,
        "raw_end_user_label": raw,
        "description": described,
        "raw_description": described,
        "end_user_description": "" if n % 3 else described,
        "raw_end_user_description": "" if n % 3 else described,
        "active": n % 7 != 6,
        "default": default,
        **_times(n, second),
    }


def locale(n: int, record_id: RecordId, second: int) -> Record:
    """Make locale number n."""
    code, name, native_name, presentation_name, rtl = (
        _LOCALES[n][1:]
        if n < len(_LOCALES)
        else (f"en-x-{n}", f"Pseudo {n} ⟦ƒöö⟧", f"ƒöö {n}", f"Pseudo - ƒöö {n}", False)
    )
    return {
        "url": _url("locales", code),
        "id": record_id,
        "locale": code,
        "name": name,
        "native_name": native_name,
        "presentation_name": presentation_name,
        "rtl": rtl,
        "created_at": iso(second - 400 * DAY) if n else None,
        "updated_at": iso(second),
        "default": n == 0,
    }


def satisfaction_reason(n: int, record_id: RecordId, second: int) -> Record:
    """Make satisfaction reason number n; every fifth is deleted."""
    codes = (0, 5, 6, 7, 8, 1_000)
    value = f"The agent’s answer was “{('late', 'naïve', '不十分')[n % 3]}” {n}"
    return {
        "url": _url("satisfaction_reasons", record_id),
        "id": record_id,
        "reason_code": codes[n] if n < len(codes) else 995 + n,
        "value": value,
        "raw_value": f"{{{{dc.reason_code_{n}}}}}" if n % 2 else value,
        **_times(n, second),
        "deleted_at": iso(second) if n % 5 == 4 else None,
    }


def recipient_address(n: int, record_id: RecordId, second: int) -> Record:
    """Make support address number n."""
    checked = ("verified", "failed", "unknown")[n % 3]
    return {
        "url": _url("recipient_addresses", record_id),
        "id": record_id,
        "brand_id": brand_id(n % 10),
        "default": True if n == 0 else (None, False)[n % 2],
        "name": f"Søn & “Support” {n}" if n % 4 else None,
        "email": f"support+{n}@été.example" if n % 5 == 1 else f"support{n}@example.com",
        "forwarding_status": ("verified", "waiting", "failed", "unknown")[n % 4],
        "spf_status": checked,
        "cname_status": checked,
        "domain_verification_status": checked,
        "domain_verification_code": f"18e8dac7{n:08x}" if n % 3 else None,
        "dns_results": (None, "verified", "failed")[n % 3],
        **_times(n, second),
    }


def dynamic_content_item(n: int, record_id: RecordId, second: int) -> Record:
    """Make dynamic content item number n, with a text in each of up to four locales."""
    url = f"{HOST}/api/v2/dynamic_content/items/{record_id}"
    return {
        "url": f"{url}.json",
        "id": record_id,
        "name": f"Greeting № {n}",
        "placeholder": f"{{{{dc.greeting_{n}}}}}",
        "default_locale_id": locale_id(0),
        "outdated": n % 4 == 3,
        **_times(n, second),
        "variants": [
            {
                "url": f"{url}/variants/{1_900_000_263_745 + 4 * n + k}.json",
                "id": 1_900_000_263_745 + 4 * n + k,
                "content": (text(n), "שלום", "こんにちは\u2028👋", "")[k],
                "locale_id": locale_id(k),
                "outdated": n % 4 == 3 and k == 1,
                "active": k != 2 or n % 2 == 0,
                "default": k == 0,
                **_times(n + k, second),
            }
            for k in range(1 + n % 4)
        ],
    }


def _queue_groups(numbers: range) -> Record:
    groups = [{"id": group_id(k), "name": f"{_NAMES[k % len(_NAMES)]} {k}"} for k in numbers]
    return {"count": len(groups), "groups": groups}


def queue(n: int, record_id: RecordId, second: int) -> Record:
    """Make queue number n."""
    return {
        "url": _url("queues", record_id),
        "id": record_id,
        "name": f"{('VIP', 'Größe', '請求書')[n % 3]} {n}",
        "description": text(n)[:100] if n % 2 else None,
        **_times(n, second),
        "order": n + 1,
        "priority": n * 13 % 100,
        "definition": _conditions(n),
        "primary_groups": _queue_groups(range(1 + n % 3)),
        "secondary_groups": _queue_groups(range(5, 5 + n % 3)),
    }
