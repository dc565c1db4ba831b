"""What the state says: where a stream starts, where it is after a page, what is wrong with it.

A bookmark holds Zendesk's own token of the first page that is not fully written, beside the
SDK's replication key: `{"replication_key": "updated_at", "replication_key_value": "2023-09-18T
21:52:43Z", "end_time": 1695073963}`. In place of `end_time` there is `cursor` for an export by
cursor, and `after_cursor` for a list. `read_whole_at` is when a run began that read a list from its
beginning to its end.

States of other taps are taken over. singer-io/tap-zendesk names a bookmark after its property:
`{"tickets": {"generated_timestamp": "2024-01-31T12:00:00Z"}}`. MeltanoLabs/tap-zendesk writes the
SDK's `replication_key` and `replication_key_value`, with `updated_at` also for tickets.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

# On Python 3.10 the SDK teaches fromisoformat what it knows from 3.11 on, when this is imported.
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
"""How far before a record's time an export starts that has nothing better to start at.

An export that took a day may have met records that changed during that day, so that their time is
up to a day later than the place that it had reached."""

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


_CURSOR_KEYS = {
    "cursor": CURSOR,
    "changes": AFTER_CURSOR,
    "filtered": AFTER_CURSOR,
    "newest_first": AFTER_CURSOR,
    "chat": AFTER_CURSOR,
}
"""What a bookmark calls the cursor of an endpoint: those of lists and exports differ."""


def start(
    bookmark: Mapping[str, Any], endpoint: Endpoint, start_date: str | None
) -> tuple[Params, bool]:
    """Give the parameters that an export starts with.

    A token of Zendesk's is exact. The value of the replication key is not: records come as they
    are now, not as they were at their place in the export. Where nothing else is known, the
    export starts a day before it.

    Args:
        bookmark: The stream's bookmark, empty for a new export.
        endpoint: What is exported.
        start_date: The setting; later than the bookmark, it wins.

    Returns:
        The parameters, and whether they are exact.
    """
    cursor = bookmark.get(_CURSOR_KEYS.get(endpoint.paging, ""))
    if endpoint.paging == "cursor" and endpoint.start_parameter is None:
        return ({"cursor": cursor} if cursor else {}), True
    earliest = epoch(start_date) if start_date else 0
    end_time, value = bookmark.get(END_TIME), value_of(bookmark)
    reached = value if end_time is None else int(end_time)
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
    """Give the second (epoch) of a bookmark's replication key value, if it has one.

    Args:
        bookmark: The stream's bookmark.
    """
    value = bookmark.get(VALUE)
    return None if value is None else epoch(value)


def after(
    bookmark: Mapping[str, Any],
    endpoint: Endpoint,
    key: str | None,
    value: str | int | None,
    token: Params,
) -> dict[str, Any]:
    """Give the bookmark after a page whose records are all written; it never goes back.

    Args:
        bookmark: The bookmark before it.
        endpoint: What is exported.
        key: The stream's replication key.
        value: The replication key's highest value on the page, None on an empty page.
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
    """Give a state that can be gone on from.

    Args:
        state: What `--state` holds.
        replication_keys: That of each stream, None where it has none and so no bookmark; what a
            state holds beside these streams stays as it is.

    Raises:
        SingerSDKError: If the state is damaged, or a later version of the tap wrote it.
    """
    if problem := shape_problem(state):
        raise _unusable(problem)
    given = dict(state.get("bookmarks", {}))
    for name in given.keys() & replication_keys.keys():
        given[name] = _adopted(given[name], replication_keys[name])
        if problem := problem_of(given[name]):
            problem = f"the bookmark of {name} {problem}"
            raise _unusable(problem)
    return {**state, "bookmarks": given} if given else state


def _unusable(problem: str) -> SingerSDKError:
    return SingerSDKError(f"The state cannot be used: {problem}. Nothing was exported.")


def _adopted(bookmark: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Give a bookmark of singer-io's tap the form of ours; any other stays as it is."""
    if key is None:
        return {}  # what is exported whole has no bookmark
    if KEY in bookmark or key not in bookmark:
        return bookmark
    value = bookmark[key]
    return {} if value is None else {KEY: key, VALUE: value}


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


def problem_of(bookmark: Mapping[str, Any]) -> str | None:
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
        key, place = VALUE, value_of(bookmark) or 0
        iso(place)
        key, place = END_TIME, max(place, bookmark.get(END_TIME) or 0)
        moment = iso(place)
    except (ValueError, OverflowError, OSError):
        return f"has a {key} that is not a date: {bookmark.get(key)!r}"
    if place > time.time() + SAFE_SECONDS:
        return (
            f"is at {moment}, which is in the future, so what changes until then would never be "
            "exported; take the bookmark out of the state to export the stream anew"
        )
    return None
