# ruff: noqa: RUF001 - people write such characters, and a tap has to carry them
"""Makes the records of Talk, side conversations, ratings, audits and the community."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .data import organization_id, text, ticket, user_id
from .definitions import HOST
from .events import TICKET_BASE, TICKET_STEP
from .store import iso

if TYPE_CHECKING:
    from .exports import RecordId
    from .store import Record

GROUP_ID = 6_130_852_536_346
BRAND_ID = 6_130_830_354_842
COMMUNITY_ID = 7_253_391_140_495
DAY = 86_400
_LANGUAGES = ("en-us", "de", "ja")


def ticket_id(n: int) -> int:
    """Return the id of ticket number n."""
    return TICKET_BASE + TICKET_STEP * n


def call_id(n: int) -> int:
    """Return the id of call number n."""
    return 360_088_814_475 + 20 * n


def phone_number_id(n: int) -> int:
    """Return the id of telephone number n."""
    return 360_000_121_575 + 20 * n


def side_conversation_id(n: int) -> str:
    """Return the id of side conversation number n."""
    return f"8566255a-ece5-11e8-857d-{n:012x}"


def category_id(n: int) -> int:
    """Return the id of help center category number n."""
    return 360_000_000_023 + 20 * n


def section_id(n: int) -> int:
    """Return the id of help center section number n; articles are in the first."""
    return 360_000_000_123 + 20 * n


def topic_id(n: int) -> int:
    """Return the id of community topic number n."""
    return 7_253_394_974_479 + 128 * n


def post_id(n: int) -> int:
    """Return the id of community post number n."""
    return 7_253_351_904_271 + 128 * n


def _exactly(second: int, n: int, digits: int = 3) -> str:
    """Format a second with a fraction of the given number of digits."""
    return f"{iso(second)[:-1]}.{n * 7_919 % 10**digits:0{digits}d}Z"


def talk_call(n: int, record_id: RecordId, second: int) -> Record:
    """Make call number n; every fourth is outbound, every fifth is abandoned."""
    inbound, answered = n % 4 != 0, n % 5 != 0
    menu = inbound and n % 3 == 0
    return {
        "id": record_id,
        "created_at": iso(second - 2_400 - n % 600),
        "updated_at": iso(second),
        "agent_id": user_id(n % 13) if answered else None,
        "call_charge": ("0.003", "0.062", "0.0")[n % 3],
        "consultation_time": n % 40 if n % 7 == 0 else 0,
        "completion_status": "completed" if answered else "abandoned_in_queue",
        "customer_id": user_id(n % 997) if n % 6 else None,
        "customer_requested_voicemail": n % 11 == 0,
        "direction": "inbound" if inbound else "outbound",
        "duration": 8 + n % 900,
        "exceeded_queue_wait_time": n % 10 == 0 if inbound else None,
        "hold_time": n % 90,
        "minutes_billed": 1 + n % 15,
        "outside_business_hours": n % 9 == 0 if inbound else None,
        "phone_number_id": phone_number_id(n % 4),
        "phone_number": f"+1205953146{n % 4}",
        "ticket_id": ticket_id(n) if n % 6 else None,
        "time_to_answer": n % 60 if answered and inbound else None,
        "voicemail": not answered and n % 2 == 0,
        "wait_time": n % 120,
        "wrap_up_time": n % 45,
        "ivr_time_spent": 5 + n % 30 if menu else None,
        "ivr_hops": 1 + n % 3 if menu else None,
        "ivr_destination_group_name": "Größere Kunden 🌍" if menu else None,
        "talk_time": n % 800 if answered else None,
        "ivr_routed_to": "+4530123456" if menu and n % 2 else None,
        "callback": n % 8 == 1 if inbound else None,
        "callback_source": "queue" if inbound and n % 8 == 1 else None,
        "default_group": n % 2 == 0,
        "ivr_action": "group" if menu else None,
        "line": f"+1205953146{n % 4}" if n % 7 else None,
        "line_id": phone_number_id(n % 4) if n % 7 else None,
        "line_type": "phone" if n % 7 else None,
        "overflowed": n % 13 == 0,
        "overflowed_to": "+4530999999" if n % 13 == 0 else None,
        "recording_control_interactions": n % 3,
        "recording_time": n % 700,
        "not_recording_time": n % 50,
        "call_recording_consent": ("always", "opt_in", "opt_out", "never")[n % 4],
        "call_recording_consent_action": "caller_opted_in" if n % 4 == 1 else None,
        "call_recording_consent_keypress": "3" if n % 4 == 1 else None,
        "call_group_id": GROUP_ID if n % 3 else None,
        "call_channel": "phone" if n % 7 else None,
        "quality_issues": (["none"], ["silence", "high_jitter"], [])[n % 3],
        "post_call_transcription_created": n % 2 == 0 if n % 5 else None,
        "post_call_summary_created": n % 2 == 1 if n % 5 else None,
    }


def talk_call_leg(n: int, record_id: RecordId, second: int) -> Record:
    """Make leg number n: each call has a leg of the customer, then one of the agent."""
    of_agent = n % 2 == 1
    moved = of_agent and n % 7 == 0
    return {
        "id": record_id,
        "created_at": iso(second - 2_400),
        "updated_at": iso(second),
        "agent_id": user_id(n % 13) if of_agent else 0,
        "user_id": 0 if of_agent else (user_id(n % 997) if n % 6 else None),
        "duration": 4 + n % 900,
        "hold_time": n % 90,
        "wrap_up_time": n % 45 if of_agent else None,
        "available_via": ("browser", "phone")[n % 3 == 0] if of_agent else None,
        "forwarded_to": "+4530123456" if of_agent and n % 3 == 0 else None,
        "consultation_from": user_id(n % 13 + 1) if moved else None,
        "transferred_from": user_id(n % 13 + 1) if moved else None,
        "transferred_to": user_id(n % 13 + 2) if moved else None,
        "minutes_billed": 1 + n % 15 if of_agent else None,
        "call_charge": "0.003" if of_agent else "0.0",
        "completion_status": ("completed", "agent_missed", "agent_declined")[n % 3],
        "consultation_time": n % 60 if moved else None,
        "talk_time": n % 800,
        "consultation_to": user_id(n % 13 + 2) if moved else None,
        "conference_time": n % 30 if moved else None,
        "conference_from": user_id(n % 13 + 1) if moved else None,
        "conference_to": user_id(n % 13 + 2) if moved else None,
        "quality_issues": (["none"], ["information_not_available"], [])[n % 3],
        "call_id": call_id(n // 2),
        "type": "agent" if of_agent else "customer",
    }


def talk_phone_number(n: int, record_id: RecordId, second: int) -> Record:
    """Make telephone number n; every third is a digital line."""
    digital = n % 3 == 2
    number = f"+1205953146{n % 4}"
    shown = f"+1 (205) 953-146{n % 4}"
    nickname = f"Büro “Süd” № {n}" if n % 2 else None
    return {
        "id": record_id,
        "country_code": "US" if n % 5 else None,
        "created_at": iso(second),
        "external": n % 7 == 0,
        "number": number,
        "name": nickname or shown,
        "nickname": nickname,
        "display_number": shown,
        "location": "AL" if n % 4 else "",
        "toll_free": n % 4 == 3,
        "transcription": True,
        "recorded": n % 2 == 0,
        "call_recording_consent": ("always", "opt_in", "opt_out", "never")[n % 4],
        "group_ids": [GROUP_ID] if n % 3 else [],
        "default_group_id": GROUP_ID if n % 3 else None,
        "greeting_ids": [360_000_011_000 + n] if n % 2 else [],
        "default_greeting_ids": ["voicemail_en", "call-recording-opt-out_en"],
        "categorised_greetings": {"1": "voicemail_en", "3": 360_000_011_000 + n},
        "categorised_greetings_with_sub_settings": {
            "1": {"voicemail_on_inside_business_hours": "voicemail_en"},
            "3": "wait_en",
        },
        "sms_group_id": GROUP_ID if n % 6 == 1 else None,
        "capabilities": {"sms": True, "mms": n % 2 == 0, "voice": True, "emergency_address": True},
        "sms_enabled": n % 6 == 1,
        "voice_enabled": True,
        "priority": n % 2,
        "outbound_enabled": n % 5 != 0,
        "line_type": "digital" if digital else "phone",
        "ivr_id": 360_000_011_896 if n % 4 == 1 else None,
        "schedule_id": 4_567_312_249_615 if n % 4 == 2 else None,
        "failover_number": "+4530999999" if n % 5 == 1 else None,
        "brand_id": BRAND_ID if n % 3 == 1 else None,
        "token": f"{n:032x}" if n % 2 else None,
    }


def _agent(n: int) -> Record:
    """Make an agent in a side conversation."""
    return {"user_id": user_id(n % 13), "name": "Zoë O’Brien", "email": f"user{n}@example.com"}


def _participant(n: int) -> Record:
    """Make a participant of a side conversation: by email, in Slack, Teams or a child ticket."""
    nobody: Record = {"user_id": None, "name": None, "email": None}
    return (
        _agent(n),
        nobody | {"email": "lieferant@straße.example"},
        nobody | {"slack_workspace_id": "T123ABC", "slack_channel_id": "C456DEF"},
        nobody | {"msteams_channel_id": "19:0a1b2c@thread.tacv2"},
        nobody | {"support_group_id": GROUP_ID, "support_agent_id": str(user_id(n % 13))},
    )[n % 5]


EVENTS_EACH = 3
"""The number of events of a side conversation: it is created, answered and closed."""


def side_conversation_event(n: int, record_id: RecordId, second: int) -> Record:
    """Make event number n; see `EVENTS_EACH`."""
    conversation, kind = n // EVENTS_EACH, ("create", "reply", "update")[n % EVENTS_EACH]
    side = f"{HOST}/api/v2/tickets/{ticket_id(conversation)}/side_conversations"
    url = f"{side}/{side_conversation_id(conversation)}"
    event: Record = {
        "id": record_id,
        "side_conversation_id": side_conversation_id(conversation),
        "ticket_id": ticket_id(conversation),
        "actor": _agent(n),
        "type": kind,
        "via": "api" if n % 4 == 0 else "support",
        "created_at": _exactly(second, n),
        "message": None,
        "updates": {},
        "url": url,
    }
    if kind == "update":
        renamed = {"subject": "Où en est-on ? 🙈"} if conversation % 2 else {}
        return event | {"updates": {"state": "closed", **renamed}}
    attachment = {
        "id": f"s3-{record_id}",
        "file_name": "écran № 1.png",
        "size": 50_645,
        "content_url": f"{url}/attachments/s3-{record_id}/download/",
        "content_type": "image/png",
        "width": 406,
        "height": None if n % 2 else 214,
        "inline": False,
    }
    message = {
        "subject": f"Lieferung {conversation}: wo bleibt sie?",
        "preview_text": text(n)[:60],
        "from": _agent(n),
        "to": [_participant(conversation)],
        "body": text(n),
        "html_body": f'<div class="zd-comment"><p>{text(n)}</p></div>',
        "external_ids": {"my_system_id": "abc-123-xyz"} if n % 4 == 0 else {},
        "attachments": [attachment] if n % 2 == 0 else [],
        "via": event["via"],
    }
    return event | {"message": message}


def side_conversation(n: int, record_id: RecordId, second: int) -> Record:
    """Make side conversation number n of a ticket."""
    child_ticket = {"targetTicketId": str(ticket_id(n + 1))}
    return {
        "url": f"{HOST}/api/v2/tickets/{ticket_id(n)}/side_conversations/{record_id}",
        "id": record_id,
        "ticket_id": ticket_id(n),
        "subject": f"Lieferung {n}: wo bleibt sie?" if n % 6 else "",
        "preview_text": text(n)[:60],
        "state": ("open", "closed")[n % 2],
        "participants": [_agent(n + 1), _participant(n)] if n % 7 else [],
        "created_at": _exactly(second - DAY, n),
        "updated_at": _exactly(second, n),
        "message_added_at": _exactly(second - 60, n),
        "state_updated_at": _exactly(second, n),
        "external_ids": child_ticket if n % 5 == 4 else {},
    }


def satisfaction_rating(n: int, record_id: RecordId, second: int) -> Record:
    """Make rating number n; only bad ratings have a reason."""
    score = ("offered", "good", "bad", "unoffered")[n % 4]
    comment = ("Danke ✨", "", "お世話になりました")[n % 3]
    rating: Record = {
        "url": f"{HOST}/api/v2/satisfaction_ratings/{record_id}.json",
        "id": record_id,
        "assignee_id": user_id(n % 13) if n % 5 else None,
        "group_id": GROUP_ID if n % 5 else None,
        "requester_id": user_id(n % 997),
        "ticket_id": ticket_id(n),
        "score": score,
        "created_at": iso(second - n % 9 * 3_600),
        "updated_at": iso(second),
        "comment": comment if score in {"good", "bad"} else None,
    }
    if score == "bad":
        rating |= {
            "reason": "Une autre raison…",
            "reason_id": 29_007_440_423_316,
            "reason_code": 100,
        }
    return rating


def _fixed(value: str) -> Record:
    return {"type": "static", "value": value}


def _answers(n: int, second: int) -> list[Record]:
    """Make an answer of each kind."""
    times = {"created_at": _exactly(second - 60, n), "updated_at": _exactly(second, n)}
    scale = {
        "type": ("rating_scale_numeric", "rating_scale_emoji", "rating_scale_custom_text")[n % 3],
        "sub_type": "customer_satisfaction",
        "id": "01J1WBE8QR0YQVE373K2JDJR0F",
        "alias": "csat",
        "headline": _fixed("Wie zufrieden sind Sie?") if n % 2 else None,
        "options": [{"rating": 1, "emoji": _fixed("😡"), "label": _fixed("Très mécontent")}],
    }
    reason = {
        "type": "closed_ended",
        "id": "01J1WBGX1BR4ECKTS87CRJTXSF",
        "headline": {"type": "dynamic", "key": "csat.reason", "value": "Warum?"},
        "options": [{"id": "01J1WBKRG57E6M8C1145EXJ535", "label": _fixed("“Zu langsam”")}],
    }
    return [
        {
            "type": "rating_scale",
            "rating": 1 + n % 5,
            "rating_category": ("bad", "bad", "neutral", "good", "good")[n % 5],
            "question": scale,
            **times,
        },
        {
            "type": "closed_ended",
            "selections": [{"type": "predefined", "option_id": "01J1WBKRG57E6M8C1145EXJ535"}],
            "question": reason,
            **times,
        },
        {
            "type": "open_ended",
            "value": text(n)[:80],
            "question": {"type": "open_ended", "id": "01J1WBNS76ZC4TTFWP9RCNQ1S8"},
            **times,
        },
        {
            "type": "skipped",
            "question": {"type": "open_ended", "id": "01J1WBSAZWVY2XR1EFZKS3CM13"},
            **times,
        },
    ]


def survey_response(n: int, record_id: RecordId, second: int) -> Record:
    """Make survey response number n; every fourth has no answers yet."""
    subject = str(ticket_id(n))
    kind = "conversation" if n % 10 == 7 else "ticket"
    if kind == "conversation":
        subject = f"4295a81b-ccdd-4998-88d9-{n:012x}"
    return {
        "id": record_id,
        "expires_at": _exactly(second + 28 * DAY, n),
        "responder_id": str(user_id(n % 997)),
        "subject_zrns": [f"zen:{kind}:{subject}"],
        "subjects": [{"id": subject, "type": kind, "zrn": f"zen:{kind}:{subject}"}],
        "survey": {
            "id": "01J58KJ9RAE0D2EK7HRVM7Z8F2",
            "version": 1 + n % 3,
            "state": ("enabled", "disabled")[n % 8 == 5],
        },
        "answers": [] if n % 4 == 3 else _answers(n, second)[: 1 + n % 4],
    }


def audit_log(n: int, record_id: RecordId, second: int) -> Record:
    """Make audit log entry number n; every third is Zendesk's own."""
    by_zendesk = n % 3 == 0
    source = ("user", "rule", "ticket", "apitoken", "zendesk/app_market/app")[n % 5]
    return {
        "url": f"{HOST}/api/v2/audit_logs/{record_id}.json",
        "id": record_id,
        "action_label": ("Aktualisiert", "Updated", "Signed in")[n % 3],
        "actor_id": -1 if by_zendesk else user_id(n % 13),
        "source_id": user_id(n % 997) if source == "user" else ticket_id(n),
        "source_type": source,
        "source_label": f"Règle « vérifiée » {n}" if n % 7 else "",
        "action": ("update", "create", "login", "destroy", "exported")[n % 5],
        "change_description": "Role changed to End user\nTags: großkunde" if n % 4 else "",
        "ip_address": None if by_zendesk else ("209.119.38.228", "2001:db8::1")[n % 2],
        "created_at": iso(second),
        "actor_name": "Zendesk" if by_zendesk else "李小龍",
    }


