"""The files of --config, --state and --catalog, which are checked before any request."""

from __future__ import annotations

import codecs
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.singerlib import Catalog

from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX
from tap_zendesk_incremental.errors import did_you_mean
from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS, CustomObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zendesk_incremental.child_stream import ChildStream

Json = dict[str, Any]

_STREAMS: dict[str, type[ExportStream | ChildStream]] = {
    **{stream.name: stream for stream in STREAMS},
    **{stream.name: stream for stream in CHILD_STREAMS},
}

NAMES = [*_STREAMS]
"""Every stream whose name does not depend on the account."""

_METHODS = ("FULL_TABLE", "INCREMENTAL")
_TEXT_BOOLEANS = {"true": True, "false": False}


class _Metadata(msgspec.Struct):
    breadcrumb: list[str]
    metadata: Json


class _Schema(msgspec.Struct):
    type: str | list[str] | None = None
    properties: dict[str, _Schema] | None = None
    items: _Schema | None = None


class _StreamSchema(_Schema, kw_only=True):
    properties: dict[str, _Schema]


class _Entry(msgspec.Struct):
    tap_stream_id: str
    schema: _StreamSchema
    key_properties: list[str] | None = None
    metadata: list[_Metadata] | None = None


class _Catalog(msgspec.Struct):
    """The parts that every catalog must have."""

    streams: list[_Entry]


def is_stream(pattern: str) -> bool:
    """Return whether a name or pattern may match a stream of this tap.

    Args:
        pattern: A name, or a pattern of names as in stream maps.
    """
    names = (*NAMES, CUSTOM_OBJECT_PREFIX)
    return pattern.startswith(CUSTOM_OBJECT_PREFIX) or any(fnmatchcase(n, pattern) for n in names)


def read_config(path: str) -> Json:
    """Read the file of `--config`.

    Args:
        path: The file, which may be a pipe.

    Raises:
        SingerSDKError: If the file cannot be read, or is not a JSON object.
    """
    try:
        return _json_object(Path(path).read_bytes())
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise SingerSDKError(msg) from error
    except ValueError as error:
        msg = f"{path} is not a JSON object: {str(error) or 'it is empty'}"
        raise SingerSDKError(msg) from error


def read_state(path: str) -> Json:
    """Read the file of `--state`.

    Args:
        path: The file, or `-` for standard input. It is a state, or the output of
            `meltano state get`, which contains the state.

    Raises:
        SingerSDKError: If the file cannot be read, or is not a JSON object.
    """
    state = _read(path, "state")
    inner = state.get("singer_state")
    return inner if isinstance(inner, dict) else state


def read_catalog(path: str) -> Json:
    """Read the file of `--catalog`.

    Args:
        path: The file, or `-` for standard input.

    Raises:
        SingerSDKError: If the file cannot be read, or is not a JSON object.
    """
    return _read(path, "catalog")


def _read(path: str, what: str) -> Json:
    try:
        return _json_object(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        why = why or f"it is empty; leave --{what} out if there is none yet"
        msg = f"The {what} cannot be used: {path}: {why}. Nothing was exported."
        raise SingerSDKError(msg) from error


def _json_object(text: bytes) -> Json:
    """Decode a JSON object.

    Raises:
        ValueError: If the text is not a JSON object. Without a message if the text is empty.
    """
    try:
        return msgspec.json.decode(text.removeprefix(codecs.BOM_UTF8), type=Json)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error) if text.strip() else "") from error


def checked_catalog(catalog: Json) -> Json:
    """Check a catalog, and return it in the form that the SDK understands.

    An entry's metadata take precedence over the entry itself, because Singer defines the key and
    the replication method there, and Meltano's `metadata` extra writes them there. The SDK does the
    opposite, and reads only some of the metadata.

    Args:
        catalog: The catalog from `--catalog`.

    Raises:
        SingerSDKError: If it cannot be used.
    """
    try:
        msgspec.convert(catalog, _Catalog)
        return {**catalog, "streams": [_checked_entry(entry) for entry in catalog["streams"]]}
    except (msgspec.MsgspecError, ValueError) as error:
        msg = f"The catalog cannot be used: {error}. Nothing was exported."
        raise SingerSDKError(msg) from error


