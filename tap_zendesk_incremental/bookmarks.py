"""What the state says: where a stream starts, and where it is after a page.

A bookmark holds Zendesk's own token of the first page that is not fully written, beside the
SDK's replication key: `{"replication_key": "updated_at", "replication_key_value": "2023-09-18T
21:52:43Z", "end_time": 1695073963}`, or `cursor` in place of `end_time`.
"""

from __future__ import annotations

import time
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

SAFE_SECONDS = 86_400
"""How far before a record's time an export starts that has nothing better to start at.

An export that took a day may have met records that changed during that day, so that their time is
up to a day later than the place that it had reached."""

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


def start(
    bookmark: Mapping[str, Any],
    key: str | None,
    start_date: str | None,
    *,
    by_cursor: bool,
    takes_start_time: bool = True,
) -> Params:
    """Give the parameters that an export starts with.

    A token of Zendesk's is exact. The value of the replication key is not: records come as they
    are now, not as they were at their place in the export. Where nothing else is known, the
    export starts a day before it.

    Args:
        bookmark: The stream's bookmark, empty for a new export.
        key: The stream's replication key; a value of another one says nothing.
        start_date: The setting; later than the bookmark, it wins.
        by_cursor: Whether this is a cursor export.
        takes_start_time: Whether it can start at a time.
    """
    cursor = bookmark.get(CURSOR) if by_cursor else None
    if not takes_start_time:
        return {"cursor": cursor} if cursor else {}
    earliest = epoch(start_date) if start_date else 0
    end_time, value = bookmark.get(END_TIME), value_of(bookmark, key)
    reached = value if end_time is None else int(end_time)
    if reached is not None and earliest > reached:
        return {"start_time": earliest}
    if cursor:
        return {"cursor": cursor}
    if end_time is None and value is not None:
        return {"start_time": max(earliest, value - SAFE_SECONDS)}
    return {"start_time": max(earliest, end_time or 0)}


def value_of(bookmark: Mapping[str, Any], key: str | None) -> int | None:
    """Give the second (epoch) of a bookmark's replication key value, if it is of this key."""
    value = bookmark.get(VALUE)
    return epoch(value) if value is not None and bookmark.get(KEY) == key else None


def after(
    bookmark: Mapping[str, Any], key: str | None, value: str | int | None, token: Params
) -> dict[str, Any]:
    """Give the bookmark after a page whose records are all written; it never goes back.

    Args:
        bookmark: The bookmark before it.
        key: The stream's replication key.
        value: The replication key's highest value on the page, None on an empty page.
        token: The parameters of the first page that is not written.
    """
    before = bookmark.get(VALUE) if bookmark.get(KEY) == key else None
    if value is None or (before is not None and epoch(before) > epoch(value)):
        value = before
    position = {} if value is None else {KEY: key, VALUE: value}
    if "cursor" in token:
        return {**position, CURSOR: token["cursor"]}
    if "start_time" not in token:
        return position
    return {**position, END_TIME: max(int(token["start_time"]), bookmark.get(END_TIME) or 0)}


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
        value = epoch(bookmark.get(VALUE) or 0)
    except ValueError:
        return f"has a {VALUE} that is no date: {bookmark[VALUE]!r}"
    place = bookmark.get(END_TIME) or (0 if bookmark.get(CURSOR) else value)
    if place > time.time() + SAFE_SECONDS:
        return (
            f"is at {iso(place)}, which is in the future, so what changes until then would never "
            "be exported; take the bookmark out of the state to export the stream anew"
        )
    return None
