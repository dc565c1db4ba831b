"""The traversals of an export: a page in, its new records and the next request's parameters out.

Pure: no HTTP, no clock, no state file. *The page token is the next request's parameters*, so
resuming is the same as paginating: the token of the first page that is not written out is the
bookmark. No traversal skips anything that Zendesk has not shown to be read: where a server leaves
that open, it raises. Facts about the API are written down in `docs/export-api.md`.
"""

from __future__ import annotations

import abc
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

logger = logging.getLogger(__name__)

Params = dict[str, "int | str"]
"""What one request says: `start_time`, `end_time` (epoch seconds), `cursor`, `page`, `per_page`.

An endpoint knows what Zendesk calls them there (`Endpoint.query`)."""

RecordKey = tuple[Any, "int | None"]
"""What tells a record from another: its id, and the second (epoch) it is exported under.

An id that is false stands for none: such a record is never taken for another.
"""

R = TypeVar("R")

MAX_EMPTY_PAGES_AT_ONE_TIME = 3
"""Empty pages in a row that may lead to themselves before it counts as a loop."""

MAX_EMPTY_PAGES = 10_000
"""Empty pages in a row before it counts as a loop.

A cursor does not say how far it is, and a filter such as `support_type_scope` can leave out
millions of tickets in a row, so this is far more than any account is known to need.
"""


@dataclass
class Page(Generic[R]):
    """One page of a list: its records, and what Zendesk says of its place in the list.

    Attributes:
        params: What was asked for, `per_page` among it.
        records: The records, in whatever form the reader of the page gave them.
        keys: For each record, its id and the second it is exported under.
        end_of_stream: Whether it is the last page; None where Zendesk does not say.
        after_cursor: The cursor of the next page.
        end_time: The `start_time` of the next page, epoch seconds.
        next_page: The query of the next page's address, which is never followed; None where
            Zendesk gives none.
        newest: The newest second (epoch) that Zendesk served when it sent the page.
        read_at: When it was read.
        sideloads: Arrays that came beside the records, by name, each item as Zendesk sent it.
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
        """The latest second (epoch) of the page's records, None where none says one.

        It is no place in the export: records come as they are now, not as they were there.
        """
        return max((second for _, second in self.keys if second is not None), default=None)


class Paginator(abc.ABC):
    """A traversal. Give it each page that `params` asked for, until it is `finished`.

    Attributes:
        params: The parameters of the next request.
        bookmark: Those of the first request that is still needed: where the next run starts.
        finished: Whether the last page was given.
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal.

        Args:
            stream_name: Names the stream in warnings and errors.
            start: Parameters of the first request.
        """
        self.params = self.bookmark = start
        self.finished = False
        self._stream_name = stream_name

    @abc.abstractmethod
    def advance(self, page: Page[R]) -> list[R]:
        """Go to the next page, or past the last one.

        Args:
            page: The page that `params` asked for.

        Returns:
            Its records, without those that a page before it held.

        Raises:
            FatalSyncError: If the page is not the last one and there is no sure way on.
        """


def not_among(given: Collection[RecordKey], page: Page[R]) -> list[R]:
    """Give the records of a page that pages before it have not given.

    Args:
        given: The keys of the records of those pages.
        page: The page.
    """
    return [record for record, key in zip(page.records, page.keys, strict=True) if key not in given]


def that_can_come_again(given: Iterable[RecordKey], start_time: int) -> set[RecordKey]:
    """Give the keys of records that a page may hold again where pages overlap.

    A record without id or second is never taken for another.

    Args:
        given: The keys of all records so far.
        start_time: The page's; only what is exported under it or later can come again.
    """
    return {
        (record_id, second)
        for record_id, second in given
        if record_id and second is not None and second >= start_time
    }


class CursorPaginator(Paginator):
    """`start_time` once, then the cursor of each page; the pages do not overlap.

    ```json
    {"tickets": […], "after_cursor": "MTY5NTA2MjcyNC4wfHwxNTcxfA==", "end_of_stream": false}
    ```
    """

    def __init__(
        self, stream_name: str, start: Params, *, max_empty_pages: int = MAX_EMPTY_PAGES
    ) -> None:
        """Start a traversal; see `Paginator`.

        Args:
            stream_name: Names the stream in errors.
            start: Parameters of the first request.
            max_empty_pages: Empty pages in a row before it counts as a loop.
        """
        super().__init__(stream_name, start)
        self._max_empty_pages = max_empty_pages
        self._taken = {start.get("cursor")}
        self._empty_pages = 0

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor; see `Paginator`.

        The end is `end_of_stream` alone; where it is missing, a cursor that stays.

        Raises:
            FatalSyncError: If the cursors lead in a circle, or to nothing but empty pages.
        """
        cursor = page.after_cursor
        stays = cursor is None or cursor == page.params.get("cursor")
        self.finished = page.end_of_stream is True
        if page.end_of_stream is None:
            # An address without a cursor leads to pages by number, and a full page to more.
            is_full = len(page.records) >= int(page.params.get("per_page", MAX_PAGE_SIZE))
            self.finished = stays and not (cursor is None and (page.next_page or is_full))
        self._empty_pages = 0 if page.records else self._empty_pages + 1
        problem = ""
        if stays:
            problem = f"does not advance after {page.params}"
        elif cursor in self._taken:
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
        if cursor is not None and cursor not in self._taken:
            self._taken.add(cursor)
            self.params = self._with_cursor(cursor)
        self.bookmark = self._bookmark_after(page)
        return page.records

    def _with_cursor(self, cursor: str) -> Params:
        return {"cursor": cursor}

    def _bookmark_after(self, page: Page[Any]) -> Params:
        del page
        return self.params


