"""Reports the progress of a run: a log line now and then, and a table at the end."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental import state, terminal

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.pagination import Page

INTERVAL_SECONDS = 10.0
"""The shortest time between two lines."""

DISPLAY_INTERVAL_SECONDS = 0.5
"""The shortest time between two updates of a table in a terminal."""

MAX_STREAMS = 4
"""How many running streams a line describes. It only counts the others."""

MIN_PACE_SECONDS = 60.0
"""How long an export has to run before its pace means anything: limits are per minute, and all
requests of a minute may be sent in its first seconds."""


@dataclass
class StreamProgress:
    """The progress of one stream's export.

    Attributes:
        name: The stream's name.
        client: The stream's client, which counts requests and waits.
        clock: A monotonic clock, in seconds.
        end: The epoch second at which the export is to end; 0 if it is not ordered by time.
        is_running: Whether the export has begun and not ended.
        has_ended: Whether the export has ended.
        records: How many records have been written.
        pages: How many pages have been written.
    """

    name: str
    client: Client
    clock: Callable[[], float] = time.monotonic
    end: float = 0.0
    is_running: bool = False
    has_ended: bool = False
    records: int = 0
    pages: int = 0
    _first_page_at: float = 0.0
    _start: int | None = None
    _reached: int | None = None

    @contextlib.contextmanager
    def running(self, end: float = 0.0) -> Iterator[None]:
        """Reset the counters, and mark the export as running until the end of the block.

        Args:
            end: The epoch second at which the export is to end.
        """
        self.end, self.is_running, self.has_ended = end, True, False
        self.records = self.pages = 0
        self._start = self._reached = None
        try:
            yield
        finally:
            self.is_running, self.has_ended = False, True

    def page(self, page: Page[Any], records: int) -> None:
        """Count a page that has been written.

        Args:
            page: The page.
            records: How many of its records have been written.
        """
        if not self.pages:
            self._first_page_at = self.clock()
        self.records += records
        self.pages += 1
        if self._start is None:
            seconds = (second for _, second in page.keys if second is not None)
            self._start = min(seconds, default=None)
        self._reached = page.latest or self._reached

    @property
    def share(self) -> float | None:
        """How much of the period is exported, from 0 to 1; None if unknown.

        The period begins with the first record, not with `start_date`, because most accounts are
        younger than the start dates that people set.
        """
        if self._start is None or self._reached is None:
            return None
        period = max(1.0, self.end - self._start)
        return min(1.0, (self._reached - self._start) / period)

    @property
    def left_seconds(self) -> float | None:
        """How long the rest will take at the pace so far, in seconds; None if unknown.

        That pace includes the waits for limits.
        """
        took_seconds = self.clock() - self._first_page_at
        if not self.share or took_seconds < MIN_PACE_SECONDS:
            return None
        return took_seconds * (1 - self.share) / self.share

    @property
    def details(self) -> list[str]:
        """How far the export has got, the time left, and the current wait, as far as known."""
        details = []
        if self.share is not None and self._reached is not None:
            details += [f"up to {state.iso(self._reached)}", f"{self.share:.0%} of the period"]
        if self.left_seconds:
            details.append(f"about {readable_duration(self.left_seconds)} left")
        if (wait_seconds := self.client.waits_until - self.clock()) > 0:
            details.append(f"waits {wait_seconds:.0f} s more")
        return details


class Progress:
    """The progress of a run."""

    def __init__(
        self,
        streams: Sequence[StreamProgress],
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            streams: The progress of all streams of the run.
            logger: Logs the reports.
            clock: A monotonic clock, in seconds.
        """
        self._streams = streams
        self._logger = logger
        self._clock = clock
        self._started_at = self._counted_at = self._shown_at = clock()
        self._requests = self._per_minute = 0.0
        self._display = terminal.display()

    def report(self) -> None:
        """Log a line, or update the table in the terminal, unless the last one is too recent."""
        now = self._clock()
        if now - self._counted_at >= INTERVAL_SECONDS:
            requests = sum(stream.client.requests for stream in self._streams)
            self._per_minute = (requests - self._requests) * 60 / (now - self._counted_at)
            self._counted_at, self._requests = now, requests
            if self._display is None:
                self._log()
        if self._display is not None and now - self._shown_at >= DISPLAY_INTERVAL_SECONDS:
            self._shown_at = now
            self._draw(self._display)

    @property
    def _running(self) -> list[StreamProgress]:
        """The running streams: those with details first, and then by their number of pages."""
        return sorted(
            (stream for stream in self._streams if stream.is_running),
            key=lambda stream: (not stream.details, -stream.pages),
        )

    @property
    def _counts(self) -> tuple[int, int, str, str]:
        """The ended streams, all streams, the records, and the requests per minute."""
        return (
            sum(stream.has_ended for stream in self._streams),
            len(self._streams),
            f"{sum(stream.records for stream in self._streams):,}",
            f"{self._per_minute:.0f}",
        )

    def _log(self) -> None:
        running = self._running
        described = [
            f"{stream.name} ({'; '.join(details)})" if (details := stream.details) else stream.name
            for stream in running[:MAX_STREAMS]
        ]
        rest = len(running) - len(described)
        self._logger.info(
            "%d of %d streams exported; %s records; %s requests a minute; running: %s%s",
            *self._counts,
            ", ".join(described),
            f" and {rest} more" if rest else "",
        )

    def _draw(self, display: terminal.Display) -> None:
        ended, count, records, pace = self._counts
        display.show(
            [
                (one.name, f"{one.records:,}", f"{one.pages:,}", "; ".join(one.details))
                for one in self._running
            ],
            f"{ended} of {count} streams exported; {records} records; {pace} requests a minute",
        )

    def finish(self) -> None:
        """Log a table with a line for each stream that sent a request, and a total."""
        if self._display is not None:
            self._display.close()
        streams = [one for one in self._streams if one.client.requests or one.pages]
        if not streams:
            return
        counts = [(one.records, one.pages, one.client.requests) for one in streams]
        table: list[tuple[str, ...]] = [
            ("stream", "records", "pages", "requests", "seconds waited")
        ]
        for one, numbers in zip(streams, counts, strict=True):
            waited = f"{one.client.waited_seconds:.0f}"
            table.append((one.name, *(f"{number:,}" for number in numbers), waited))
        if len(streams) > 1:
            totals = (f"{sum(column):,}" for column in zip(*counts, strict=True))
            table.append((f"all, in {self._clock() - self._started_at:.1f} s", *totals, ""))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for name, *texts in table:
            cells = (text.rjust(width) for text, width in zip(texts, widths[1:], strict=True))
            self._logger.info("%s", "  ".join((name.ljust(widths[0]), *cells)).rstrip())


def readable_duration(seconds: float) -> str:
    """Return a duration in the largest unit that fits: 100 seconds are "2 min"."""
    for unit, unit_seconds in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * unit_seconds:
            return f"{seconds / unit_seconds:.0f} {unit}"
    return f"{seconds:.0f} s"
