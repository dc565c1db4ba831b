"""Traversals of exports: from a page to its new records and the parameters of the next request.

This module uses no HTTP, no clock and no state file. *A page token is the parameters of the next
request*, so resuming is the same as paginating: the bookmark is the token of the first page that
is not fully written. A traversal skips nothing unless Zendesk has shown that it was read. Where a
server leaves that open, the traversal raises an error. `docs/export-api.md` lists the facts about
the API.
"""

from __future__ import annotations

import abc
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE, NEWEST_SERVED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

logger = logging.getLogger(__name__)

Params = dict[str, "int | str"]
"""Parameters of a request: `start_time`, `end_time` (epoch seconds), `cursor`, `page`, `per_page`.

`Endpoint.query` translates them into Zendesk's names, which differ between endpoints."""

RecordKey = tuple[Any, "int | None"]
"""What identifies a record: its id, and the time (epoch seconds) that it is exported under.

A falsy id means that the record has none. Such a record never counts as a repeat of another.
"""

R = TypeVar("R")

MAX_EMPTY_PAGES_AT_ONE_TIME = 3
"""How many empty pages in a row may lead back to themselves before this counts as a loop."""

MAX_EMPTY_PAGES = 10_000
"""How many empty pages in a row a cursor may lead through before this counts as a loop.

A cursor does not show how far the export is, and a filter such as `support_type_scope` can leave
out millions of tickets in a row. So this is far more than any known account needs.
"""


@dataclass
class Page(Generic[R]):
    """One page of a list: its records, and what Zendesk says about its place in the list.

    Attributes:
        params: The parameters of the request, with `per_page` where the endpoint has it.
        records: The records, in the form that the reader of the page produces.
        keys: The key of each record, in the same order.
        end_of_stream: Whether this is the last page. None if Zendesk does not say.
        after_cursor: The cursor of the next page.
        end_time: The `start_time` of the next page, in epoch seconds.
        next_page: The query parameters of the next page's URL, or None if Zendesk sends no URL.
            The tap never follows the URL itself.
        newest: The newest time (epoch seconds) that Zendesk served when the page was asked for.
        read_at: When the tap read the page.
        sideloads: The arrays beside the records that Zendesk sent, by name, with raw items.
    """

    params: Params
    records: list[R]
    keys: list[RecordKey]
    end_of_stream: bool | None = None
    after_cursor: str | None = None
    end_time: int | None = None
    next_page: dict[str, str] | None = None
    newest: int | None = None
    read_at: datetime | None = None
    sideloads: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def latest(self) -> int | None:
        """The latest time (epoch seconds) of the page's records, or None if no record has one.

        It is not a position in the export: Zendesk sends records as they are now, so a record's
        time may be later than its position.
        """
        return max((second for _, second in self.keys if second is not None), default=None)

    @property
    def earliest(self) -> int | None:
        """The earliest time (epoch seconds) of the page's records, or None if no record has one.

        The export has reached at least this time, unless all records of the page have changed.
        """
        return min((second for _, second in self.keys if second is not None), default=None)