class TimePaginator(Paginator):
    """`start_time`, then the `end_time` of each page.

    `start_time` is inclusive, so adjacent pages share a second; its records are given once.

    ```json
    {"users": […], "count": 1000, "end_time": 1695062724, "end_of_stream": false}
    ```
    """

    end_time_is_a_place: ClassVar[bool] = True
    """Whether all before the `end_time` of a last page is read."""

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._given: set[RecordKey] = set()
        self._links: set[Any] = set()
        self._empty_pages = 0
        self._has_asked_for_more = self._has_asked_for_less = False
        self._run_start: int | None = None
        self._ends_at: Page[Any] | None = None

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's `end_time`, or find a way past a page that leads to itself.

        The end is `end_of_stream` alone. Where Zendesk does not say it, it is an `end_time` that
        stays and has nothing behind it, or one that reaches the start of the run: on a busy
        account each page brings something new.

        Raises:
            FatalSyncError: If the page leads nowhere, or past what it did not show.
        """
        start, ends = int(page.params["start_time"]), self._ends(page)
        if self._ends_at is not None:
            self._check_end(self._ends_at, page)
            return []
        self._check_link(page)
        self._run_start = self._run_start or page.newest
        new = not_among(self._given, page)
        if ends or (page.end_time is not None and page.end_time > start):
            self.params = {"start_time": max(start, self._end_of(page, is_last=bool(ends)))}
            self.finished = bool(ends) or (ends is None and self._reaches_run_start())
            self._has_asked_for_more = self._has_asked_for_less = False
        elif ends is None and not self._is_full(page):
            # It seems to be the last one; if it is not, something comes behind it.
            self.finished = not page.records or start == page.newest
            self._ends_at = page
            self.params = {"start_time": start + (not self.finished)}
        else:
            self.params = self._past_itself(page, start)
        if self._ends_at is None and not self._links:
            # An end in the future would keep what changes until then out of every later run.
            newest = page.newest
            end = int(self.params["start_time"])
            self.bookmark = {"start_time": end if newest is None else min(end, newest + 1)}
        self._empty_pages = 0 if page.records else self._empty_pages + 1
        self._given = that_can_come_again(
            self._given.union(page.keys), int(self.params["start_time"])
        )
        return new

    def _ends(self, page: Page[Any]) -> bool | None:
        """Say whether Zendesk calls a page the last one, None if it does not say."""
        return page.end_of_stream

    def _end_of(self, page: Page[Any], *, is_last: bool) -> int:
        """Give where a page ends; at the end of the stream, all that was served is read."""
        if page.end_time is not None and (self.end_time_is_a_place or not is_last):
            return page.end_time
        if page.latest is not None:
            return page.latest if page.newest is None else min(page.latest, page.newest)
        return (page.newest or 0) if self.end_time_is_a_place else 0

    def _reaches_run_start(self) -> bool:
        return self._run_start is not None and int(self.params["start_time"]) > self._run_start

    def _is_full(self, page: Page[Any]) -> bool:
        return "per_page" in page.params and len(page.records) >= int(page.params["per_page"])

    def _check_end(self, last: Page[Any], behind: Page[Any]) -> None:
        """Make sure that nothing follows a page that seemed to be the last.

        Raises:
            FatalSyncError: If something does, so that the page was not whole.
        """
        self.finished = True
        if any(second is None or second <= (last.newest or second) for _, second in behind.keys):
            what = (
                f"repeats the page at start_time {last.params['start_time']}, and more follows it"
            )
            raise self._stuck(what)

    def _past_itself(self, page: Page[Any], start: int) -> Params:
        """Get past a page that is not the last and whose `end_time` is its own `start_time`.

        It is known to hold all of its second only if it holds more records than were asked for:
        Zendesk extends a page until it holds a whole second. Any other page may have been cut,
        filtered or capped. So a larger page is asked for, to get past the second, then a smaller
        one, to see whether that is extended to the same records.
        """
        if not page.records:
            if self._empty_pages + 1 < MAX_EMPTY_PAGES_AT_ONE_TIME:
                return {"start_time": start}
            what = f"sends empty pages at start_time {start} over and over"
            raise self._stuck(what)
        later = {key for key in page.keys if key[1] is not None and key[1] > start}
        if later:
            # The property is no place in the export, so the next page has to show a record of
            # this one: then all that comes before that record was on this page.
            self._links = {record_id for record_id, _ in later}
            return {"start_time": min(second for _, second in later if second is not None)}
        held = [record_id for record_id, _ in page.keys]
        size = int(page.params.get("per_page", len(held)))
        if len(held) > size and self._holds_all_given(held, start):
            logger.warning(
                "%s: %d records share the second %d, and Zendesk repeats that page; "
                "all of them are on it, so the export goes on at the next second.",
                self._stream_name,
                len(held),
                start,
            )
            self._has_asked_for_more = self._has_asked_for_less = False
            return {"start_time": start + 1}
        if "per_page" in page.params:  # or there is no size to ask for
            half = len(held) // 2
            if not self._has_asked_for_more and size < MAX_PAGE_SIZE:
                self._has_asked_for_more = True
                return {"start_time": start, "per_page": MAX_PAGE_SIZE}
            if not self._has_asked_for_less and 0 < half < size:
                self._has_asked_for_more = self._has_asked_for_less = True
                return {"start_time": start, "per_page": half}
        what = f"repeats a page of {len(held)} records of the second {start}, perhaps not all of it"
        raise self._stuck(what)

    def _holds_all_given(self, held: list[Any], start: int) -> bool:
        given = {record_id for record_id, second in self._given if second == start}
        return all(held) and given.issubset(held)

    def _check_link(self, page: Page[Any]) -> None:
        links, self._links = self._links, set()
        if links and not any(key[0] and key[0] in links for key in page.keys):
            what = f"repeats a page before {page.params['start_time']}, and may leave records out"
            raise self._stuck(what)

    def _stuck(self, what: str) -> FatalSyncError:
        msg = (
            f"{self._stream_name}: Zendesk {what}. There is no way past it without losing "
            "records by time; tickets and users have the cursor export (export_method: cursor), "
            "for other streams tell Zendesk support. The last state is safe."
        )
        return FatalSyncError(msg)


class EventsPaginator(TimePaginator):
    """`start_time`, then `end_time`; a null `next_page` is the end, and its `end_time` no place.

    That `end_time` can lie far after the last event, so the next run starts at the last event.

    ```json
    {"events": […], "count": 100, "end_time": 1695062724, "next_page": null}
    ```
    """

    end_time_is_a_place = False

    def _ends(self, page: Page[Any]) -> bool | None:
        return page.next_page is None


@dataclass(frozen=True)
class Step(Generic[R]):
    """A page of a traversal.

    Attributes:
        page: The page.
        records: Its records that no page before it held.
        start: The bookmark before it, for who does not write all of it.
        bookmark: Those of the first request that is still needed once its records are written.
    """

    page: Page[R]
    records: list[R]
    start: Params
    bookmark: Params


def traverse(paginator: Paginator, fetch: Callable[[Params], Page[R]]) -> Iterator[Step[R]]:
    """Follow an export to its end.

    Args:
        paginator: The traversal.
        fetch: Gets the page of some parameters.
    """
    while not paginator.finished:
        start = paginator.bookmark
        page = fetch(paginator.params)
        records = paginator.advance(page)
        yield Step(page, records, start, paginator.bookmark)


def until(end: int, steps: Iterator[Step[R]]) -> Iterator[Step[R]]:
    """Stop a traversal at an end date.

    It stops where Zendesk's own `end_time` reaches the end, or at a page that is wholly past it,
    never because of one record: records come as they are now, and one of an early page may have
    changed since. Where the end is inside a page, the records behind it are left out, and the
    bookmark stays before the page, which is not fully written: the next slice repeats it.

    Args:
        end: The second (epoch) that is the first not to be exported.
        steps: The traversal.
    """
    last: Step[R] | None = None
    for step in steps:
        count = _count_before(end, step.page)
        if step.page.records and not count:
            break
        if last and not step.page.records:
            continue  # an empty page shows nothing
        if last:
            yield last
            last = None
        reached = int(step.bookmark.get("start_time", 0)) >= end
        if count < len(step.page.records):
            last = step
        else:
            yield step
        if reached:
            break
    if last:
        dropped = {id(record) for record in last.page.records[_count_before(end, last.page) :]}
        kept = [record for record in last.records if id(record) not in dropped]
        yield replace(last, records=kept, bookmark=last.start)


def before(end: int, steps: Iterator[Step[R]]) -> Iterator[Step[R]]:
    """Leave out what an end date excludes, in a list that may be in any order.

    Args:
        end: The second (epoch) that is the first not to be exported.
        steps: The traversal; its bookmark must not pass the end.
    """
    for step in steps:
        page = step.page
        late = {
            id(record)
            for record, (_, second) in zip(page.records, page.keys, strict=True)
            if second is not None and second >= end
        }
        yield replace(step, records=[record for record in step.records if id(record) not in late])


def _count_before(end: int, page: Page[Any]) -> int:
    """Count the records of a page up to the last one of before the end."""
    inside = (n for n, (_, second) in enumerate(page.keys, 1) if second is None or second < end)
    return max(inside, default=0)
