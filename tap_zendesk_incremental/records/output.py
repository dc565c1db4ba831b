"""Chooses, once for each stream, whether its records are written as raw bytes or decoded.

No other module knows which of the two a stream uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

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
"""Writes records of a page, given the time at which the page was read."""

_TOP_LEVEL = 2
"""The length of a top-level property's breadcrumb."""


def records_of(
    stream: Stream,
    records_key: str,
    *,
    excluded: frozenset[str] = frozenset(),
    sideloads: Sequence[str] = (),
) -> Records:
    """Create the decoder for the pages of a stream.

    Args:
        stream: The stream, with its catalog applied.
        records_key: The key that holds its records in a page.
        excluded: Known properties that are never written.
        sideloads: Keys of sideloaded arrays in a page that other streams need.
    """
    properties, declared = stream.effective_schema["properties"], stream.schema["properties"]
    if lacking := sorted(declared.keys() - properties.keys()):
        stream.logger.info(
            "%s: the catalog lacks %s, so the tap leaves them out; run discovery again to get them",
            stream.name,
            ", ".join(lacking),
        )
    spec = RecordSpec(
        stream=stream.name,
        records_key=records_key,
        # Not the key of the catalog, which two records may share.
        id_keys=cast("tuple[str, ...]", type(stream).primary_keys),
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
        records: The decoder of its pages.
        writer: The tap's message writer. Only a `CollectingWriter` can write whole pages.
    """

    def write_with_sdk(page: Iterable[Any], read_at: datetime | None) -> None:
        del read_at  # the SDK takes the time itself
        for record in decoded(stream, records, page):
            stream.write_record(record)

    if (
        not isinstance(writer, CollectingWriter)
        or (stream.emit_activate_version_messages and stream.replication_method == "FULL_TABLE")
        or _selects_nested(stream)
    ):
        # The SDK visits every value of a record, which costs as much as all the rest.
        stream.logger.debug("Records are decoded, and written by the SDK")
        return write_with_sdk

    def write_raw(page: Iterable[Any], read_at: datetime | None) -> None:
        writer.write_records(stream.name, page, read_at)

    def write_mapped(page: Iterable[Any], read_at: datetime | None) -> None:
        for stream_map in stream.stream_maps:
            mapped = _mapped(stream_map, decoded(stream, records, page), stream.name)
            writer.write_records(stream_map.stream_alias, mapped, read_at)

    if _passes_through(stream):
        stream.logger.debug("Records pass through as bytes")
        return write_raw
    stream.logger.debug(
        "Records are decoded for stream maps, flattening, batch files or post_process"
    )
    return write_mapped


def decoded(stream: Stream, records: Records, page: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield records as dictionaries, after the stream's `post_process`.

    Args:
        stream: The stream.
        records: The decoder of its pages.
        page: The records of a page.
    """
    for record in records.decoded(page):
        if (processed := stream.post_process(record)) is not None:
            yield processed


def is_removed(stream: Stream) -> bool:
    """Return whether the stream maps remove the whole stream."""
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


def _passes_through(stream: Stream) -> bool:
    maps = stream.stream_maps
    return (
        len(maps) == 1
        and type(maps[0]) is SameRecordTransform
        and not maps[0].flattening_enabled
        and not stream.get_batch_config(stream.config)
        and type(stream).post_process is Stream.post_process
    )