def ticket_skip(n: int, record_id: RecordId, second: int) -> Record:
    """Make skip number n, with the ticket that was skipped."""
    skipped = ticket(n, ticket_id(n), second) | {
        "encoded_id": "Y4NVZV-M3XM2",
        "support_type": "agent",
        "deleted_ticket_form_id": 6_130_830_344_474 if n % 9 == 0 else None,
    }
    return {
        "id": record_id,
        "ticket_id": ticket_id(n),
        "user_id": user_id(n % 13),
        "reason": ("I have no idea.", "担当外です", "", None)[n % 4],
        "created_at": iso(second),
        "updated_at": iso(second),
        "ticket": skipped,
    }


def deleted_ticket(n: int, record_id: RecordId, second: int) -> Record:
    """Make deleted ticket number n, deleted in this second."""
    return {
        "id": record_id,
        "subject": f"Ticket {n}: {text(n * 3)[:60]}" if n % 5 else None,
        "description": text(n)[:200] if n % 3 else "",
        "actor": {"id": user_id(n % 13), "name": "Ana Müller"},
        "deleted_at": iso(second),
        "previous_state": ("open", "closed", "hold")[n % 3],
    }


def deleted_user(n: int, record_id: RecordId, second: int) -> Record:
    """Make deleted user number n; every third was deleted for good."""
    for_good = n % 3 == 2
    photo = None
    if n % 5 == 0:
        address = f"{HOST}/system/photos/{n}/profil.png"
        photo = {
            "url": f"{HOST}/api/v2/attachments/{n}.json",
            "id": 7_000_000_000_000 + n,
            "file_name": "profil.png",
            "content_url": address,
            "mapped_content_url": address,
            "content_type": "image/png",
            "size": 5_442,
            "width": 80,
            "height": 80,
            "inline": False,
            "deleted": False,
            "thumbnails": [],
        }
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/deleted_users/{record_id}.json",
        "name": "Permanently Deleted User" if for_good else f"Zoë O’Brien {n}",
        "email": None if for_good else f"user{n}@example.com",
        "created_at": iso(second - 300 * DAY),
        "updated_at": iso(second),
        "time_zone": "Copenhagen",
        "phone": None if for_good else "+4530123456",
        "shared_phone_number": None if for_good else n % 2 == 0,
        "photo": None if for_good else photo,
        "locale_id": 1,
        "locale": "en-US",
        "organization_id": organization_id(n % 101) if n % 4 else None,
        "role": ("end-user", "agent")[n % 7 == 0],
        "active": False,
        "separation": {"scope": "brand", "brand_id": BRAND_ID} if n % 6 == 0 else None,
    }