def _checked_entry(entry: Json) -> Json:
    name = entry["tap_stream_id"]
    metadata = [
        {**item, "metadata": _with_booleans(item["metadata"], name)}
        for item in entry.get("metadata") or ()
    ]
    declared = CustomObject if name.startswith(CUSTOM_OBJECT_PREFIX) else _STREAMS.get(name)
    if declared is None:
        return {**entry, "metadata": metadata}
    root: Json = next((item["metadata"] for item in metadata if not item["breadcrumb"]), {})
    if root.get("selected") is False:
        return {**entry, "stream": name, "metadata": metadata}
    keys = _keys(entry, root, declared.primary_keys)
    return {
        **entry,
        "stream": name,
        "key_properties": keys,
        "replication_method": _method(entry, root) if _is_bookmarked(declared) else "FULL_TABLE",
        "metadata": [*metadata, *_automatic(keys, metadata)],
    }


def _with_booleans(metadata: Json, name: str) -> Json:
    """Replace the texts "true" and "false" by booleans, because the SDK reads any text as true."""
    found = dict(metadata)
    for key in {"selected", "selected-by-default"} & metadata.keys():
        value = metadata[key]
        found[key] = _TEXT_BOOLEANS.get(value.lower()) if isinstance(value, str) else value
        if value is not None and not isinstance(found[key], bool):
            msg = f"{key} of {name} is neither true nor false: {value!r}"
            raise ValueError(msg)
    return found


def _is_bookmarked(declared: type[ExportStream | ChildStream]) -> bool:
    return issubclass(declared, ExportStream) and declared.replication_key is not None


def _keys(entry: Json, root: Json, own: tuple[str, ...]) -> list[str]:
    given = root.get("table-key-properties") or entry.get("key_properties") or own
    keys = msgspec.convert(given, list[str])
    if unknown := sorted(set(keys).difference(entry["schema"]["properties"])):
        msg = f"the schema of {entry['tap_stream_id']} lacks {unknown[0]}, a part of the key"
        raise ValueError(msg)
    return keys


def _method(entry: Json, root: Json) -> str:
    method = (
        root.get("replication-method")
        or root.get("forced-replication-method")
        or entry.get("replication_method")
        or "INCREMENTAL"
    )
    if method not in _METHODS:
        msg = (
            f"{method!r} is not a replication method of {entry['tap_stream_id']}; use "
            f"{' or '.join(_METHODS)}"
        )
        raise ValueError(msg)
    return str(method)


def _automatic(keys: list[str], metadata: list[Json]) -> Iterator[Json]:
    """Yield metadata that always select the key, because no row may lack its key."""
    given = {tuple(item["breadcrumb"]): item["metadata"] for item in metadata}
    for key in keys:
        breadcrumb = ("properties", key)
        yield {
            "breadcrumb": [*breadcrumb],
            "metadata": {**given.get(breadcrumb, {}), "inclusion": "automatic"},
        }


def unknown_streams(catalog: Json) -> Iterator[str]:
    """Report selected streams that the tap does not have, and a selection without any stream.

    Args:
        catalog: A checked catalog.

    Yields:
        One line for each problem.
    """
    selected = [
        entry.tap_stream_id
        for entry in Catalog.from_dict(catalog).streams
        if entry.metadata.resolve_selection().get((), True)
    ]
    for name in selected:
        if not is_stream(name):
            yield (
                f"The catalog selects {name}, which is not a stream of this tap"
                f"{did_you_mean(name, NAMES)}"
            )
    if not any(map(is_stream, selected)):
        yield "The catalog selects no stream of this tap; nothing is exported"
