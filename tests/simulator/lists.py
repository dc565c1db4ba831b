"""Cuts pages of lists: by a cursor that stays valid, by offset, or all on one page."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from .declarations import Cut, Form
from .errors import ApiError, invalid
from .sideloads import sideload_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .query import Query
    from .store import Record

MOST_PER_PAGE = 100
MOST_BY_OFFSET = 10_000
_value = itemgetter(0)
Place = tuple[Any, Any]
"""A value that orders a list, and an id."""


def _cursor(sort: str, place: Place | None, empties: int = 0) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((sort, place, empties))).decode()


def _decode_cursor(sort: str, cursor: str) -> tuple[Place | None, int]:
    try:
        text = base64.b64decode(cursor, b"-_", validate=True)
        of_sort, place, empties = msgspec.json.decode(text, type=tuple[str, Place | None, int])
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        of_sort = ""
    if of_sort != sort:
        message = "The cursor is not valid."
        raise invalid(message, "page[after]")
    return place, empties


def _cursor_paging(query: Query, after: str | None, *, has_more: bool) -> Record:
    links = {"prev": None, "next": query.address(page__after=after) if has_more else None}
    if not query.settings.meta:
        return {"links": links}
    meta = {"has_more": has_more, "after_cursor": after, "before_cursor": None}
    return {"meta": meta, "links": links}


class List(Form):
    """A list. Its sideloads come beside the records, never inside them."""

    sideload = staticmethod(sideload_list)


@dataclass(frozen=True)
class CursorList(List):
    """Pages of 100 with `page[after]`, a keyset cursor that stays valid, even inside a second.

    Attributes:
        sorts: the values of `sort`, with "-" before them for descending; the first is the default.
        newest_first: whether the default is descending, unless `Settings.newest_first_lists` is
            off.
        since: the parameter whose first value is the oldest second.
        until: the parameter whose last value is the newest second.
    """

    sorts: tuple[str, ...] = ("id",)
    newest_first: bool = False
    since: str = ""
    until: str = ""

    def cut(self, query: Query) -> Cut:
        """Cut the page after a cursor, or the first."""
        size = query.size("page[size]", MOST_PER_PAGE, MOST_PER_PAGE)
        descending = self.newest_first and query.settings.newest_first_lists
        sort = query.params.get("sort", "-" * descending + self.sorts[0])
        if sort.removeprefix("-") not in self.sorts:
            message = f"It must be one of {', '.join(self.sorts)}."
            raise invalid(message, "sort")
        place, empties = None, 0
        if "page[after]" in query.params:
            place, empties = _decode_cursor(sort, query.params["page[after]"])
        shown = (key for key in self._walk(query, sort, place) if query.shows(key[1]))
        keys = list(islice(shown, size + 1))
        has_more = len(keys) > size
        del keys[size:]
        if keys and not has_more and query.settings.cycle_pages:
            return Cut(keys, _cursor_paging(query, _cursor(sort, None), has_more=True))
        if keys and not has_more and empties < query.settings.empty_pages:
            return Cut([], _cursor_paging(query, _cursor(sort, place, empties + 1), has_more=True))
        after = _cursor(sort, keys[-1]) if keys else None
        return Cut(keys, _cursor_paging(query, after, has_more=has_more))

    def _walk(self, query: Query, sort: str, place: Place | None) -> Iterator[Place]:
        """Yield the sort value and id of each record after a place."""
        index = query.table.order(sort.removeprefix("-"))
        since = query.second(self.since, 0) if self.since else None
        until = query.second(self.until, -1) if self.until else None
        first = 0 if since is None else bisect_left(index, since, key=_value)
        stop = len(index) if until is None else bisect_right(index, until, key=_value)
        if sort.startswith("-"):
            stop = stop if place is None else min(stop, bisect_left(index, place))
            return (index[n] for n in range(stop - 1, first - 1, -1))
        first = first if place is None else max(first, bisect_right(index, place))
        return (index[n] for n in range(first, stop))


class OffsetList(List):
    """Numbered pages with `next_page`, by `page` and `per_page`, up to 10,000 records."""

    def cut(self, query: Query) -> Cut:
        """Cut the page with the number `page`."""
        size = query.size("per_page", MOST_PER_PAGE, MOST_PER_PAGE)
        number = query.integer("page", 1, range(1, 1 << 40))
        if number * size > MOST_BY_OFFSET:
            message = f"Offset pagination ends at {MOST_BY_OFFSET} records."
            raise ApiError(400, "description", "InvalidPaginationDepth", message)
        keys = [key for key in query.table.order("id") if query.shows(key[1])]
        first = (number - 1) * size
        more = first + size < len(keys)
        next_page = query.address(page=number + 1) if more else None
        previous = query.address(page=number - 1) if number > 1 else None
        paging = {"count": len(keys), "next_page": next_page, "previous_page": previous}
        return Cut(keys[first : first + size], paging)


class OnePage(List):
    """Everything on one page."""

    def cut(self, query: Query) -> Cut:
        """Return the only page."""
        keys = [key for key in query.table.order("id") if query.shows(key[1])]
        paging = {"count": len(keys), "next_page": None, "previous_page": None}
        return Cut(keys, paging)


@dataclass(frozen=True)
class FixedList(List):
    """Pages with `page[after]` of records that never change, such as definitions of fields.

    Attributes:
        records: returns the records.
    """

    is_slow: ClassVar[bool] = False
    records: Callable[[], Sequence[Record]]

    def cut(self, query: Query) -> Cut:
        """Cut the page after `page[after]`, or the first."""
        found = self.records()
        size = query.size("page[size]", MOST_PER_PAGE, MOST_PER_PAGE)
        first = query.integer("page[after]", 0, range(len(found) + 1))
        more = first + size < len(found)
        after = str(first + size) if more else None
        paging = _cursor_paging(query, after, has_more=more)
        return Cut((), paging, found[first : first + size])
