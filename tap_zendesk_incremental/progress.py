"""Says how far a long export is, now and then, and what it was at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental import state

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from tap_zendesk_incremental.pagination import Page

INTERVAL_SECONDS = 10.0
"""At most one line of a stream in so long a time."""

SHOWN_WAIT_SECONDS = 0.05
"""Waits that are shorter would be shown as none."""


class Progress:
    """How far the export of one stream is."""

    def __init__(
        self,
        stream: str,
        logger: logging.Logger,
        end: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start to count.

        Args:
            stream: Its name: Meltano does not show the logger's.
            logger: The stream's.
            end: The second (epoch) up to which it is to be exported.
            clock: Gives seconds that only grow.
        """
        self._stream = stream
        self._logger = logger
        self._end = end
        self._clock = clock
        self._started_at = self._said_at = clock()
        self._records = 0
        self.pages = 0
        self._start: int | None = None
        self._reached: int | None = None

    def page(self, page: Page[Any], records: int, requests_left: int | None) -> None:
        """Count a page that is written out, and say so if it is time to.

        Args:
            page: The page.
            records: How many of its records were written.
            requests_left: How many requests Zendesk still allows this minute, if it says so.
        """
        self._records += records
        self.pages += 1
        if self._start is None:
            seconds = (second for _, second in page.keys if second is not None)
            self._start = min(seconds, default=None)
        self._reached = page.latest or self._reached
        if self._clock() - self._said_at >= INTERVAL_SECONDS:
            self._said_at = self._clock()
            left = "" if requests_left is None else f"; {requests_left} requests left this minute"
            self._logger.info("%s: %s%s%s", self._stream, self._counts(), self._position(), left)

    def finish(self, requests: int, waited_seconds: float) -> None:
        """Say what was exported.

        Args:
            requests: How many were sent, those for pages that had to be asked for again too.
            waited_seconds: How long limits and faults made the stream wait.
        """
        self._logger.info(
            "%s: exported %s with %d request%s in %.1f s%s",
            self._stream,
            self._counts(),
            requests,
            "" if requests == 1 else "s",
            self._clock() - self._started_at,
            f", {waited_seconds:.1f} s of them waits"
            if waited_seconds >= SHOWN_WAIT_SECONDS
            else "",
        )

    def _counts(self) -> str:
        records = f"{self._records:,} record{'' if self._records == 1 else 's'}"
        return f"{records} on {self.pages:,} page{'' if self.pages == 1 else 's'}"

    def _position(self) -> str:
        """Say where the export is, and how much that is of the time it covers.

        That time begins with the first record, not with `start_date`: most accounts are younger
        than the start dates that people set.
        """
        if self._start is None or self._reached is None:
            return ""
        period = max(1.0, self._end - self._start)
        share = min(1.0, (self._reached - self._start) / period)
        return f" up to {state.iso(self._reached)}, {share:.0%} of the period"
