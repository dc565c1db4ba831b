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
    """A list from the newest record back to `start_time`, which Zendesk has no filter for."""

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor, until a record is too old; see `Paginator`."""
        since, until = int(self.params.get("start_time", 0)), int(self.params["end_time"])
        super().advance(page)
        if any(second is not None and second < since for _, second in page.keys):
            self.finished = True
            self.bookmark = self._bookmark_after(page)
        return [
            record
            for record, (_, second) in zip(page.records, page.keys, strict=True)
            if second is None or since <= second <= until
        ]


class AuditsPaginator(Paginator):
    """A list whose order is read from its pages: newest first, or in the order of changes.

    ```json
    {"audits": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._traversal: Paginator | None = None
        self._end_time = int(start["end_time"])
        self._seconds: list[int] = []

    def advance(self, page: Page[R]) -> list[R]:
        """Go on in the order of the pages; see `Paginator`.

        Raises:
            FatalSyncError: If they are in no order.
        """
        self._seconds += [second for _, second in page.keys if second is not None]
        is_ascending = self._seconds == sorted(self._seconds)
        is_descending = self._seconds == sorted(self._seconds, reverse=True)
        if self._traversal is None:
            ascending = is_ascending and not is_descending
            kind = ChangesPaginator if ascending else NewestFirstPaginator
            self._traversal = kind(self._stream_name, self.params)
        if not (is_ascending or is_descending):
            msg = (
                f"{self._stream_name}: Zendesk sends this list in no order, so a state would miss "
                "some; deselect the stream, and look for a newer version of the tap"
            )
            raise FatalSyncError(msg)
        self._seconds = self._seconds[:1] + self._seconds[-1:]
        new = self._traversal.advance(page)
        self.params = self._traversal.params
        self.finished = self._traversal.finished
        if isinstance(self._traversal, ChangesPaginator) and (page.latest or 0) > self._end_time:
            # What came after the walk began, or after the end date, is for the next run.
            self.finished = True
            late = {
                id(record)
                for record, (_, second) in zip(page.records, page.keys, strict=True)
                if second is not None and second > self._end_time
            }
            return [record for record in new if id(record) not in late]
        self.bookmark = self._traversal.bookmark
        return new


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
    "audits": AuditsPaginator,
    "offset": OffsetPaginator,
    "single": SinglePaginator,
}
"""The traversals, by what endpoints call them."""

OWN_FILTER = frozenset({"changes", "audits"})
"""Those that leave out themselves what is older than `start_time`."""

WALKS = frozenset({"filtered", "audits"})
"""Those that walk from `start_time` to `end_time`, which has to be given."""
