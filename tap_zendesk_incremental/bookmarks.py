"""What the state says: where a stream starts, and where it is after a page.

A bookmark holds Zendesk's own token of the first page that is not fully written, beside the
SDK's replication key: `{"replication_key": "updated_at", "replication_key_value": "2023-09-18T
21:52:43Z", "end_time": 1695073963}`, or `cursor` in place of `end_time`.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

# On Python 3.10 the SDK teaches fromisoformat what it knows from 3.11 on, when this is imported.
import singer_sdk  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_zendesk_incremental.pagination import Params

CURSOR = "cursor"
END_TIME = "end_time"
KEY = "replication_key"
VALUE = "replication_key_value"

_OWN_KEYS: dict[str, type | tuple[type, ...]] = {
    CURSOR: str,
    END_TIME: int,
    KEY: str,
    VALUE: (str, int),
}
_SDK_KEYS = {"starting_replication_value", "replication_key_signpost", "progress_markers"}


def epoch(value: str | int) -> int:
    """Give the epoch seconds of a bookmark's value or of an ISO 8601 date.

    Args:
        value: Epoch seconds, or a date with or without time; UTC unless it says otherwise.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, int):
        return value
    date = datetime.fromisoformat(value)
    return int((date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp())


def iso(second: int) -> str:
    """Give epoch seconds as Zendesk writes dates: `2023-09-18T21:52:43Z`."""
    return datetime.fromtimestamp(second, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def reached(bookmark: Mapping[str, Any], key: str | None, token: str) -> int | None:
    """Give the second (epoch) up to which everything is exported, None if that is unknown.

    Args:
        bookmark: The stream's bookmark, empty for a new export.
        key: The stream's replication key; a value of another one says nothing.
        token: Which of Zendesk's tokens the traversal takes, `CURSOR` or `END_TIME`.
    """
    end_time, value = bookmark.get(END_TIME), bookmark.get(VALUE)
    if token == END_TIME and end_time is not None:
        return int(end_time)
    return epoch(value) if bookmark.get(KEY) == key and value is not None else None


def start(
    bookmark: Mapping[str, Any], key: str | None, token: str, start_date: str | None
) -> Params:
    """Give the parameters that an export starts with.

    Args:
        bookmark: See `reached`.
        key: See `reached`.
        token: See `reached`.
        start_date: The setting; later than the bookmark, it wins.
    """
    earliest = epoch(start_date) if start_date else 0
    value = reached(bookmark, key, token)
    if value is not None and earliest > value:
        return {"start_time": earliest}
    if token == CURSOR and bookmark.get(CURSOR):
        return {"cursor": bookmark[CURSOR]}
    return {"start_time": earliest if value is None else value}


def after(
    bookmark: Mapping[str, Any],
    key: str | None,
    value: str | int | None,
    token: Params,
    *,
    cursor: bool,
) -> dict[str, Any]:
    """Give the bookmark after a page whose records are all written.

    Args:
        bookmark: The bookmark before it.
        key: The stream's replication key.
        value: The replication key's highest value on the page, None on an empty page.
        token: The parameters of the page after it.
        cursor: Whether this is a cursor export.
    """
    if value is None and bookmark.get(KEY) == key:
        value = bookmark.get(VALUE)
    position = {} if value is None else {KEY: key, VALUE: value}
    if cursor:
        return {**position, CURSOR: token["cursor"]} if "cursor" in token else position
    return {**position, END_TIME: token["start_time"]}


def shape_problem(state: object) -> str | None:
    """Say whether a state is no state at all, None if it is one.

    Args:
        state: The state as read from its file.
    """
    if not isinstance(state, dict):
        return "it is not a JSON object"
    if state and "bookmarks" not in state and state.keys() != {"currently_syncing"}:
        return "it has no bookmarks"
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        return "bookmarks is not an object"
    for name, bookmark in bookmarks.items():
        if not isinstance(bookmark, dict):
            return f"the bookmark of {name} is not an object"
    return None


def problem(bookmark: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a bookmark, None if it can be gone on from.

    Args:
        bookmark: What a state holds for a stream of ours.
    """
    if unknown := sorted(bookmark.keys() - _OWN_KEYS.keys() - _SDK_KEYS):
        return f"has the unknown key {unknown[0]!r}; a later version of the tap may have written it"
    for key, type_ in _OWN_KEYS.items():
        value = bookmark.get(key)
        if value is not None and (not isinstance(value, type_) or isinstance(value, bool)):
            return f"has a {key} of a wrong type: {value!r}"
    try:
        epoch(0 if bookmark.get(VALUE) is None else bookmark[VALUE])
    except ValueError:
        return f"has a {VALUE} that is no date: {bookmark[VALUE]!r}"
    return None
