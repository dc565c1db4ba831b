"""Declarations of the streams that Zendesk serves, with a module for each product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_zendesk_incremental.child_stream import ChildStream
from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.streams import chat, guide, support, talk
from tap_zendesk_incremental.streams.custom_objects import CustomObject

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHILD_STREAMS", "STREAMS", "CustomObject"]

_PRODUCTS = (support, guide, talk, chat)


def _declared() -> Iterator[type[ExportStream | ChildStream]]:
    for product in _PRODUCTS:
        for value in vars(product).values():
            if isinstance(value, type) and value.__module__ == product.__name__:
                yield value


STREAMS: tuple[type[ExportStream], ...] = tuple(
    stream for stream in _declared() if issubclass(stream, ExportStream)
)
"""All streams that have their own pages, except those of custom objects."""

CHILD_STREAMS: tuple[type[ChildStream], ...] = tuple(
    stream for stream in _declared() if issubclass(stream, ChildStream)
)
"""All streams that are written with the pages of a parent."""
