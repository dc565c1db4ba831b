"""The state: where a stream starts, its bookmark after each page, and checks of a given state.

A bookmark holds Zendesk's own token of the first page that is not fully written, beside the
SDK's replication key: `{"replication_key": "updated_at", "replication_key_value": "2023-09-18T
21:52:43Z", "end_time": 1695073963}`. A cursor export has `cursor` in place of `end_time`, and a
list has `after_cursor`. `read_whole_at` is the start of the last run that read a list from its
beginning to its end.

The tap accepts the states of other taps. singer-io/tap-zendesk names a bookmark after its property:
`{"tickets": {"generated_timestamp": "2024-01-31T12:00:00Z"}}`. MeltanoLabs/tap-zendesk writes the
SDK's `replication_key` and `replication_key_value`, with `updated_at` for tickets as well.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

# On Python 3.10, importing the SDK gives fromisoformat the formats that Python 3.11 accepts.
import singer_sdk  # noqa: F401
from singer_sdk.exceptions import SingerSDKError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Params

CURSOR = "cursor"
AFTER_CURSOR = "after_cursor"
END_TIME = "end_time"
UNTIL = "until"
SIDELOADS = "sideloads"
READ_WHOLE_AT = "read_whole_at"
KEY = "replication_key"
VALUE = "replication_key_value"

SAFE_SECONDS = 86_400
"""How far before a record's time an export starts if the bookmark has no token of Zendesk's.

