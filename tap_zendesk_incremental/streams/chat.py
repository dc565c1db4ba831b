"""Streams of Zendesk Chat, which has its own login."""

from __future__ import annotations

from dataclasses import replace

from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.endpoint import Endpoint


def _chat_export(name: str) -> Endpoint:
    """Return an incremental export of Chat. It sends whole records only if `fields` asks for it."""
    return Endpoint(
        f"/api/v2/chat/incremental/{name}",
        "chat",
        limit="chat-exports",
        cursor_parameter="start_id",
        size_parameter="limit",
        token_setting="chat_access_token",  # noqa: S106 (a name)
        fixed={"fields": f"{name}(*)"},
        newest_seconds=301,  # a start_time has to be more than five minutes old
    )


class Chats(ExportStream):
    """Chats and offline messages with their text; a chat that changes is exported again."""

    name = "chats"
    replication_key = "update_timestamp"
    time = _chat_export("chats")
    selected_by_default = False


class ChatAgentTimeline(ExportStream):
    """Each status of an agent in Chat, with its start and duration."""

    name = "chat_agent_timeline"
    primary_keys = ("agent_id", "start_time")
    replication_key = "start_time"
    records_key = "agent_timeline"
    time = replace(_chat_export("agent_timeline"), ticks_per_second=1_000_000)
    selected_by_default = False


class ChatConversions(ExportStream):
    """Goals that visitors reached after a chat."""

    name = "chat_conversions"
    replication_key = "timestamp"
    records_key = "conversions"
    time = _chat_export("conversions")
    selected_by_default = False


class ChatDepartmentEvents(ExportStream):
    """Changes to the departments of Chat."""

    name = "chat_department_events"
    replication_key = "timestamp"
    records_key = "department_events"
    time = _chat_export("department_events")
    selected_by_default = False