_AUDIT_EVENTS: tuple[Record, ...] = (
    {"type": "Create", "field_name": "tags", "value": ["großkunde", "vip"]},
    {"type": "Change", "field_name": "status", "value": "open", "previous_value": "new"},
    {"type": "Change", "field_name": "custom_status_id", "value": 123, "previous_value": 1},
    {"type": "Change", "field_name": "360042000000", "value": None, "previous_value": "été"},
    {"type": "Change", "field_name": "is_public", "value": True, "previous_value": False},
    {"type": "Cc", "recipients": [user_id(5)]},
    {"type": "Unheard of", "resource": "a key that no schema names"},
)


def _audit_events(n: int, audit_id: RecordId) -> list[Record]:
    """Make the events of an audit: a comment or call, its notifications, and its changes."""
    trigger = {"from": {"id": 25, "title": "Prévenir"}, "to": {}, "rel": "trigger"}
    said: Record = {
        "type": "VoiceComment" if n % 4 == 1 else "Comment",
        "author_id": user_id(n % 13),
        "body": text(n),
        "html_body": f"<p>{text(n)}</p>",
        "plain_body": text(n),
        "public": n % 3 != 0,
        "attachments": [],
        "audit_id": audit_id,
    }
    if n % 4 == 1:
        said |= {
            "data": {"from": "+4530123456", "call_duration": "41", "recorded": True},
            "formatted_from": "+45 30 12 34 56",
            "formatted_to": "+1 (205) 953-1462",
            "transcription_visible": False,
        }
    sent = {
        "type": "Notification",
        "via": {"channel": "rule", "source": trigger},
        "subject": "[{{ticket.title}}] 🙈",
        "body": "Ticket updated",
        "recipients": [user_id(n % 997)],
    }
    changes = [_AUDIT_EVENTS[(n + place) % len(_AUDIT_EVENTS)] for place in range(n % 4)]
    events = [*([said] if n % 2 else []), *([sent] if n % 3 == 0 else []), *changes]
    first = 28_835_719_460_000 + 128 * n
    return [{"id": first + place, **event} for place, event in enumerate(events)]