class Paginator(abc.ABC):
    """A traversal. Request the page of `params` and pass it to `advance`, until `finished`.

    Attributes:
        params: The parameters of the next request.
        bookmark: The parameters of the first request that is still needed. The next run starts
            there.
        finished: Whether `advance` has received the last page.
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal.

        Args:
            stream_name: The stream's name, for warnings and errors.
            start: The parameters of the first request.
        """
        self.params = self.bookmark = start
        self.finished = False
        self._stream_name = stream_name

    @abc.abstractmethod
    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the next page, or finish after the last one.

        Args:
            page: The page that was requested with `params`.

        Returns:
            The page's records, without those that an earlier page held.

        Raises:
            FatalSyncError: If the page is not the last one, and no next request is certain to
                leave nothing out.
        """


def new_records(page: Page[R], seen: Collection[RecordKey]) -> list[R]:
    """Return the records of a page that no earlier page held.

    Args:
        page: The page.
        seen: The keys of records of earlier pages.
    """
    return [record for record, key in zip(page.records, page.keys, strict=True) if key not in seen]


def repeatable_keys(seen: Iterable[RecordKey], start_time: int) -> set[RecordKey]:
    """Return the keys of records that the next page may repeat, as pages can overlap.

    A record without an id or a time never counts as a repeat of another, so its key is left out.

    Args:
        seen: The keys of all records so far.
        start_time: The `start_time` of the next page, which repeats no earlier records.
    """
    return {
        (record_id, second)
        for record_id, second in seen
        if record_id and second is not None and second >= start_time
    }


class CursorPaginator(Paginator):
    """A traversal by cursor: `start_time` once, then each page's cursor. Pages do not overlap.

    ```json
    {"tickets": […], "after_cursor": "MTY5NTA2MjcyNC4wfHwxNTcxfA==", "end_of_stream": false}
    ```
    """

    def __init__(
        self, stream_name: str, start: Params, *, max_empty_pages: int = MAX_EMPTY_PAGES
    ) -> None:
        """Start a traversal; see `Paginator`.

        Args:
            stream_name: The stream's name, for errors.
            start: The parameters of the first request.
            max_empty_pages: How many empty pages in a row count as a loop.
        """
        super().__init__(stream_name, start)
        self._max_empty_pages = max_empty_pages
        self._seen_cursors = {start.get("cursor")}
        self._empty_pages = 0

    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the page's cursor; see `Paginator`.

        Only `end_of_stream` marks the end. Where Zendesk does not send it, the end is a page whose
        cursor stays the same.

        Raises:
            FatalSyncError: If the cursors go in a circle, or through too many empty pages.
        """
        cursor = page.after_cursor
        stays = cursor is None or cursor == page.params.get("cursor")
        self.finished = page.end_of_stream is True
        if page.end_of_stream is None:
            # A URL without a cursor leads to numbered pages, and more may follow a full page.
            is_full = len(page.records) >= int(page.params.get("per_page", MAX_PAGE_SIZE))
            self.finished = stays and not (cursor is None and (page.next_page or is_full))
        self._empty_pages = 0 if page.records else self._empty_pages + 1
        problem = ""
        if stays:
            problem = f"does not advance after {page.params}"
        elif cursor in self._seen_cursors:
            problem = f"comes back to where it was before {page.params}"
        elif self._empty_pages >= self._max_empty_pages:
            problem = f"leads through {self._empty_pages:,} empty pages in a row"
        if problem and not self.finished:
            msg = (
                f"{self._stream_name}: Zendesk's cursor {problem}, and this is not the end of the "
                "stream. Nothing is lost: run again later with the last state; if it happens "
                "again, tell Zendesk support."
            )
            raise FatalSyncError(msg)
        if cursor is not None and cursor not in self._seen_cursors:
            self._seen_cursors.add(cursor)
            self.params = self._with_cursor(cursor)
        self.bookmark = self._bookmark_after(page)
        return page.records

    def _with_cursor(self, cursor: str) -> Params:
        return {"cursor": cursor}

    def _bookmark_after(self, page: Page[Any]) -> Params:
        del page
        return self.params


