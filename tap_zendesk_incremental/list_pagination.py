"""Traversals of the lists that are not exports, and the names of all traversals.

Like `pagination`, this module uses no HTTP, no clock and no state file. `docs/export-api.md` lists
the facts about the API.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, TypeVar

from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE, NEWEST_SERVED_SECONDS
from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    EventsPaginator,
    Paginator,
    TimePaginator,
    new_records,
    repeatable_keys,
)

if TYPE_CHECKING:
    from tap_zendesk_incremental.pagination import Page, Params, RecordKey

logger = logging.getLogger(__name__)

R = TypeVar("R")

MAX_READS = 5
"""How often a list of numbered pages is read before the tap gives up because it keeps changing."""


def _between(page: Page[R], start: int, end: float = math.inf) -> list[R]:
    """Return the records of a page from one time to another, and those without a time.

    Args:
        page: The page.
        start: The first second (epoch).
        end: The last second (epoch).
    """
    return [
        record
        for record, (_, second) in zip(page.records, page.keys, strict=True)
        if second is None or start <= second <= end
    ]


class ChangesPaginator(CursorPaginator):
    """A list in order of change. Its cursors stay valid, and lead to exactly what changed since.

    Zendesk cannot filter such a list by time, so this class leaves out what is older than
    `start_time`.

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
        """Move on to the page's cursor, and leave out what is too old; see `Paginator`.

        Raises:
            FatalSyncError: If the list is not in order of change, so that its cursors would not
                lead to all changes.
        """
        seconds = [self._latest, *(second for _, second in page.keys if second is not None)]
        if seconds != sorted(seconds):
            msg = (
                f"{self._stream_name}: Zendesk does not send this list in order of change, so "
                "later runs would miss changes; use another export_method, or deselect the stream"
            )
            raise FatalSyncError(msg)
        self._latest = seconds[-1]
        super().advance(page)
        return _between(page, self._since)

    def _with_cursor(self, cursor: str) -> Params:
        token: Params = {"cursor": cursor}
        if self._latest < self._since:
            token["start_time"] = self._since
        return token

    def _bookmark_after(self, page: Page[Any]) -> Params:
        """Stay before the newest minute: a change that commits late may still appear there."""
        if page.latest is not None and page.newest is not None and page.latest > page.newest:
            self._is_settled = False
        return self.params if self._is_settled else self.bookmark


