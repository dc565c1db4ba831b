"""Chooses once per stream how its records pass: as bytes, or opened.

Nothing else in the tap knows which of the two it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.messages import RecordMessage

from tap_zendesk_incremental.passthrough import PassedRecords
from tap_zendesk_incremental.records import OpenedRecords, RecordPath, RecordSpec
from tap_zendesk_incremental.writer import CollectingWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from singer_sdk import Stream
    from singer_sdk.singerlib.encoding import GenericSingerWriter

_TOP_LEVEL = 2
"""Length of a top-level property's breadcrumb."""


def choose(
    stream: Stream,
    spec: RecordSpec,
    writer: GenericSingerWriter[Any, Any],
    write_by_sdk: Callable[[dict[str, Any]], None],
) -> RecordPath:
    """Choose a stream's path.

    Args:
        stream: The stream, with its catalog applied.
        spec: What its records look like.
        writer: The tap's message writer; bytes pass through ours alone.
        write_by_sdk: The SDK's own way to write a record.
    """

    def write_mapped(record: dict[str, Any], read_at: datetime | None) -> None:
        for stream_map in stream.stream_maps:
            if (mapped := stream_map.transform(record)) is not None:
                message = RecordMessage(stream_map.stream_alias, mapped, time_extracted=read_at)
                writer.write_message(message)

    def write_walked(record: dict[str, Any], read_at: datetime | None) -> None:
        del read_at  # the SDK has its own
        write_by_sdk(record)

    if stream.emit_activate_version_messages or _selects_nested(stream):
        # The SDK's way walks through every record, which costs as much as all the rest.
        stream.logger.debug("Records are opened, and written by the SDK")
        return OpenedRecords(spec, stream.logger, write_walked)
    if isinstance(writer, CollectingWriter) and _is_untouched(stream):
        stream.logger.debug("Records pass through as bytes")
        return PassedRecords(spec, stream.logger, writer)
    stream.logger.debug("Records are opened for stream maps, flattening or batch files")
    return OpenedRecords(spec, stream.logger, write_mapped)


def _selects_nested(stream: Stream) -> bool:
    return any(
        len(breadcrumb) > _TOP_LEVEL and not selected
        for breadcrumb, selected in stream.mask.items()
    )


def _is_untouched(stream: Stream) -> bool:
    maps = stream.stream_maps
    return (
        len(maps) == 1
        and type(maps[0]) is SameRecordTransform
        and not maps[0].flattening_enabled
        and not stream.get_batch_config(stream.config)
    )