class TimePaginator(Paginator):
    """A traversal by time: `start_time`, then the `end_time` of each page.

    `start_time` is inclusive, so adjacent pages share a second. Its records are returned only once.

    ```json
    {"users": […], "count": 1000, "end_time": 1695062724, "end_of_stream": false}
    ```
    """

    last_end_time_is_exact: ClassVar[bool] = True
    """Whether everything before the `end_time` of the last page has been read."""

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._seen: set[RecordKey] = set()
        self._required_ids: set[Any] = set()
        self._empty_pages = 0
        self._has_tried_larger = self._has_tried_smaller = False
        self._run_start: int | None = None
        self._presumed_last: Page[Any] | None = None
        self._doubted_start: int | None = None

    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the page's `end_time`, or find a way past a page that leads to itself.

        Only `end_of_stream` marks the end. Where Zendesk does not send it, the end is an `end_time`
        that stays the same and has no records after it, or one that reaches the start of the run.
        The latter is needed on a busy account, where each page brings something new.

        Raises:
            FatalSyncError: If there is no way past the page, or only one that may skip records.
        """
        start, is_last = int(page.params["start_time"]), self._is_last(page)
        if self._presumed_last is not None:
            self._check_end(self._presumed_last, page)
            return []
        self._check_overlap(page)
        self._run_start = self._run_start or page.newest
        new = new_records(page, self._seen)
        future = (page.newest or math.inf) + NEWEST_SERVED_SECONDS
        if not is_last and (page.end_time or 0) > future:
            page.end_time = None  # nothing is served there yet, so it would look like the end
        if is_last or (page.end_time is not None and page.end_time > start):
            self.params = {"start_time": max(start, self._end_of(page, is_last=bool(is_last)))}
            self.finished = bool(is_last) or (is_last is None and self._reaches_run_start())
            self._has_tried_larger = self._has_tried_smaller = False
        elif is_last is None and not self._is_full(page):
            # This seems to be the last page. If it is not, the next request returns more.
            self.finished = not page.records or start >= (page.newest or math.inf)
            self._presumed_last = page
            self.params = {"start_time": start + (not self.finished)}
        else:
            self.params = self._past_repeated(page, start)
        if self._presumed_last is None and not self._required_ids:
            # With a bookmark in the future, every later run would miss the changes until then.
            newest = page.newest
            end = int(self.params["start_time"])
            self.bookmark = {"start_time": end if newest is None else min(end, newest + 1)}
        self._empty_pages = 0 if page.records else self._empty_pages + 1
        self._seen = repeatable_keys(self._seen.union(page.keys), int(self.params["start_time"]))
        return new

    def _is_last(self, page: Page[Any]) -> bool | None:
        """Return whether Zendesk calls this the last page, or None if it does not say."""
        return page.end_of_stream

    def _end_of(self, page: Page[Any], *, is_last: bool) -> int:
        """Return the time (epoch seconds) up to which everything is read after a page.

        After the last page, that is everything that Zendesk served.
        """
        if page.end_time is not None and (self.last_end_time_is_exact or not is_last):
            return page.end_time
        if page.latest is not None:
            return page.latest if page.newest is None else min(page.latest, page.newest)
        return (page.newest or 0) if self.last_end_time_is_exact else 0

    def _reaches_run_start(self) -> bool:
        return self._run_start is not None and int(self.params["start_time"]) > self._run_start

    def _is_full(self, page: Page[Any]) -> bool:
        return "per_page" in page.params and len(page.records) >= int(page.params["per_page"])

    def _check_end(self, last: Page[Any], following: Page[Any]) -> None:
        """Check that no records follow the page that seemed to be the last.

        A page without records may lead on to some. Records that follow may have appeared late, so
        the tap requests the page again, to see whether it leads on to them now.

        Raises:
            FatalSyncError: If it does not, so that page is incomplete.
        """
        end_time, start = following.end_time or 0, int(following.params["start_time"])
        self.finished = not start < end_time <= (last.newest or end_time)
        self.params = {"start_time": max(start, end_time)}
        if any(second is None or second <= (last.newest or second) for _, second in following.keys):
            last_start = int(last.params["start_time"])
            if last_start == self._doubted_start:
                what = f"repeats the page at start_time {last_start}, and more follows it"
                raise self._stuck(what)
            self._doubted_start, self._presumed_last, self.finished = last_start, None, False
            self._seen.update(last.keys)
            self.params = {"start_time": last_start}

    def _past_repeated(self, page: Page[Any], start: int) -> Params:
        """Return the request that leads past a page whose `end_time` is its own `start_time`.

        Such a page is known to hold its whole second only if it holds more records than requested,
        because Zendesk extends a page until it holds a whole second. Any other page may have been
        cut, filtered or capped. So the tap first requests a larger page, to get past the second,
        and then a smaller one, to see whether Zendesk extends that to the same records.

        Raises:
            FatalSyncError: If no request is left to try.
        """
        if not page.records:
            if self._empty_pages + 1 < MAX_EMPTY_PAGES_AT_ONE_TIME:
                return {"start_time": start}
            what = f"sends empty pages at start_time {start} over and over"
            raise self._stuck(what)
        later = {key for key in page.keys if key[1] is not None and key[1] > start}
        if later:
            # A record's time is not a position in the export. So the next page has to repeat a
            # record of this page: then this page held everything before that record.
            self._required_ids = {record_id for record_id, _ in later}
            return {"start_time": min(second for _, second in later if second is not None)}
        held = [record_id for record_id, _ in page.keys]
        size = int(page.params.get("per_page", len(held)))
        if len(held) > size and self._holds_all_seen(held, start):
            logger.warning(
                "%s: %d records share the second %d, and Zendesk repeats that page; "
                "all of them are on it, so the export continues at the next second.",
                self._stream_name,
                len(held),
                start,
            )
            self._has_tried_larger = self._has_tried_smaller = False
            return {"start_time": start + 1}
        if "per_page" in page.params:  # some endpoints have no page size
            half = len(held) // 2
            if not self._has_tried_larger and size < MAX_PAGE_SIZE:
                self._has_tried_larger = True
                return {"start_time": start, "per_page": MAX_PAGE_SIZE}
            if not self._has_tried_smaller and 0 < half < size:
                self._has_tried_larger = self._has_tried_smaller = True
                return {"start_time": start, "per_page": half}
        what = f"repeats a page of {len(held)} records of the second {start}, perhaps not all of it"
        raise self._stuck(what)

    def _holds_all_seen(self, held: list[Any], start: int) -> bool:
        seen = {record_id for record_id, second in self._seen if second == start}
        return all(held) and seen.issubset(held)

    def _check_overlap(self, page: Page[Any]) -> None:
        required, self._required_ids = self._required_ids, set()
        if required and not any(key[0] and key[0] in required for key in page.keys):
            start = page.params["start_time"]
            what = f"repeats a page before start_time {start}, and may leave records out"
            raise self._stuck(what)

    def _stuck(self, what: str) -> FatalSyncError:
        msg = (
            f"{self._stream_name}: Zendesk {what}. The export by time cannot continue without "
            "losing records: for tickets and users, set export_method to cursor; for other "
            "streams, tell Zendesk support. The last state is safe."
        )
        return FatalSyncError(msg)


class EventsPaginator(TimePaginator):
    """A traversal by time that ends at the page whose `next_page` is null.

    The `end_time` of the last page can be far later than the last event, so the next run starts at
    the last event.

    ```json
    {"events": […], "count": 100, "end_time": 1695062724, "next_page": null}
    ```
    """

    last_end_time_is_exact = False

    def _is_last(self, page: Page[Any]) -> bool | None:
        return page.next_page is None and page.end_of_stream is not False


@dataclass(frozen=True)
class Step(Generic[R]):
    """A page of a traversal.

    Attributes:
        page: The page.
        records: The page's records that no earlier page held.
        start: The bookmark before the page. It stays valid if the page is not fully written.
        bookmark: The bookmark once all of `records` are written.
    """

    page: Page[R]
    records: list[R]
    start: Params
    bookmark: Params


def traverse(paginator: Paginator, fetch: Callable[[Params], Page[R]]) -> Iterator[Step[R]]:
    """Follow an export to its end.

    Args:
        paginator: The traversal.
        fetch: Returns the page of the parameters that it is called with.

    Yields:
        Each page, with its new records and the bookmarks before and after it.
    """
    while not paginator.finished:
        start = paginator.bookmark
        page = fetch(paginator.params)
        records = paginator.advance(page)
        yield Step(page, records, start, paginator.bookmark)
