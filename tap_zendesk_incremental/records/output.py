"""Chooses once per stream how its records leave: as bytes, or opened.

Nothing else in the tap knows which of the two it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from tap_zendesk_incremental.records.decode import Records, RecordSpec
from tap_zendesk_incremental.records.writer import CollectingWriter
from tap_zendesk_incremental.sdk import stream_map_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib.encoding import GenericSingerWriter

    from tap_zendesk_incremental.sdk import SdkStream

Write = Callable[[Iterable[Any], "datetime | None"], None]
"""Writes records of a page that was read at a given time."""

_TOP_LEVEL = 2
"""Length of a top-level property's breadcrumb."""


def records_of(
    stream: Stream,
    records_key: str,
    *,
    excluded: frozenset[str] = frozenset(),
    sideloads: Sequence[str] = (),
) -> Records:
    """Make what takes the pages of a stream apart.

    Args:
        stream: The stream, with its catalog applied.
        records_key: The key of a page that holds its records.
        excluded: Properties that are known and never wanted.
        sideloads: Arrays beside the records that other streams are made of.
    """
    properties, declared = stream.effective_schema["properties"], stream.schema["properties"]
    if lacking := sorted(declared.keys() - properties.keys()):
        stream.logger.info(
            "%s: the catalog lacks %s, left out; discover again to have them",
            stream.name,
            ", ".join(lacking),
        )
    spec = RecordSpec(
        stream=stream.name,
        records_key=records_key,
        id_keys=stream.primary_keys,
        time_key=stream.replication_key,
        properties=tuple(properties),
        deselected=frozenset(name for name in properties if not stream.mask["properties", name]),
        excluded=excluded.union(declared) - set(properties),
        sideloads=sideloads,
    )
    return Records(spec, stream.logger)


def choose(stream: SdkStream, records: Records, writer: GenericSingerWriter[Any, Any]) -> Write:
    """Choose how a stream's records are written.

    Args:
        stream: The stream, with its catalog applied.
        records: What takes its pages apart.
        writer: The tap's message writer; whole pages are for ours alone.
    """

    def write_walked(page: Iterable[Any], read_at: datetime | None) -> None:
        del read_at  # the SDK has its own
        for record in opened(stream, records, page):
            stream.write_record(record)

    if (
        not isinstance(writer, CollectingWriter)
        or (stream.emit_activate_version_messages and stream.replication_method == "FULL_TABLE")
        or _selects_nested(stream)
    ):
        # The SDK's way walks through every record, which costs as much as all the rest.
        stream.logger.debug("Records are opened, and written by the SDK")
        return write_walked

    def write_passed(page: Iterable[Any], read_at: datetime | None) -> None:
        writer.write_records(stream.name, page, read_at)

    def write_mapped(page: Iterable[Any], read_at: datetime | None) -> None:
        for stream_map in stream.stream_maps:
            mapped = _mapped(stream_map, opened(stream, records, page), stream.name)
            writer.write_records(stream_map.stream_alias, mapped, read_at)

    if _is_untouched(stream):
        stream.logger.debug("Records pass through as bytes")
        return write_passed
    stream.logger.debug(
        "Records are opened for stream maps, flattening, batch files or post_process"
    )
    return write_mapped


def opened(stream: Stream, records: Records, page: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Give records as dictionaries, as the stream's `post_process` leaves them.

    Args:
        stream: The stream.
        records: What took the page apart.
        page: Its records.
    """
    for record in records.opened(page):
        if (processed := stream.post_process(record)) is not None:
            yield processed


def is_removed(stream: Stream) -> bool:
    """Say whether stream maps leave nothing of a stream."""
    return all(isinstance(stream_map, RemoveRecordTransform) for stream_map in stream.stream_maps)


def _mapped(
    stream_map: StreamMap, records: Iterable[dict[str, Any]], name: str
) -> Iterator[dict[str, Any]]:
    with stream_map_errors(name):
        for record in records:
            if (mapped := stream_map.transform(record)) is not None:
                yield mapped


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
        and type(stream).post_process is Stream.post_process
    )
