"""Streams of Zendesk Talk."""

from __future__ import annotations

from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.endpoint import Endpoint, offset_list
from tap_zendesk_incremental.http.rate_limit import Pace


def _talk_export(name: str) -> Endpoint:
    """Return an incremental export of Talk, which has its own limit and no page size."""
    return Endpoint(
        f"/api/v2/channels/voice/stats/incremental/{name}.json",
        "time",
        limit="talk-exports",
        pace=Pace(requests=10, seconds=60),
        size_parameter=None,
        trail_seconds=300,
        is_incremental_export=True,
    )


class TalkCalls(ExportStream):
    """Phone calls."""

    name = "talk_calls"
    replication_key = "updated_at"
    records_key = "calls"
    time = _talk_export("calls")
    selected_by_default = False


class TalkCallLegs(ExportStream):
    """What each participant of a phone call did."""

    name = "talk_call_legs"
    replication_key = "updated_at"
    records_key = "legs"
    time = _talk_export("legs")
    selected_by_default = False


class TalkPhoneNumbers(ExportStream):
    """Phone numbers of the account."""

    name = "talk_phone_numbers"
    records_key = "phone_numbers"
    listing = offset_list("/api/v2/channels/voice/phone_numbers.json")
    selected_by_default = False
