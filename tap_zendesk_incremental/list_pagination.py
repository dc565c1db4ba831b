"""The traversals of lists that are no exports, and all traversals by name.

Pure, as `pagination` is. Facts about the API are written down in `docs/export-api.md`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE, NEWEST_SERVED_SECONDS
from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    EventsPaginator,
    Paginator,
    TimePaginator,
    not_among,
    that_can_come_again,
)

if TYPE_CHECKING:
    from tap_zendesk_incremental.pagination import Page, Params, RecordKey

logger = logging.getLogger(__name__)

R = TypeVar("R")

MAX_READS = 5
"""Reads of a list in pages by number before it counts as one that does not rest."""


class ChangesPaginator(CursorPaginator):
    """A list in the order of changes: its cursors last, and say exactly what changed since.

    Zendesk has no filter by time there, so what is older than `start_time` is left out here.

    ```json
    {"tickets": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._since = int(start.get("start_time", 0))
        self._latest = 0
        self._is_settled = True

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor, and leave out what is too old; see `Paginator`.

        Raises:
            FatalSyncError: If the list is not in the order of changes, so that its cursors would
                not say what changed.
        """
        seconds = [second for _, second in page.keys if second is not None]
        if [self._latest, *seconds] != sorted([self._latest, *seconds]):
            msg = (
                f"{self._stream_name}: Zendesk does not send this list in the order of changes, so "
                "a state would miss some; use another export_method, or deselect the stream"
            )
            raise FatalSyncError(msg)
        self._latest = max([self._latest, *seconds])
        super().advance(page)
        return [
            record
            for record, (_, second) in zip(page.records, page.keys, strict=True)
            if second is None or second >= self._since
        ]

    def _with_cursor(self, cursor: str) -> Params:
        token: Params = {"cursor": cursor}
        if self._latest < self._since:
            token["start_time"] = self._since
        return token

    def _bookmark_after(self, page: Page[Any]) -> Params:
        """Stay before the newest minute: a change that commits late may still land there."""
        if page.latest is not None and page.newest is not None and page.latest > page.newest:
            self._is_settled = False
        return self.params if self._is_settled else self.bookmark


class FilteredPaginator(CursorPaginator):
    """A list in any order, of what has a time between `start_time` and `end_time`.

    A walk is begun with the newest second as its `end_time`. When it is complete, the next one
    starts there; until then its cursor goes on in it. That second is this machine's word: a walk
    that Zendesk says to end in the future is begun anew, to end at its newest second.

    ```json
    {"satisfaction_ratings": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor; see `Paginator`."""
        return [] if self._begins_anew(page) else super().advance(page)

    def _begins_anew(self, page: Page[Any]) -> bool:
        """Begin anew, or what appears until the walk's end would be in no walk."""
        end_time, newest = int(self.params["end_time"]), page.newest
        is_first = "cursor" not in self.params
        if not is_first or newest is None or end_time <= newest + NEWEST_SERVED_SECONDS:
            return False
        logger.warning(
            "%s: this machine's clock is %d s ahead of Zendesk's, whose time counts",
            self._stream_name,
            end_time - newest,
        )
        self.params = self.bookmark = {**self.params, "end_time": newest}
        return True

    def _with_cursor(self, cursor: str) -> Params:
        return {**self.params, "cursor": cursor}

    def _bookmark_after(self, page: Page[Any]) -> Params:
        del page
        return {"start_time": self.params["end_time"]} if self.finished else self.params


class NewestFirstPaginator(FilteredPaginator):
    """A list from the newest record back to `start_time`, which Zendesk has no filter for.

    The walk ends at a page that is older than `start_time`, if the pages have led back in time to
    it. A list in another order may have a newer record behind any page: it is read to its end.

    ```json
    {"audits": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._first: int | None = None
        self._previous: int | None = None
        self._leads_back = True

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor, until the records are too old; see `Paginator`."""
        if self._begins_anew(page):
            return []
        since, until = int(self.params.get("start_time", 0)), int(self.params["end_time"])
        super().advance(page)
        if self._has_led_back_to(page.latest, since):
            self.finished = True
            self.bookmark = self._bookmark_after(page)
        return [
            record
            for record, (_, second) in zip(page.records, page.keys, strict=True)
            if second is None or since <= second <= until
        ]

    def _has_led_back_to(self, latest: int | None, since: int) -> bool:
        """Say whether a page is older than a second, and the pages before it were newer.

        Single records may be out of order by the time that they took to be written, so only the
        latest one of a page counts.
        """
        if latest is None:
            return False
        if self._first is None:
            self._first = latest
        self._leads_back = self._leads_back and latest <= (self._previous or latest)
        self._previous = latest
        return self._leads_back and latest < min(since, self._first)


class ChatPaginator(Paginator):
    """`start_time` and the id of the last record of each page: the exports of Zendesk Chat.

    Zendesk does not say which page is the last one, and a server may send short ones. So it is a
    page without records, or one that reaches the start of the run: on a busy account each page
    brings something new. A server that does not heed the id repeats its last records for ever: then
    nothing may come behind them.

    ```json
    {"chats": […], "count": 1000, "end_time": 1695062724, "end_id": "2104.10414779.SVhDCJ9flq79a"}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._given: set[RecordKey] = set()
        self._taken = {start.get("cursor")}
        self._run_start: int | None = None
        self._asks_behind = False

    def advance(self, page: Page[R]) -> list[R]:
        """Take the place that a page ends at; see `Paginator`.

        Raises:
            FatalSyncError: If the page leads nowhere, and there may be more.
        """
        start, newest = int(page.params["start_time"]), page.newest
        self._run_start = self._run_start or newest
        place, cursor = page.end_time or 0, page.after_cursor
        if newest is not None and place > newest:
            # It may not be asked for yet, and what changes until then would be lost there. Nor is
            # it known to be a place: how far the page comes is what its records show.
            place, cursor = min(page.latest or start, newest), None
        if self._asks_behind or (not page.records and place <= start):
            if any(second is None or second <= (newest or second) for _, second in page.keys):
                what = f"repeats the page before start_time {start}, and more follows"
                raise self._stuck(what)
            self.finished = True
            return []
        if page.end_time is None:
            what = f"does not say where the page at start_time {start} ends"
            raise self._stuck(what)
        new = not_among(self._given, page)
        if place > start:
            self._taken = set()
        leads_on = place > start or (place == start and new and cursor not in self._taken)
        if leads_on:
            self._taken.add(cursor)
            self.params = {"start_time": place, **({"cursor": cursor} if cursor else {})}
            self.bookmark = self.params
        reached = int(self.params["start_time"])
        self.finished = self._run_start is not None and reached >= self._run_start
        if not (leads_on or self.finished):
            size = int(page.params.get("per_page", MAX_PAGE_SIZE))
            if len(page.records) >= size:
                what = f"repeats a page of {size} records at start_time {start}"
                raise self._stuck(what)
            self._asks_behind = True
            self.params = {"start_time": start + 1}
        self._given = that_can_come_again(
            self._given.union(page.keys), int(self.params["start_time"])
        )
        return new

    def _stuck(self, what: str) -> FatalSyncError:
        msg = (
            f"{self._stream_name}: Zendesk {what}, so that there is no way on without losing "
            "records. The last state is safe: run again later with it; if it happens again, tell "
            "Zendesk support."
        )
        return FatalSyncError(msg)


class OffsetPaginator(Paginator):
    """Pages by number; of the address of the next one, only that is taken.

    A row that is deleted or moved while the list is read shifts others onto pages that are read
    already, and nothing on a page shows it. So a list of several pages is read again, until one
    read has no row twice and the next one has all its rows. Then the rows of all pages but the last
    were still there when the last page was made, as many as these pages hold: they left no place
    for another row. Each row is given once. A list of one page is as it was at one moment.

    ```json
    {"sla_policies": […], "next_page": "https://acme.zendesk.com/api/v2/…?page=2", "count": 250}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._given: set[Any] = set()
        self._reads = 0
        self._to_confirm: set[Any] | None = None
        self._start_read({})

    def _start_read(self, size: Params) -> None:
        self._size, self._ids = size, list[Any]()
        self.params = self.bookmark = dict(size)

    def advance(self, page: Page[R]) -> list[R]:
        """Take the number of the next page, or read the list again; see `Paginator`.

        Raises:
            FatalSyncError: If the next page is not the next one, or no two reads agree.
        """
        number = int(page.params.get("page", 1))
        size: Params = {key: value for key, value in page.params.items() if key == "per_page"}
        if number == 1:
            self._size = size
        ids = [record_id for record_id, _ in page.keys]
        self._ids += ids
        new = [
            record
            for record, record_id in zip(page.records, ids, strict=True)
            if not (record_id and record_id in self._given)
        ]
        self._given.update(ids)
        if size != self._size:  # a number leads elsewhere if pages hold fewer rows
            self._read_again(size, None)
        elif page.next_page is not None:
            following = page.next_page.get("page")
            if following != str(number + 1):
                msg = (
                    f"{self._stream_name}: after page {number} Zendesk leads to page {following}. "
                    "Run again later; if it happens again, tell Zendesk support."
                )
                raise FatalSyncError(msg)
            self.params = self.bookmark = {"page": number + 1, **size}
        else:
            held = set(self._ids)
            confirms = self._to_confirm is not None and self._to_confirm <= held
            self.finished = number == 1 or confirms
            if not self.finished:
                self._read_again(size, held if len(held) == len(self._ids) else None)
        return new

    def _read_again(self, size: Params, to_confirm: set[Any] | None) -> None:
        """Start the next read of the list.

        Args:
            size: The size of its pages.
            to_confirm: The ids of this read, if no row came twice.

        Raises:
            FatalSyncError: If there were too many reads already.
        """
        self._reads += 1
        if self._reads == MAX_READS:
            msg = (
                f"{self._stream_name}: Zendesk sends this list in pages by number, and it changes "
                f"while it is read, {MAX_READS} times now, so rows may be missing. Run again later."
            )
            raise FatalSyncError(msg)
        if self._reads == 2:  # noqa: PLR2004 (the first one was only to be confirmed)
            logger.info(
                "%s: the list changes while it is read; it is read again", self._stream_name
            )
        self._to_confirm = to_confirm
        self._start_read(size)


class SinglePaginator(Paginator):
    """One page that holds all.

    ```json
    {"custom_roles": […], "count": 4, "next_page": null}
    ```
    """

    def advance(self, page: Page[R]) -> list[R]:
        """Give the records; see `Paginator`.

        Raises:
            FatalSyncError: If there are more pages.
        """
        if page.next_page is not None or page.end_of_stream is False:
            msg = (
                f"{self._stream_name}: Zendesk sends this list in pages, which it did not do when "
                "this version of the tap was made; look for a newer one"
            )
            raise FatalSyncError(msg)
        self.finished = True
        return page.records


PAGINATORS: dict[str, type[Paginator]] = {
    "cursor": CursorPaginator,
    "time": TimePaginator,
    "events": EventsPaginator,
    "changes": ChangesPaginator,
    "filtered": FilteredPaginator,
    "newest_first": NewestFirstPaginator,
    "chat": ChatPaginator,
    "offset": OffsetPaginator,
    "single": SinglePaginator,
}
"""The traversals, by what endpoints call them."""

OWN_FILTER = frozenset({"changes", "newest_first"})
"""Those that leave out themselves what is older than `start_time`."""

WALKS = frozenset({"filtered", "newest_first"})
"""Those that walk from `start_time` to `end_time`, which has to be given."""
