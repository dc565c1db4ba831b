"""The user's stream maps: checked at the start of a run, and created only for exported streams."""

from __future__ import annotations

import ast
import contextlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import SingerSDKError
from singer_sdk.mapper import (
    MAPPER_ALIAS_OPTION,
    MAPPER_ELSE_OPTION,
    MAPPER_KEY_PROPERTIES_OPTION,
    MAPPER_SOURCE_OPTION,
    NULL_STRING,
    CustomStreamMap,
    PluginMapper,
    RemoveRecordTransform,
    StreamMap,
)
from singer_sdk.singerlib import Catalog

from tap_zendesk_incremental.errors import did_you_mean
from tap_zendesk_incremental.input_files import NAMES, is_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from singer_sdk import Stream, Tap

_NO_EXPRESSIONS = {
    MAPPER_ALIAS_OPTION,
    MAPPER_ELSE_OPTION,
    MAPPER_KEY_PROPERTIES_OPTION,
    MAPPER_SOURCE_OPTION,
}
"""Keys of a stream map whose values are not expressions."""

_SDK_NAMES = {
    "_",
    "__original_stream_name__",
    "__stream_name__",
    "config",
    "fake",
    "record",
    "self",
}
"""Names that the SDK lets an expression use, besides properties and functions."""


class StreamMapper(PluginMapper):
    """The SDK's mapper, without maps of deselected streams.

    A deselected stream has no selected properties, so a map that uses a property would fail.
    """

    def __init__(self, tap: Tap) -> None:
        """Read the settings.

        Args:
            tap: The tap. Its streams are not needed yet.

        Raises:
            SingerSDKError: If `stream_maps` or the settings of flattening cannot be used.
        """
        # A copy, because the SDK removes a key from the user's maps.
        maps = {"stream_maps": dict(tap.config.get("stream_maps", {}))}
        with _explained("stream_maps"):
            super().__init__(plugin_config={**tap.config, **maps}, logger=tap.logger)
        self.stream_maps = _MapsOnDemand(lambda name: self._register(tap.streams[name]))

    def _register(self, stream: Stream) -> None:
        """Create the maps of a stream as if all of it was selected."""
        self.register_raw_stream_schema(stream.name, stream.effective_schema, stream.primary_keys)

    def register_raw_streams_from_catalog(self, catalog: Catalog) -> None:
        """Create the maps of the selected streams.

        Args:
            catalog: The catalog.

        Raises:
            SingerSDKError: If one of them cannot be used.
        """
        selected = {
            entry.tap_stream_id: entry
            for entry in catalog.streams
            if entry.metadata.resolve_selection().get((), True)
        }
        super().register_raw_streams_from_catalog(Catalog(selected))

    def register_raw_stream_schema(
        self, stream_name: str, schema: dict[str, Any], key_properties: Sequence[str] | None
    ) -> None:
        """Create the maps of a stream.

        Args:
            stream_name: The stream's name.
            schema: The JSON Schema of its records.
            key_properties: The properties of its key.

        Raises:
            SingerSDKError: If one of them cannot be used.
        """
        maps = self._maps_of(stream_name)
        for key, stream_map in maps.items():
            list(_expressions(key, stream_map))  # raises an error if one cannot be parsed
        what = f"stream_maps: {', '.join(maps)}" if maps else "the settings of flattening"
        with _explained(f"{what}: {stream_name}"):
            super().register_raw_stream_schema(stream_name, schema, key_properties)
        made = self.stream_maps[stream_name]
        # Where one map removes the stream and another renames it, only the latter counts.
        kept = [one for one in made if not isinstance(one, RemoveRecordTransform)] or made[:1]
        self.stream_maps[stream_name] = kept
        for one in kept:
            # Null means no key, but a SCHEMA message without the list is invalid.
            one.transformed_key_properties = one.transformed_key_properties or []

    def check_names(self, stream: Stream) -> None:
        """Check that expressions use only the properties that a stream has.

        Args:
            stream: A selected stream with its catalog applied.

        Raises:
            SingerSDKError: If an expression uses another name. The error lists the properties.
        """
        properties = {
            name
            for name in stream.effective_schema["properties"]
            if stream.mask["properties", name]
        }
        known = _SDK_NAMES.union(properties, *map(_functions, stream.stream_maps))
        for key, stream_map in self._maps_of(stream.name).items():
            for option, expression in _expressions(key, stream_map):
                for used in _names_used(expression).difference(known):
                    msg = (
                        f"stream_maps: {key}: {option} uses {used}, which is not a selected "
                        f"property of {stream.name}{did_you_mean(used, known)} "
                        f"(it has {', '.join(sorted(properties))})"
                    )
                    raise SingerSDKError(msg)

    def _maps_of(self, stream_name: str) -> dict[str, Any]:
        return {
            key: stream_map
            for key, stream_map in self.stream_maps_dict.items()
            if fnmatchcase(stream_name, _source(key, stream_map))
        }


class _MapsOnDemand(dict[str, list[StreamMap]]):
    """The maps by stream. Missing ones are created on first use."""

    def __init__(self, make: Callable[[str], None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, stream_name: str) -> list[StreamMap]:
        self._make(stream_name)
        return self[stream_name]


def unknown_streams(config: Mapping[str, Any]) -> Iterator[str]:
    """Report streams that the stream maps name but the tap does not have.

    Args:
        config: The settings.

    Yields:
        One line for each unknown stream.
    """
    maps = config.get("stream_maps")
    for key, stream_map in (maps if isinstance(maps, dict) else {}).items():
        source = _source(key, stream_map)
        if source != MAPPER_ELSE_OPTION and not is_stream(source):
            yield (
                f"stream_maps names {source}, which is not a stream of this tap"
                f"{did_you_mean(source, NAMES)}"
            )


def _source(key: str, stream_map: object) -> str:
    """Return the name, or the pattern of names, of the streams that a map applies to."""
    return str(stream_map.get(MAPPER_SOURCE_OPTION, key) if isinstance(stream_map, dict) else key)


def _functions(stream_map: StreamMap) -> Iterable[str]:
    return stream_map.functions if isinstance(stream_map, CustomStreamMap) else ()


def _expressions(key: str, stream_map: object) -> Iterator[tuple[str, ast.AST]]:
    """Yield the expressions of a map, each with its key in the map.

    Raises:
        SingerSDKError: If one cannot be parsed.
    """
    for option, text in (stream_map if isinstance(stream_map, dict) else {}).items():
        if option in _NO_EXPRESSIONS or text is None or text == NULL_STRING:
            continue
        try:
            yield option, ast.parse(text, mode="eval")
        except (SyntaxError, ValueError) as error:
            msg = f"stream_maps: {key}: {option} is not an expression: {text!r} ({error})"
            raise SingerSDKError(msg) from error


def _names_used(expression: ast.AST) -> set[str]:
    names = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
    return {node.id for node in names} - {n.id for n in names if isinstance(n.ctx, ast.Store)}


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the SDK raises many kinds for a user's mistake
        msg = f"{what} cannot be used: {error}"
        raise SingerSDKError(msg) from error
