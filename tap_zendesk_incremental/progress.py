"""Says how far a run is: a line now and then while it lasts, and a table at its end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental import state

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.pagination import Page

INTERVAL_SECONDS = 10.0
"""At most one line in so long a time."""

MAX_STREAMS = 4
"""Streams that a line tells of, each; the rest of them it counts."""


@dataclass
class StreamProgress:
    """How far the export of one stream is.

    Attributes:
        name: The stream's.
        client: Knows its requests and waits.
        end: The second (epoch) up to which it is to be exported.
        records: How many are written.
        pages: On how many pages.
    """

    name: str
    client: Client
    end: float
    records: int = 0
    pages: int = 0
    _start: int | None = None
    _reached: int | None = None

    def page(self, page: Page[Any], records: int) -> None:
        """Count a page that is written out.

        Args:
            page: The page.
            records: How many of its records were written.
        """
        self.records += records
        self.pages += 1
        if self._start is None:
            seconds = (second for _, second in page.keys if second is not None)
            self._start = min(seconds, default=None)
        self._reached = page.latest or self._reached

    def position(self, now: float) -> str:
        """Say where the export is, how much that is of the time it covers, and what it waits for.

        That time begins with the first record, not with `start_date`: most accounts are younger
        than the start dates that people set.

        Args:
            now: The time by `time.monotonic`.
        """
        parts = []
        if self._start is not None and self._reached is not None:
            period = max(1.0, self.end - self._start)
            share = min(1.0, (self._reached - self._start) / period)
            parts.append(f"up to {state.iso(self._reached)}, {share:.0%} of the period")
        if (left_seconds := self.client.waits_until - now) > 0:
            parts.append(f"waits {left_seconds:.0f} s more")
        return f"{self.name} ({'; '.join(parts)})" if parts else self.name


class Progress:
    """How far a run is."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """Start to count.

        Args:
            logger: Says it.
            clock: Gives seconds that only grow.
        """
        self._logger = logger
        self._clock = clock
        self._started_at = self._said_at = clock()
        self._requests = 0

    def say(self, running: Sequence[StreamProgress], streams: Sequence[StreamProgress]) -> None:
        """Say where all streams are, if it is time to.

        Args:
            running: Those that have not come to their end.
            streams: All of them.
        """
        now = self._clock()
        seconds = now - self._said_at
        if seconds < INTERVAL_SECONDS:
            return
        requests = sum(stream.client.requests for stream in streams)
        per_minute = (requests - self._requests) * 60 / seconds
        self._said_at, self._requests = now, requests
        # What has come far is what takes long.
        told = sorted(running, key=lambda stream: -stream.pages)[:MAX_STREAMS]
        rest = len(running) - len(told)
        self._logger.info(
            "%d of %d streams exported; %s records; %.0f requests a minute; running: %s%s",
            len(streams) - len(running),
            len(streams),
            f"{sum(stream.records for stream in streams):,}",
            per_minute,
            ", ".join(stream.position(now) for stream in told),
            f" and {rest} more" if rest else "",
        )

    def finish(self, streams: Sequence[StreamProgress]) -> None:
        """Say what was exported, a line a stream.

        Args:
            streams: Those of which a request was sent, or a page written.
        """
        rows = [
            (
                stream.name,
                f"{stream.records:,}",
                f"{stream.pages:,}",
                f"{stream.client.requests:,}",
                f"{stream.client.waited_seconds:.0f}",
            )
            for stream in streams
        ]
        total = (
            f"all, in {self._clock() - self._started_at:.1f} s",
            f"{sum(stream.records for stream in streams):,}",
            f"{sum(stream.pages for stream in streams):,}",
            f"{sum(stream.client.requests for stream in streams):,}",
            "",
        )
        head = ("stream", "records", "pages", "requests", "seconds waited")
        table = [head, *rows, *([total] if len(rows) > 1 else [])]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for name, *numbers in table:
            cells = (text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True))
            self._logger.info("%s", "  ".join((name.ljust(widths[0]), *cells)).rstrip())