class FilteredPaginator(CursorPaginator):
    """A list in any order, which Zendesk filters from `start_time` to `end_time`.

    Each walk through the list has the newest second as its `end_time`. The next walk starts at that
    time; until this one is complete, a run continues it at its cursor. That second comes from this
    machine's clock. If it is in the future by Zendesk's clock, the walk starts again, with the
    newest second that Zendesk serves as its `end_time`.

    ```json
    {"satisfaction_ratings": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the page's cursor; see `Paginator`."""
        return [] if self._restarts_with_earlier_end(page) else super().advance(page)

    def _restarts_with_earlier_end(self, page: Page[Any]) -> bool:
        """Restart a walk that ends in the future by Zendesk's clock, and return whether it did.

        Otherwise no walk would read what appears between now and the end of this one.
        """
        end_time, newest = int(self.params["end_time"]), page.newest
        is_continued = "cursor" in self.params
        if is_continued or newest is None or end_time <= newest + NEWEST_SERVED_SECONDS:
            return False
        logger.warning(
            "%s: this machine's clock is %d s ahead of Zendesk's, so Zendesk's time is used",
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
    """A list from the newest record back to `start_time`, as Zendesk cannot filter it by time.

    The walk ends at a page that is older than `start_time`, but only if no page so far was newer
    than the one before it. In any other order, a newer record could follow any page, so the list is
    read to its end.

    ```json
    {"audits": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._first: int | None = None
        self._previous: int | None = None
        self._is_newest_first = True

    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the page's cursor until the records are too old; see `Paginator`."""
        if self._restarts_with_earlier_end(page):
            return []
        since, until = int(self.params.get("start_time", 0)), int(self.params["end_time"])
        super().advance(page)
        if self._has_passed(page.latest, since):
            self.finished = True
            self.bookmark = self._bookmark_after(page)
        return _between(page, since, until)

    def _has_passed(self, latest: int | None, since: int) -> bool:
        """Return whether a page is older than `since`, and all pages went back in time to it.

        Only the latest record of a page counts. Single records may be out of order by the time that
        it took to write them.
        """
        if latest is None:
            return False
        if self._first is None:
            self._first = latest
        self._is_newest_first = self._is_newest_first and latest <= (self._previous or latest)
        self._previous = latest
        return self._is_newest_first and latest < min(since, self._first)


class ChatPaginator(Paginator):
    """The exports of Zendesk Chat: `start_time`, and the id of the last record of each page.

    Zendesk does not say which page is the last one, and a short page may not be it. So the last
    page is one without records, or one that reaches the start of the run. The latter is needed on a
    busy account, where each page brings something new. A server that ignores the id repeats its
    last records forever. In that case, the tap checks that nothing follows them.

    ```json
    {"chats": […], "count": 1000, "end_time": 1695062724, "end_id": "2104.10414779.SVhDCJ9flq79a"}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._seen: set[RecordKey] = set()
        self._seen_cursors = {start.get("cursor")}
        self._run_start: int | None = None
        self._checks_for_more = False

    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the position where the page ends; see `Paginator`.

        Raises:
            FatalSyncError: If the page does not lead on, but more records may follow.
        """
        start, newest = int(page.params["start_time"]), page.newest
        self._run_start = self._run_start or newest
        place, cursor = page.end_time or 0, page.after_cursor
        if newest is not None and place > newest:
            # Zendesk may not accept this start_time yet, and changes until then would be lost. It
            # may not even be a position, so the latest record shows how far the page reaches.
            place, cursor = min(page.latest or start, newest), None
        if self._checks_for_more or (not page.records and place <= start):
            if any(second is None or second <= (newest or second) for _, second in page.keys):
                what = f"repeats the page before start_time {start}, and more follows"
                raise self._stuck(what)
            self.finished = True
            return []
        if page.end_time is None:
            what = f"does not say where the page at start_time {start} ends"
            raise self._stuck(what)
        new = new_records(page, self._seen)
        if place > start:
            self._seen_cursors = set()
        leads_on = place > start or (place == start and new and cursor not in self._seen_cursors)
        if leads_on:
            self._seen_cursors.add(cursor)
            self.params = {"start_time": place, **({"cursor": cursor} if cursor else {})}
            self.bookmark = self.params
        reached = int(self.params["start_time"])
        self.finished = self._run_start is not None and reached >= self._run_start
        if not (leads_on or self.finished):
            size = int(page.params.get("per_page", MAX_PAGE_SIZE))
            if len(page.records) >= size:
                what = f"repeats a page of {size} records at start_time {start}"
                raise self._stuck(what)
            self._checks_for_more = True
            self.params = {"start_time": start + 1}
        self._seen = repeatable_keys(self._seen.union(page.keys), int(self.params["start_time"]))
        return new

    def _stuck(self, what: str) -> FatalSyncError:
        msg = (
            f"{self._stream_name}: Zendesk {what}, so the export cannot continue without losing "
            "records. The last state is safe: run again later with it; if it happens again, tell "
            "Zendesk support."
        )
        return FatalSyncError(msg)


class OffsetPaginator(Paginator):
    """Numbered pages. Only the page number is taken from the URL of the next page.

    A row that is deleted or moved during a read shifts other rows onto pages that the tap has
    already read, and nothing on a page shows that. So the tap reads a list of several pages again,
    until one read has no row twice and the next read has all of its rows. Then the rows of all
    pages but the last still existed when Zendesk made the last page. They fill all pages
    before it, so no other row can have been there. Each row is returned only once. A list of one
    page needs no second read, because it shows a single moment.

    ```json
    {"sla_policies": […], "next_page": "https://acme.zendesk.com/api/v2/…?page=2", "count": 250}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._seen_ids: set[Any] = set()
        self._reads = 0
        self._to_confirm: set[Any] | None = None
        self._start_read({})

    def _start_read(self, size: Params) -> None:
        self._size, self._ids = size, list[Any]()
        self.params = self.bookmark = dict(size)

    def advance(self, page: Page[R]) -> list[R]:
        """Move on to the next page number, or read the list again; see `Paginator`.

        Raises:
            FatalSyncError: If Zendesk links to a page other than the next one, or no two reads
                agree.
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
            if not (record_id and record_id in self._seen_ids)
        ]
        self._seen_ids.update(ids)
        if size != self._size:  # with another page size, a page number means other rows
            self._read_again(size, None)
        elif page.next_page is not None or page.end_of_stream is False:
            following = (page.next_page or {}).get("page")
            if following != str(number + 1):
                msg = (
                    f"{self._stream_name}: after page {number} Zendesk links to page {following}. "
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
            size: The `per_page` of the next read; empty if the endpoint has none.
            to_confirm: The ids of the read that has just ended, for the next one to confirm. None
                if a row came twice or the read was cut short.

        Raises:
            FatalSyncError: If the list has been read too often already.
        """
        self._reads += 1
        if self._reads == MAX_READS:
            msg = (
                f"{self._stream_name}: Zendesk sends this list in numbered pages, and no two of "
                f"{MAX_READS} reads agree, so rows may be missing. Run again later."
            )
            raise FatalSyncError(msg)
        if self._reads == 2:  # noqa: PLR2004 (after the first read, a second one is normal)
            logger.info(
                "%s: the list changed while it was read; reading it again", self._stream_name
            )
        self._to_confirm = to_confirm
        self._start_read(size)


class SinglePaginator(Paginator):
    """A list that comes whole on one page.

    ```json
    {"custom_roles": […], "count": 4, "next_page": null}
    ```
    """

    def advance(self, page: Page[R]) -> list[R]:
        """Finish; see `Paginator`.

        Raises:
            FatalSyncError: If there are more pages.
        """
        if page.next_page is not None or page.end_of_stream is False:
            msg = (
                f"{self._stream_name}: Zendesk now sends this list in several pages, which this "
                "version of the tap does not support; look for a newer version"
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
"""All traversals, by the names that endpoints use for them."""

OWN_FILTER = frozenset({"changes", "newest_first"})
"""Traversals that leave out what is older than `start_time` themselves, as Zendesk cannot."""

WALKS = frozenset({"filtered", "newest_first"})
"""Traversals that walk from `start_time` to `end_time`. Their start must have an `end_time`."""