An export that took a day may have read records that changed during that day. Their times are up to
a day later than the position that the export had reached."""

_OWN_KEYS: dict[str, type | tuple[type, ...]] = {
    CURSOR: str,
    AFTER_CURSOR: str,
    END_TIME: int,
    UNTIL: int,
    SIDELOADS: list,
    READ_WHOLE_AT: str,
    KEY: str,
    VALUE: (str, int),
}
_SDK_KEYS = {"starting_replication_value", "replication_key_signpost", "progress_markers"}


def epoch(value: str | int) -> int:
    """Convert a replication key value or an ISO 8601 date to epoch seconds.

    Args:
        value: Epoch seconds, or a date with or without a time. Without an offset it is UTC.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, int):
        return value
    date = datetime.fromisoformat(value)
    return int((date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp())


def iso(second: int) -> str:
    """Format epoch seconds as Zendesk writes dates: `2023-09-18T21:52:43Z`."""
    # `strftime` writes years before 1000 with fewer than four digits.
    return datetime.fromtimestamp(second, tz=timezone.utc).isoformat().replace("+00:00", "Z")


_CURSOR_KEYS = {
    "cursor": CURSOR,
    "changes": AFTER_CURSOR,
    "filtered": AFTER_CURSOR,
    "newest_first": AFTER_CURSOR,
    "chat": AFTER_CURSOR,
}
"""The key of a bookmark that holds the cursor, by `Endpoint.paging`.

The cursors of lists and exports are not interchangeable, so they have different keys.
"""


def start(
    bookmark: Mapping[str, Any], endpoint: Endpoint, start_date: str | None
) -> tuple[Params, bool]:
    """Return the parameters of an export's first request.

    Zendesk's own token is exact. The replication key value is not, because Zendesk sends records as
    they are now and not as they were at their position in the export. If the bookmark has nothing
    else, the export starts a day before that value.

    Args:
        bookmark: The stream's bookmark, empty for a new export.
        endpoint: The endpoint of the export.
        start_date: The setting. It takes precedence if it is later than the bookmark.

    Returns:
        The parameters, and whether they are exact.
    """
    cursor = bookmark.get(_CURSOR_KEYS.get(endpoint.paging, ""))
    if endpoint.paging == "cursor" and endpoint.start_parameter is None:
        return ({"cursor": cursor} if cursor else {}), True
    earliest = epoch(start_date) if start_date else 0
    end_time, value = bookmark.get(END_TIME), value_of(bookmark)
    reached = value if end_time is None else int(end_time)
    if endpoint.paging == "chat" and end_time is None:
        cursor = None  # there it is a place within a second only
    if reached is not None and earliest > reached:
        return {"start_time": earliest}, True
    if cursor:
        token: Params = {"cursor": cursor}
        if endpoint.paging != "cursor":
            names = (("start_time", END_TIME), ("end_time", UNTIL))
            token |= {name: bookmark[key] for name, key in names if bookmark.get(key) is not None}
        return token, True
    if reached is None:
        return {"start_time": earliest}, True
    is_exact = end_time is not None and endpoint.paging != "changes"
    return {"start_time": max(earliest, reached - (0 if is_exact else SAFE_SECONDS))}, is_exact


def value_of(bookmark: Mapping[str, Any]) -> int | None:
    """Return the replication key value of a bookmark in epoch seconds, or None if it has none.

    Args:
        bookmark: The stream's bookmark.
    """
    value = bookmark.get(VALUE)
    return None if value is None else epoch(value)


def token_keys(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the keys of a bookmark that an endpoint's tokens may use.

    Args:
        endpoint: The endpoint of an export.
    """
    if (key := _CURSOR_KEYS.get(endpoint.paging)) == CURSOR:
        return (CURSOR,)
    return (END_TIME, AFTER_CURSOR, UNTIL) if key else (END_TIME,)


def after(
    bookmark: Mapping[str, Any],
    endpoint: Endpoint,
    key: str | None,
    value: str | int | None,
    token: Params,
) -> dict[str, Any]:
    """Return the bookmark after a page whose records are all written. It never goes back.

    Args:
        bookmark: The bookmark before the page.
        endpoint: The endpoint of the export.
        key: The stream's replication key.
        value: The value of the replication key up to which everything is exported, or None if
            the page is empty.
        token: The parameters of the first page that is not written.
    """
    before = bookmark.get(VALUE) if bookmark.get(KEY) == key else None
    if value is None or (before is not None and epoch(before) > epoch(value)):
        value = before
    found: dict[str, Any] = {} if value is None else {KEY: key, VALUE: value}
    if READ_WHOLE_AT in bookmark:
        found[READ_WHOLE_AT] = bookmark[READ_WHOLE_AT]
    if "start_time" in token:
        found[END_TIME] = int(token["start_time"])
        if "cursor" not in token:
            found[END_TIME] = max(found[END_TIME], bookmark.get(END_TIME) or 0)
    if "cursor" in token:
        found[_CURSOR_KEYS[endpoint.paging]] = token["cursor"]
        if "end_time" in token:
            found[UNTIL] = token["end_time"]
    return found


def checked_state(
    state: dict[str, Any], replication_keys: Mapping[str, str | None]
) -> dict[str, Any]:
    """Check a state, and return it with all bookmarks in this tap's form.

    Args:
        state: The state from `--state`.
        replication_keys: The replication key of each stream. None if the stream has none, so that
            it needs no bookmark. Bookmarks of other streams stay as they are.

    Raises:
        SingerSDKError: If the state is damaged, or a later version of the tap wrote it.
    """
    if problem := shape_problem(state):
        raise _unusable(problem)
    bookmarks = dict(state.get("bookmarks", {}))
    for name in bookmarks.keys() & replication_keys.keys():
        bookmarks[name] = _converted(bookmarks[name], replication_keys[name])
        if problem := problem_of(bookmarks[name]):
            problem = f"the bookmark of {name} {problem}"
            raise _unusable(problem)
    return {**state, "bookmarks": bookmarks} if bookmarks else state


def _unusable(problem: str) -> SingerSDKError:
    return SingerSDKError(f"The state cannot be used: {problem}. Nothing was exported.")


def _converted(bookmark: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Convert a bookmark of singer-io's tap to this tap's form; any other stays as it is."""
    if key is None:
        return {}  # a stream that is exported whole has no bookmark
    if KEY in bookmark or key not in bookmark:
        return bookmark
    value = bookmark[key]
    return {} if value is None else {KEY: key, VALUE: value}


def shape_problem(state: object) -> str | None:
    """Describe what keeps a JSON value from being a state. Returns None if it is one.

    Args:
        state: The value as read from its file.
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


def problem_of(bookmark: Mapping[str, Any]) -> str | None:
    """Describe what is wrong with a bookmark. Returns None if an export can resume from it.

    Args:
        bookmark: The bookmark of one of this tap's streams.
    """
    if unknown := sorted(bookmark.keys() - _OWN_KEYS.keys() - _SDK_KEYS):
        return f"has the unknown key {unknown[0]!r}; a later version of the tap may have written it"
    for key, type_ in _OWN_KEYS.items():
        value = bookmark.get(key)
        if value is not None and (not isinstance(value, type_) or isinstance(value, bool)):
            return f"has a value of the wrong type in {key}: {value!r}"
    try:
        key, place = VALUE, value_of(bookmark) or 0
        iso(place)
        key, place = END_TIME, max(place, bookmark.get(END_TIME) or 0)
        moment = iso(place)
    except (ValueError, OverflowError, OSError):
        return f"has a value in {key} that is not a date: {bookmark.get(key)!r}"
    if place > time.time() + SAFE_SECONDS:
        return (
            f"is at {moment}, which is in the future, so changes until then would never be "
            "exported; remove the bookmark from the state to export the stream from the beginning"
        )
    return None
