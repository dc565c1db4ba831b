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

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._oldest: int | None = None

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor, until a record is too old; see `Paginator`.

        Raises:
            FatalSyncError: If a record is newer than one before it.
        """
        seconds = [second for _, second in page.keys if second is not None]
        if self._oldest is not None:
            seconds.insert(0, self._oldest)
        if seconds != sorted(seconds, reverse=True):
            raise _no_order(self._stream_name)
        self._oldest = seconds[-1] if seconds else None
        since, until = int(self.params.get("start_time", 0)), int(self.params["end_time"])
        super().advance(page)
        if self._oldest is not None and self._oldest < since:
            self.finished = True
            self.bookmark = self._bookmark_after(page)
        return _between(since, until, page)


class OldestFirstPaginator(ChangesPaginator):
    """A list in the order of changes, read up to `end_time`."""

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._until = int(start["end_time"])

    def advance(self, page: Page[R]) -> list[R]:
        """Take the page's cursor, until a record is of after the end; see `Paginator`.

        What comes after the end is for the next run, which has this page again.
        """
        before = self.bookmark
        super().advance(page)
        if page.latest is not None and page.latest > self._until:
            self.finished, self.bookmark = True, before
        return _between(self._since, self._until, page)


class AuditsPaginator(Paginator):
    """A list whose order is read from its pages: newest first, or in the order of changes.

    While all records are of one second, either order is possible: no record ends the walk, and the
    bookmark stays at its start.

    ```json
    {"audits": […], "meta": {"has_more": true, "after_cursor": "eyJvIjoi…"}}
    ```
    """

    def __init__(self, stream_name: str, start: Params) -> None:
        """Start a traversal; see `Paginator`."""
        super().__init__(stream_name, start)
        self._traversal: Paginator = FilteredPaginator(stream_name, start)
        self._is_decided = False
        self._seconds: list[int] = []

    def advance(self, page: Page[R]) -> list[R]:
        """Go on in the order of the pages; see `Paginator`.

        Raises:
            FatalSyncError: If they are in no order.
        """
        self._seconds += [second for _, second in page.keys if second is not None]
        first, last = self._seconds[:1], self._seconds[-1:]
        is_only_page = page.end_of_stream is not False
        if not self._is_decided and (len(set(self._seconds)) > 1 or is_only_page):
            kind = OldestFirstPaginator if first < last else NewestFirstPaginator
            self._traversal = kind(self._stream_name, self.params)
            self._is_decided = True
        self._seconds = first + last
        new = self._traversal.advance(page)
        self.params, self.finished = self._traversal.params, self._traversal.finished
        if not self._is_decided:
            since = int(self.params.get("start_time", 0))
            return _between(since, int(self.params["end_time"]), page)
        self.bookmark = self._traversal.bookmark
        return new


def _between(since: int, until: int, page: Page[R]) -> list[R]:
    """Give the records of a page from one second (epoch) to another, both included."""
    return [
        record
        for record, (_, second) in zip(page.records, page.keys, strict=True)
        if second is None or since <= second <= until
    ]


def _no_order(stream_name: str) -> FatalSyncError:
    msg = (
        f"{stream_name}: Zendesk sends this list in no order, so a state would miss some; deselect "
        "the stream, and look for a newer version of the tap"
    )
    return FatalSyncError(msg)


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
