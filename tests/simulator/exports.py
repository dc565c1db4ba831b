"""Cuts export pages out of a sorted index.

An index is a sorted list of (epoch second, id), one for each record that may be served.
`cursor_page` and `time_page` are pure functions: they use no clock and no records.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from .declarations import Cut, Form
from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .query import Query
    from .settings import Settings
    from .store import Record

RecordId = int | str
Key = tuple[int, RecordId]
MOST_PER_PAGE = 1000
FUTURE = 4_102_444_800
_second = itemgetter(0)
_CURSOR = re.compile(r"(\d+)\.0\|\|([^|]*)\|(\d*)")


@dataclass(frozen=True)
class Page:
    """The records of a page, and where the next page starts.

    Attributes:
        keys: second and id of each record, in the order of the page.
        end: whether the page reaches the newest record.
        end_time: the `end_time` of a time page, an epoch second.
        cursor: the `after_cursor` of a cursor page.
    """

    keys: Sequence[Key]
    end: bool
    end_time: int = 0
    cursor: str = ""


def encode_cursor(second: int, record_id: RecordId = "", empties: int | str = "") -> str:
    """Make a cursor as Zendesk's have been observed: base64 of `1695062724.0||1571|`."""
    return base64.b64encode(f"{second}.0||{record_id}|{empties}".encode()).decode()


def _decode_cursor(cursor: str) -> tuple[int, RecordId, int]:
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    parts = _CURSOR.fullmatch(text)
    if not parts:
        raise ApiError(400, "errors", "InvalidCursor", f"The cursor '{cursor}' is not valid.")
    second, record_id, empties = parts.groups()
    return int(second), int(record_id) if record_id.isdigit() else record_id, int(empties or 0)


def cursor_page(index: Sequence[Key], cursor: str, size: int, empty_pages: int = 0) -> Page:
    """Cut the page after a cursor. Pages are sorted by (second, id) and do not overlap.

    Args:
        index: the records that may be served.
        cursor: the cursor, from `encode_cursor`; one without an id is before its second.
        size: the most records on a page.
        empty_pages: how many empty pages come before the last one.

    Returns:
        The page. If there is nothing new, its cursor is the given one.

    Raises:
        ApiError: the cursor is not valid.
    """
    second, record_id, empties = _decode_cursor(cursor)
    if record_id == "":
        first = bisect_left(index, second, key=_second)
    else:
        first = bisect_right(index, (second, record_id))
    keys = index[first : first + size]
    end = first + len(keys) == len(index)
    if not keys:
        return Page(keys, end, cursor=encode_cursor(second, record_id))
    if end and empties < empty_pages:
        return Page([], end=False, cursor=encode_cursor(second, record_id, empties + 1))
    return Page(keys, end, cursor=encode_cursor(*keys[-1]))


def _scattered(key: Key) -> tuple[int, int]:
    # Zendesk keeps no order within a second. An order that differs from that of the ids reveals
    # code that relies on it.
    return key[0], hash((key[1], key[0])) if isinstance(key[1], int) else len(key[1])


def time_page(index: Sequence[Key], start_time: int, size: int, settings: Settings) -> Page:
    """Cut the page that starts at a second, inclusive.

    A page can end inside a second: `end_time` is then that second, and its records come again on
    the next page. The settings decide about a full page of a single second.

    Args:
        index: the records that may be served.
        start_time: epoch second.
        size: the most records on a page, except one of a single second.
        settings: `extend_pages`, `stuck_pages`, `cap` and `empty_pages`.
    """
    size = min(size, settings.cap or size)
    first = bisect_left(index, start_time, key=_second)
    if first == len(index):
        return Page([], end=True, end_time=start_time)
    if settings.empty_pages and index[first][0] > start_time:
        return Page([], end=False, end_time=index[first][0])
    stop = min(first + size, len(index))
    last = index[stop - 1][0]
    whole = bisect_right(index, last, key=_second)
    keys = sorted(index[first:whole], key=_scattered)
    end_time = last
    is_one_second = stop - first == size and index[first][0] == last
    is_cut = settings.cap or (not settings.extend_pages and settings.stuck_pages == "cut")
    if is_cut or not is_one_second:
        keys = keys[:size]
    elif settings.extend_pages:
        end_time = last + 1
    end = first + len(keys) == len(index)
    if settings.empty_pages and not end and first + len(keys) == whole:
        end_time = last + 1
    return Page(keys, end, end_time=end_time)


