"""Chooses once per stream how its records pass: as bytes, or opened.

Nothing else in the tap knows which of the two it is.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.messages import RecordMessage

from tap_zendesk_incremental.passthrough import PassedRecords
from tap_zendesk_incremental.records import OpenedRecords, RecordPath, RecordSpec
from tap_zendesk_incremental.writer import CollectingWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from singer_sdk import Stream
    from singer_sdk.singerlib.encoding import GenericSingerWriter

_TOP_LEVEL = 2
"""Length of a top-level property's breadcrumb."""


def choose(  # noqa: PLR0913 (the last two are for streams that feed others)
    stream: Stream,
    records_key: str,
    writer: GenericSingerWriter[Any, Any],
    write_by_sdk: Callable[[dict[str, Any]], None],
    *,
    left_out: frozenset[str] = frozenset(),
    beside: Sequence[str] = (),
) -> RecordPath:
    """Choose a stream's path.

    Args:
        stream: The stream, with its catalog applied.
        records_key: The key of a page that holds its records.
        writer: The tap's message writer; bytes pass through ours alone.
        write_by_sdk: The SDK's own way to write a record.
        left_out: Properties that are known and never wanted.
        beside: Arrays beside the records that other streams are made of.
    """
    properties = stream.effective_schema["properties"]
    spec = RecordSpec(
        stream=stream.name,
        records_key=records_key,
        time_key=stream.replication_key,
        properties=tuple(properties),
        deselected=frozenset(name for name in properties if not stream.mask["properties", name]),
        left_out=left_out.union(_declared(stream)) - set(properties),
        beside=beside,
    )

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


def _declared(stream: Stream) -> Iterable[str]:
    """Give the properties that the tap knows, also where a catalog's schema lacks them."""
    schema = inspect.getattr_static(stream, "schema")
    source = schema.schema_source.get_schema(schema.key or stream.name)
    return cast("dict[str, Any]", source["properties"])


def _selects_nested(stream: Stream) -> bool:
    return any(
        len(breadcrumb) > _TOP_LEVEL and not selected and stream.mask[breadcrumb[:_TOP_LEVEL]]
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
