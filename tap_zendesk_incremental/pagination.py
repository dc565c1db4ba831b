"""The two traversals of an export: a page in, the next request's parameters out.

Pure: no HTTP, no clock, no state file. A paginator's token is the parameters of the next
request, so resuming is the same as paginating: after the last page, the token is where the
next run starts. Facts about the API are written down in `docs/export-api.md`.
"""

# The SDK hands its paginators responses; ours get the page that was read from one, so that a
# body is decoded once.
# mypy: disable-error-code="override"

from __future__ import annotations

import abc
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from singer_sdk.exceptions import FatalSyncError
from singer_sdk.pagination import BaseAPIPaginator

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

Params = dict[str, "int | str"]
"""Query parameters of one request: `start_time` (epoch seconds) or `cursor`, `per_page`."""

Mark = tuple[Any, "int | None"]
"""What tells a record from another: its id, and the second (epoch) it is exported under."""

R = TypeVar("R")

MAX_PER_PAGE = 1000
"""Records Zendesk serves at most on a page that is not all of one second."""

MAX_PROBES = 4
"""Sizes to try for a page that may hold only a part of its second, before giving up."""

EMPTY_TRIES = 3
"""Empty pages in a row that may stay where they are before it counts as a loop."""


@dataclass
class Page(Generic[R]):
    """One page of an export: its records, and what Zendesk says of its place in the export.

    Attributes:
        asked: The parameters it was asked with, `per_page` among them.
        records: The records, in whatever form the reader of the page gave them.
        marks: For each record, its id and the second it is exported under.
        end_of_stream: Whether it is the last page; None where Zendesk does not say.
        after_cursor: Cursor exports: the cursor of the next page.
        end_time: Time exports: the `start_time` of the next page, epoch seconds.
        read_at: When it was read.
        beside: Arrays that came beside the records, by name, each item as Zendesk sent it.
    """

    asked: Params
    records: list[R]
    marks: list[Mark]
    end_of_stream: bool | None = None
    after_cursor: str | None = None
    end_time: int | None = None
    read_at: datetime | None = None
    beside: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def latest(self) -> int | None:
        """The last second (epoch) that a record of the page is exported under."""
        return max((second for _, second in self.marks if second is not None), default=None)


class ExportPaginator(BaseAPIPaginator[Params], abc.ABC):
    """What both traversals share."""

    def __init__(self, stream_name: str, start: Params, end: int | None = None) -> None:
        """Start a traversal.

        Args:
            stream_name: Names the stream in warnings and errors.
            start: Parameters of the first request.
            end: The second (epoch) before which to stop, if any.
        """
        super().__init__(start)
        self._stream_name = stream_name
        self._end = end
        self._shared: set[Mark] = set()

    def unseen(self, page: Page[R]) -> list[R]:
        """Give the records of a page that are before the end and that no page before it held.

        Call it before `advance`.
        """
        if not self._shared and not self._reaches_end(page):
            return page.records
        return [
            record
            for record, mark in zip(page.records, page.marks, strict=True)
            if mark not in self._shared
            and (self._end is None or mark[1] is None or mark[1] < self._end)
        ]

    def advance(self, response: Page[Any]) -> None:
        """Go to the next page, or past the last one, to where the next run starts.

        Args:
            response: The page that `current_value` asked for.

        Raises:
            FatalSyncError: If the page is not the last one and leads nowhere.
        """
        self._page_count += 1
        end = self._end
        if end is None or not self._reaches_end(response):
            self._finished = not self.has_more(response)
            self._value = self.get_next(response)
            # An empty page, or the last one, may lead beyond the end with nothing in between.
            if end is None or int(self._value.get("start_time", 0)) < end:
                return
        self._finished = True
        self._value = {"start_time": end}

    @abc.abstractmethod
    def has_more(self, response: Page[Any]) -> bool:
        """Say whether another page follows this one."""

    @abc.abstractmethod
    def get_next(self, response: Page[Any]) -> Params:
        """Give the parameters of the page after this one."""

    def _reaches_end(self, page: Page[Any]) -> bool:
        return self._end is not None and page.latest is not None and page.latest >= self._end


