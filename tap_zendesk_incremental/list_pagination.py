"""The traversals of lists that are no exports, and all traversals by name.

Pure, as `pagination` is. Facts about the API are written down in `docs/export-api.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    EventsPaginator,
    Paginator,
    TimePaginator,
)

if TYPE_CHECKING:
    from tap_zendesk_incremental.pagination import Page, Params

R = TypeVar("R")


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
    starts there; until then its cursor goes on in it.

    ```json
    {"satisfaction_ratings": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

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


class OffsetPaginator(Paginator):
    """Pages by number; of the address of the next one, only that is taken.

    ```json
    {"sla_policies": […], "next_page": "https://acme.zendesk.com/api/v2/…?page=2", "count": 250}
    ```
    """

    def advance(self, page: Page[R]) -> list[R]:
        """Take the number of the next page; see `Paginator`.

        Raises:
            FatalSyncError: If the next page is not the next one.
        """
        number = int(page.params.get("page", 1))
        self.finished = page.next_page is None
        if page.next_page is not None:
            following = page.next_page.get("page")
            if following != str(number + 1):
                msg = (
                    f"{self._stream_name}: after page {number} Zendesk leads to page {following}. "
                    "Run again later; if it happens again, tell Zendesk support."
                )
                raise FatalSyncError(msg)
            self.params = self.bookmark = {"page": number + 1}
        return page.records


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
    "offset": OffsetPaginator,
    "single": SinglePaginator,
}
"""The traversals, by what endpoints call them."""

OWN_FILTER = frozenset({"changes", "newest_first"})
"""Those that leave out themselves what is older than `start_time`."""

WALKS = frozenset({"filtered", "newest_first"})
"""Those that walk from `start_time` to `end_time`, which has to be given."""