def ticket_audit(n: int, record_id: RecordId, second: int) -> Record:
    """Make ticket audit number n; some have no visible change."""
    by_system = n % 6 == 0
    system = {
        "client": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "ip_address": "209.119.38.228",
        "location": "Århus, 82, Denmark",
        "latitude": 56.1629 + n % 10 / 1000,
        "longitude": 10.2039,
    }
    suppressed = {"notifications_suppressed_for": [user_id(n % 13)], "flags": [0]}
    return {
        "id": record_id,
        "ticket_id": ticket_id(n * 2 // 3),
        "created_at": iso(second),
        "author_id": -1 if by_system else user_id(n % 13),
        "metadata": {
            "system": {} if by_system else system,
            "custom": {"time_spent": "3m22s"} if n % 4 == 0 else {},
            **(suppressed if n % 5 == 0 else {}),
        },
        "events": _audit_events(n, record_id),
        "via": {
            "channel": ("web", "email", "api", "rule", "voice")[n % 5],
            "source": {"from": {}, "to": {}, "rel": None},
        },
    }


def help_center_category(n: int, record_id: RecordId, second: int) -> Record:
    """Make help center category number n."""
    language = _LANGUAGES[n % 3]
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/help_center/{language}/categories/{record_id}.json",
        "html_url": f"{HOST}/hc/{language}/categories/{record_id}-Général",
        "position": n % 5,
        "created_at": iso(second - 40 * DAY),
        "updated_at": iso(second),
        "name": ("General", "Général", "よくある質問")[n % 3],
        "description": text(n)[:80] if n % 2 else "",
        "locale": language,
        "source_locale": "en-us",
        "outdated": n % 7 == 0,
    }


