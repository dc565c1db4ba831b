"""What a run is given and nothing here asks for: a slip of the pen would go unnoticed."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib import Catalog

from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX
from tap_zendesk_incremental.streams import FED_STREAMS, STREAMS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

NAMES = [stream.name for stream in STREAMS] + [stream.name for stream in FED_STREAMS]
"""Every stream whose name does not depend on the account."""


def in_settings(config: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    """Say which settings nothing asks for, a line each.

    Args:
        config: The settings.
        known: The names of all settings that there are.
    """
    for name in sorted(set(config).difference(known)):
        yield f"{name} is no setting of this tap, and is ignored{_meant(name, known)}"
    maps = config.get("stream_maps")
    for key, map_ in (maps if isinstance(maps, dict) else {}).items():
        source = str(map_.get("__source__", key) if isinstance(map_, dict) else key)
        if source != "__else__" and not _is_stream(source):
            yield f"stream_maps names {source}, which is no stream of this tap{_meant(source)}"


def in_catalog(catalog: dict[str, Any]) -> Iterator[str]:
    """Say which selected streams there are not, a line each, and whether none is left.

    Args:
        catalog: What `--catalog` holds.
    """
    selected = [
        entry.tap_stream_id
        for entry in Catalog.from_dict(catalog).streams
        if entry.metadata.resolve_selection()[()]
    ]
    for name in selected:
        if not _is_stream(name):
            yield f"The catalog selects {name}, which is no stream of this tap{_meant(name)}"
    if not any(map(_is_stream, selected)):
        yield "The catalog selects no stream of this tap; nothing is exported"


def _is_stream(pattern: str) -> bool:
    names = (*NAMES, CUSTOM_OBJECT_PREFIX)
    return pattern.startswith(CUSTOM_OBJECT_PREFIX) or any(fnmatchcase(n, pattern) for n in names)


def _meant(name: str, known: Collection[str] = NAMES) -> str:
    near = get_close_matches(name, known, 1)
    return f"; is {near[0]} meant?" if near else ""
