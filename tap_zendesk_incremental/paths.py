"""Chooses once per stream how its records pass: as bytes, or opened for the SDK.

Nothing else in the tap knows which of the two it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_sdk.mapper import SameRecordTransform

from tap_zendesk_incremental.passthrough import PassedRecords
from tap_zendesk_incremental.records import OpenedRecords, RecordPath, RecordSpec
from tap_zendesk_incremental.writer import CollectingWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from singer_sdk import Stream


def choose(
    stream: Stream, spec: RecordSpec, writer: object, write_opened: Callable[[Any], None]
) -> RecordPath:
    """Choose a stream's path.

    Args:
        stream: The stream, with its catalog applied.
        spec: What its records look like.
        writer: The tap's message writer; bytes pass through ours alone.
        write_opened: The SDK's way to write a record.
    """
    reason = _why_opened(stream)
    stream.logger.debug("Records are %s", f"opened: {reason}" if reason else "passed through")
    if reason is None and isinstance(writer, CollectingWriter):
        return PassedRecords(spec, stream.logger, writer)
    return OpenedRecords(spec, stream.logger, write_opened)


def _why_opened(stream: Stream) -> str | None:
    maps = stream.stream_maps
    if len(maps) != 1 or type(maps[0]) is not SameRecordTransform:
        return "a stream map must see them"
    if maps[0].flattening_enabled:
        return "they are flattened"
    if stream.get_batch_config(stream.config):
        return "they go into batch files"
    if stream.emit_activate_version_messages:
        return "they carry a version"
    nested = (len(breadcrumb) > 2 for breadcrumb, on in stream.mask.items() if not on)  # noqa: PLR2004
    if any(nested):
        return "nested properties are deselected"
    return None
