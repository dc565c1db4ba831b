"""Where Zendesk serves a list of records, and what is peculiar about asking there."""

from __future__ import annotations

from dataclasses import dataclass

NEWEST_SERVED_SECONDS = 60
"""Zendesk never exports the newest minute, and refuses a start_time inside it."""

MAX_PAGE_SIZE = 1000
"""Records that an export may be asked for at most."""

MIN_PAGE_SIZE = 50
GOOD_PAGES_TO_GROW = 3
"""Good pages before more is asked for again; twice as many each time that was too early."""


@dataclass(frozen=True)
class Endpoint:
    """One form of an export, or another list.

    Attributes:
        path: Where it is served.
        limit: What shares a rate limit, as the header `zendesk-ratelimit-…` names it. Headers
            with other names count for it as well, once an answer has brought them.
        takes_start_time: Whether the first request says where to start.
        cursor_parameter: The query parameter that takes a cursor.
        size_parameter: The query parameter that takes the number of records.
        max_size: The most records that may be asked for.
        newest_seconds: How old a `start_time` has to be at least.
        interval_seconds: The time between two requests that Zendesk demands at least.
    """

    path: str
    limit: str = "incremental-exports"
    takes_start_time: bool = True
    cursor_parameter: str = "cursor"
    size_parameter: str = "per_page"
    max_size: int = MAX_PAGE_SIZE
    newest_seconds: int = NEWEST_SERVED_SECONDS
    interval_seconds: float = 0.0


def sample(path: str) -> Endpoint:
    """Give the sample of an export: at most 50 records, with a limit of its own."""
    return Endpoint(path, limit="incremental-exports-sample", max_size=50)


def listing(path: str) -> Endpoint:
    """Give a list that is no export: paged by cursor, with no limit but the account's."""
    return Endpoint(
        path,
        limit=path,
        takes_start_time=False,
        cursor_parameter="page[after]",
        size_parameter="page[size]",
        max_size=100,
    )


class PageSize:
    """How many records to ask for: fewer where a page is too much, then more again.

    Zendesk advises to lower `per_page` after a time-out; some accounts answer 500 instead.
    """

    def __init__(self, wanted: int) -> None:
        """Start with what the settings ask for.

        Args:
            wanted: Records a page, 1 to 1000.
        """
        self._wanted = wanted
        self._ceiling = MAX_PAGE_SIZE
        self._good_pages = 0
        self._patience = GOOD_PAGES_TO_GROW

    def next(self, preferred: int | None = None) -> int:
        """Give the size to ask for.

        Args:
            preferred: What a paginator needs instead of the wanted size.
        """
        return min(preferred or self._wanted, self._ceiling)

    def too_much(self, size: int) -> None:
        """Halve a size that was too much, down to 50."""
        self._ceiling = max(min(MIN_PAGE_SIZE, size), size // 2)
        if self._good_pages:
            self._patience *= 2
        self._good_pages = 0

    def good_page(self) -> None:
        """Double the size again after some good pages."""
        self._good_pages += 1
        if self._good_pages % self._patience == 0:
            self._ceiling = min(MAX_PAGE_SIZE, self._ceiling * 2)
