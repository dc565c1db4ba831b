"""The state that a run is given: checked, and taken over if another Zendesk tap left it.

singer-io/tap-zendesk names the bookmark after the property: `{"tickets": {"generated_timestamp":
"2024-01-31T12:00:00Z"}}`. MeltanoLabs/tap-zendesk writes the SDK's `replication_key` and
`replication_key_value`, with `updated_at` also for tickets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import SingerSDKError

from tap_zendesk_incremental import bookmarks
from tap_zendesk_incremental.bookmarks import KEY, VALUE, epoch, iso

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from tap_zendesk_incremental.export import ExportStream

SAFE_SECONDS = 86_400
"""How far before an `updated_at` tickets go on: tickets are exported by `generated_timestamp`,
but sent as they are now, so the newest `updated_at` of a run that took a day may be a day later
than the place it had reached."""


def checked(
    state: dict[str, Any], streams: Mapping[str, type[ExportStream]], logger: logging.Logger
) -> dict[str, Any]:
    """Give a state that can be gone on from.

    Args:
        state: What `--state` holds.
        streams: The class of each stream; what a state holds beside them stays as it is.
        logger: Says what was taken over.

    Raises:
        SingerSDKError: If the state is damaged, or a later version of the tap wrote it.
    """
    if problem := bookmarks.shape_problem(state):
        raise _unusable(problem)
    given = dict(state.get("bookmarks", {}))
    for name in given.keys() & streams.keys():
        try:
            given[name] = adopt(name, given[name], streams[name], logger)
            problem = bookmarks.problem(given[name])
        except (ValueError, TypeError, OverflowError) as error:
            problem = f"holds a value that is no date: {error}"
        if problem:
            problem = f"the bookmark of {name} {problem}"
            raise _unusable(problem)
    return {**state, "bookmarks": given} if given else state


def _unusable(problem: str) -> SingerSDKError:
    return SingerSDKError(f"The state cannot be used: {problem}. Nothing was exported.")


def adopt(
    name: str, bookmark: dict[str, Any], stream: type[ExportStream], logger: logging.Logger
) -> dict[str, Any]:
    """Give a bookmark the form of ours; one that has it already stays as it is.

    Args:
        name: The stream's name.
        bookmark: What the state holds for it.
        stream: Its class.
        logger: Says in one line where the export goes on.

    Raises:
        ValueError: If the other tap's value is no date.
    """
    ours = stream.replication_key
    if ours is None:
        return {}  # what is exported whole has no bookmark
    foreign = bookmark.get(KEY)
    if foreign is None and ours in bookmark:
        foreign, value = ours, bookmark[ours]
        if value is None:
            return {}
    elif isinstance(foreign, str) and foreign != ours and bookmark.get(VALUE) is not None:
        value = bookmark[VALUE]
    else:
        return bookmark
    second = epoch(value)
    why = ""
    if foreign != ours:
        second -= SAFE_SECONDS
        why = (
            f"; {SAFE_SECONDS // 3600} hours before its {foreign}, which may be later than the "
            "place that the export had reached"
        )
    logger.info("%s goes on from another tap's bookmark, at %s%s", name, iso(second), why)
    return {KEY: ours, VALUE: second if stream.exported_in_epoch else iso(second)}