def help_center_section(n: int, record_id: RecordId, second: int) -> Record:
    """Make help center section number n; every fourth is inside another section."""
    language = _LANGUAGES[n % 3]
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/help_center/{language}/sections/{record_id}.json",
        "html_url": f"{HOST}/hc/{language}/sections/{record_id}-FAQ",
        "category_id": category_id(n % 5),
        "position": n % 9,
        "sorting": ("manual", "title")[n % 2],
        "created_at": iso(second - 40 * DAY),
        "updated_at": iso(second),
        "name": f"FAQ – {n}",
        "description": text(n)[:80] if n % 2 else "",
        "locale": language,
        "source_locale": "en-us",
        "outdated": False,
        "parent_section_id": section_id(n // 4) if n % 4 == 3 else None,
        "theme_template": "section_page",
    }


def community_topic(n: int, record_id: RecordId, second: int) -> Record:
    """Make community topic number n."""
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/help_center/community/topics/{record_id}.json",
        "html_url": f"{HOST}/hc/en-us/community/topics/{record_id}-Wünsche",
        "name": f"Wünsche & Ideen {n} 💡",
        "description": text(n)[:80] if n % 3 else None,
        "position": n,
        "follower_count": n % 11,
        "community_id": COMMUNITY_ID,
        "created_at": iso(second - 40 * DAY),
        "updated_at": iso(second),
        "manageable_by": ("managers", "staff")[n % 2],
        "user_segment_id": 360_000_000_777 if n % 4 == 1 else None,
    }


