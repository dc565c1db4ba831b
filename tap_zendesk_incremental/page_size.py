"""How many records to ask for: fewer after a time-out, as Zendesk advises, then more again."""

from __future__ import annotations

from tap_zendesk_incremental.pagination import MAX_PER_PAGE

MIN_PER_PAGE = 50
GOOD_PAGES_TO_GROW = 3
"""Good pages before more is asked for again; twice as many each time that was too early."""


class PageSize:
    """The `per_page` of the next request."""

    def __init__(self, wanted: int) -> None:
        """Start with what the settings ask for.

        Args:
            wanted: Records a page, 1 to 1000.
        """
        self._wanted = wanted
        self._ceiling = MAX_PER_PAGE
        self._good_pages = 0
        self._patience = GOOD_PAGES_TO_GROW

    def next(self, preferred: int | None = None) -> int:
        """Give the size to ask for.

        Args:
            preferred: What a paginator needs instead of the wanted size.
        """
        return min(preferred or self._wanted, self._ceiling)

    def timed_out(self, asked: int) -> None:
        """Halve the size that took too long, down to 50."""
        self._ceiling = max(min(MIN_PER_PAGE, asked), asked // 2)
        if self._good_pages:
            self._patience *= 2
        self._good_pages = 0

    def good_page(self) -> None:
        """Double the size again after some good pages."""
        self._good_pages += 1
        if self._good_pages % self._patience == 0:
            self._ceiling = min(MAX_PER_PAGE, self._ceiling * 2)