class CursorPaginator(ExportPaginator):
    """`start_time` once, then the cursor of each page; the pages do not overlap."""

    def __init__(
        self,
        stream_name: str,
        start: Params,
        end: int | None = None,
        *,
        parameter: str = "cursor",
    ) -> None:
        """Start a traversal; see `ExportPaginator`.

        Args:
            stream_name: Names the stream in errors.
            start: Parameters of the first request.
            end: The second (epoch) before which to stop, if any.
            parameter: The parameter that takes a cursor.
        """
        super().__init__(stream_name, start, end)
        self._parameter = parameter

    def has_more(self, response: Page[Any]) -> bool:
        """Stop on `end_of_stream`; where it is missing, on a cursor that stays."""
        if response.end_of_stream is None:
            return response.after_cursor not in {None, response.asked.get(self._parameter)}
        return not response.end_of_stream

    def get_next(self, response: Page[Any]) -> Params:
        """Give the page's cursor.

        Raises:
            FatalSyncError: If the cursor does not advance although the page is not the last.
        """
        cursor = response.after_cursor
        if cursor is not None and cursor != response.asked.get(self._parameter):
            return {self._parameter: cursor}
        if self.finished:
            return self.current_value
        msg = (
            f"{self._stream_name}: Zendesk's cursor does not advance after {response.asked}, "
            "and this is not the end of the stream. Nothing is lost: run again later with the "
            "last state; if it happens again, tell Zendesk support."
        )
        raise FatalSyncError(msg)


class TimePaginator(ExportPaginator):
    """`start_time`, then the `end_time` of each page.

    `start_time` is inclusive, so adjacent pages share a second; its records are given once.
    """

    def __init__(self, stream_name: str, start: Params, end: int | None = None) -> None:
        """Start a traversal; see `ExportPaginator`."""
        super().__init__(stream_name, start, end)
        self._empty_pages = 0
        self._probes = 0
        self._short_lengths: set[int] = set()

    def has_more(self, response: Page[Any]) -> bool:
        """Stop on `end_of_stream` only; where it is missing, on an `end_time` that stays.

        Even then a full page is not taken for the last: it may be all of one second.
        """
        if response.end_of_stream is None:
            return _advances(response) or len(response.records) >= int(response.asked["per_page"])
        return not response.end_of_stream

    def get_next(self, response: Page[Any]) -> Params:
        """Give the page's `end_time`, or a way past a page that repeats itself.

        Raises:
            FatalSyncError: If there is no such way.
        """
        start = int(response.asked["start_time"])
        if self.finished or _advances(response):
            token: Params = {"start_time": max(start, response.end_time or start)}
            self._probes = 0
            self._short_lengths.add(len(response.records))
        else:
            token = self._past_repeating_page(response, start)
        self._empty_pages = 0 if response.records else self._empty_pages + 1
        # Only what is exported under the next start_time or later can come again.
        self._shared = {
            mark
            for mark in self._shared.union(response.marks)
            if mark[1] is not None and mark[1] >= int(token["start_time"])
        }
        return token

    def _past_repeating_page(self, page: Page[Any], start: int) -> Params:
        """Get past a page that is not the last and whose `end_time` is its own `start_time`.

        Zendesk extends a page that is all of one second until it holds the whole second. A
        page of more or fewer records than asked for is therefore known to be whole; one of
        exactly as many may be cut, and is asked for again with another size. Pages that are
        short again and again at the same length come from something that caps them.
        """
        if not page.records:
            if self._empty_pages + 1 < EMPTY_TRIES:
                return {"start_time": start}
            what = f"sends empty pages at start_time {start} over and over"
            raise self._stuck(what)
        if page.latest is not None and page.latest > start:
            return {"start_time": page.latest}
        size = int(page.asked["per_page"])
        if len(page.records) < size and len(page.records) in self._short_lengths:
            what = f"sends no more than {len(page.records)} records of the second {start}"
            raise self._stuck(what)
        if len(page.records) != size:
            logger.warning(
                "%s: %d records share the second %d, and Zendesk repeats that page; "
                "all of them are on it, so the export goes on at the next second.",
                self._stream_name,
                len(page.records),
                start,
            )
            self._probes = 0
            return {"start_time": start + 1}
        self._probes += 1
        if self._probes < MAX_PROBES and (self._probes == 1 or size != MAX_PER_PAGE - 1):
            other = MAX_PER_PAGE if size < MAX_PER_PAGE else MAX_PER_PAGE - 1
            return {"start_time": start, "per_page": other}
        what = f"cuts off the second {start}, which holds {size} records or more"
        raise self._stuck(what)

    def _stuck(self, what: str) -> FatalSyncError:
        msg = (
            f"{self._stream_name}: Zendesk {what}. There is no way past it without losing "
            "records by time; tickets and users have the cursor export (export_method: cursor), "
            "for other streams tell Zendesk support. The last state stays good."
        )
        return FatalSyncError(msg)


def _advances(page: Page[Any]) -> bool:
    return page.end_time is not None and page.end_time > int(page.asked["start_time"])