def _vote(n: int) -> int:
    return 1 if n % 3 else -1


def community_post(n: int, record_id: RecordId, second: int) -> Record:
    """Make community post number n; someone other than the author edited every fifth."""
    edited = n % 5 == 2
    return {
        "id": record_id,
        "title": f"Où trouver « {n} » ?",
        "details": f"<p>{text(n)}</p>" if n % 6 else "",
        "author_id": user_id(n % 997),
        "vote_sum": _vote(2 * n) + _vote(2 * n + 1),
        "vote_count": 2,
        "comment_count": 3,
        "follower_count": n % 4,
        "topic_id": topic_id(n % 5),
        "html_url": f"{HOST}/hc/en-us/community/posts/{record_id}-Où-trouver",
        "created_at": iso(second - n % 40 * DAY),
        "updated_at": iso(second),
        "url": f"{HOST}/api/v2/help_center/community/posts/{record_id}-Où-trouver.json",
        "featured": n % 8 == 0,
        "pinned": n % 9 == 0,
        "closed": n % 10 == 0,
        "frozen": False,
        "status": ("none", "planned", "not_planned", "answered", "completed")[n % 5],
        "non_author_editor_id": user_id(n % 13) if edited else None,
        "non_author_updated_at": iso(second) if edited else None,
        "content_tag_ids": ["01GT3Z4Q6M8P0R2T4V6X8Z0A1C"] if n % 3 == 0 else [],
    }


def community_post_comment(n: int, record_id: RecordId, second: int) -> Record:
    """Make comment number n: each post has three."""
    edited = n % 5 == 2
    place = f"posts/{post_id(n // 3)}/comments/{record_id}"
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/help_center/community/{place}.json",
        "body": f"<p>{text(n)}</p>" if n % 6 else "",
        "author_id": user_id(n % 997),
        "post_id": post_id(n // 3),
        "official": n % 8 == 0,
        "html_url": f"{HOST}/hc/en-us/community/{place}",
        "created_at": iso(second - n % 40 * 3_600),
        "updated_at": iso(second),
        "vote_sum": n % 5 - 2,
        "vote_count": n % 7,
        "non_author_editor_id": user_id(n % 13) if edited else None,
        "non_author_updated_at": iso(second) if edited else None,
    }


def community_post_vote(n: int, record_id: RecordId, second: int) -> Record:
    """Make vote number n: each post has two."""
    return {
        "id": record_id,
        "url": f"{HOST}/api/v2/help_center/votes/{record_id}.json",
        "user_id": user_id(n % 997),
        "value": _vote(n),
        "item_id": post_id(n // 2),
        "item_type": "Post",
        "created_at": iso(second),
        "updated_at": iso(second),
    }