def _start_time(query: Query, newest_seconds: int = 60) -> int:
    start_time = query.integer("start_time", None, range(1 << 40))
    if start_time > query.now - newest_seconds:
        message = f"Too recent start_time. Use a start_time older than {newest_seconds} seconds"
        raise ApiError(422, "description", "InvalidValue", message)
    return start_time


class CursorExport(Form):
    """Pages with `after_cursor`; the first starts at `start_time`."""

    def cut(self, query: Query) -> Cut:
        """Cut the page after a cursor, or from `start_time` on."""
        page = self._page(query, query.params.get("cursor") or self._first_cursor(query))
        paging: Record = {
            "after_url": query.address("start_time", cursor=page.cursor),
            "before_url": None,
            "after_cursor": page.cursor,
            "before_cursor": None,
        }
        if query.settings.end_of_stream:
            paging["end_of_stream"] = page.end
        return Cut(page.keys, paging)

    def _first_cursor(self, query: Query) -> str:
        return encode_cursor(_start_time(query))

    @staticmethod
    def _page(query: Query, cursor: str) -> Page:
        size = query.size("per_page", MOST_PER_PAGE, MOST_PER_PAGE)
        page = cursor_page(query.servable(), cursor, size, query.settings.empty_pages)
        if page.end and query.settings.cycle_pages:
            return replace(page, end=False, cursor=encode_cursor(0))
        return page


class RoutingExport(CursorExport):
    """Pages of skill routing, which start at the beginning and have their own paging fields."""

    def cut(self, query: Query) -> Cut:
        """Cut the page after a cursor, or the first."""
        if query.settings.routing_pages == "cursor":
            return super().cut(query)
        page = self._page(query, query.params.get("cursor") or self._first_cursor(query))
        end_time = page.keys[-1][0] if page.keys else None
        next_page = query.address("start_time", cursor=page.cursor)
        paging = {"count": len(page.keys), "end_time": end_time, "next_page": next_page}
        return Cut(page.keys, paging)

    def _first_cursor(self, query: Query) -> str:
        del query
        return encode_cursor(0)


@dataclass(frozen=True)
class TimeExport(Form):
    """Pages with `end_time`, each of which starts at a `start_time`.

    Attributes:
        end_of_stream: whether pages have that field.
        newest_seconds: how many seconds ago `start_time` has to be.
        most: the most records on a page.
        is_ragged: whether pages hold fewer records than requested, for no reason.
        ends_now: whether the last page's `end_time` is now, and its `next_page` null.
    """

    end_of_stream: bool = True
    newest_seconds: int = 60
    most: int = MOST_PER_PAGE
    is_ragged: bool = False
    ends_now: bool = False

    def cut(self, query: Query) -> Cut:
        """Cut the page from `start_time` on."""
        start_time = _start_time(query, self.newest_seconds)
        size = min(query.size("per_page", self.most, MOST_PER_PAGE), self.most)
        size -= start_time % (size // 2 + 1) if self.is_ragged else 0
        page = self._page(query, start_time, size)
        end_time: int | None = page.end_time
        if page.end:
            hostile = {"null": None, "future": FUTURE}
            end_time = query.now - query.settings.withheld_seconds if self.ends_now else end_time
            end_time = hostile.get(query.settings.last_end_time, end_time)
        has_next = end_time is not None and not (page.end and self.ends_now)
        next_page = query.address(start_time=end_time) if has_next else None
        paging = {"count": len(page.keys), "next_page": next_page, "end_time": end_time}
        if self.end_of_stream and query.settings.end_of_stream:
            paging["end_of_stream"] = page.end
        return Cut(page.keys, paging)

    def _page(self, query: Query, start_time: int, size: int) -> Page:
        return time_page(query.servable(), start_time, size, query.settings)


@dataclass(frozen=True)
class Sample(TimeExport):
    """One page of at most 50 records."""

    most: int = 50

    def _page(self, query: Query, start_time: int, size: int) -> Page:
        page = super()._page(query, start_time, size)
        return replace(page, keys=page.keys[:size])
