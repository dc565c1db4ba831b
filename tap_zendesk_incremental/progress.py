"""Says how far a run is: a line now and then while it lasts, and a table at its end."""

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
"""At most one line in so long a time."""

DISPLAY_INTERVAL_SECONDS = 0.5
"""How often a table in a terminal is drawn anew at most."""

MAX_STREAMS = 4
"""Streams that a line tells of, each; the rest of them it counts."""

MIN_PACE_SECONDS = 60.0
"""How long an export has to go on until its pace tells anything: limits are per minute, and the
requests of a minute may all go out in its first seconds."""


@dataclass
class StreamProgress:
    """How far the export of one stream is.

    Attributes:
        name: The stream's.
        client: Knows its requests and waits.
        clock: Gives seconds that only grow.
        end: The second (epoch) up to which it is to be exported; 0 if it is in no order of time.
        is_running: Whether it has begun and not ended.
        has_ended: Whether it has ended.
        records: How many are written.
        pages: On how many pages.
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
        """Count from nothing, and note that the export goes on until the end of the block.

        Args:
            end: The second (epoch) up to which it is to be exported.
        """
        self.end, self.is_running, self.has_ended = end, True, False
        self.records = self.pages = 0
        self._start = self._reached = None
        try:
            yield
        finally:
            self.is_running, self.has_ended = False, True

    def page(self, page: Page[Any], records: int) -> None:
        """Count a page that is written out.

        Args:
            page: The page.
            records: How many of its records were written.
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
        """How much of the time to export is exported, 0 to 1; None if that is not known.

        That time begins with the first record, not with `start_date`: most accounts are younger
        than the start dates that people set.
        """
        if self._start is None or self._reached is None:
            return None
        period = max(1.0, self.end - self._start)
        return min(1.0, (self._reached - self._start) / period)

    @property
    def left_seconds(self) -> float | None:
        """How long the rest takes at the pace of the pages so far; None if that is not known.

        What limits the pages is in that pace.
        """
        took_seconds = self.clock() - self._first_page_at
        if not self.share or took_seconds < MIN_PACE_SECONDS:
            return None
        return took_seconds * (1 - self.share) / self.share

    @property
    def details(self) -> list[str]:
        """Where the export is, how long it takes, and what it waits for; empty if none is known."""
        details = []
        if self.share is not None and self._reached is not None:
            details += [f"up to {state.iso(self._reached)}", f"{self.share:.0%} of the period"]
        if self.left_seconds:
            details.append(f"about {spoken(self.left_seconds)} left")
        if (wait_seconds := self.client.waits_until - self.clock()) > 0:
            details.append(f"waits {wait_seconds:.0f} s more")
        return details


class Progress:
    """How far a run is."""

    def __init__(
        self,
        streams: Sequence[StreamProgress],
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start to count.

        Args:
            streams: All that are to be exported.
            logger: Says it.
            clock: Gives seconds that only grow.
        """
        self._streams = streams
        self._logger = logger
        self._clock = clock
        self._started_at = self._counted_at = self._shown_at = clock()
        self._requests = self._per_minute = 0.0
        self._display = terminal.display()

    def say(self) -> None:
        """Say where all streams are, if it is time to: in a line of the log, or in a terminal."""
        now = self._clock()
        if now - self._counted_at >= INTERVAL_SECONDS:
            requests = sum(stream.client.requests for stream in self._streams)
            self._per_minute = (requests - self._requests) * 60 / (now - self._counted_at)
            self._counted_at, self._requests = now, requests
            if self._display is None:
                self._say()
        if self._display is not None and now - self._shown_at >= DISPLAY_INTERVAL_SECONDS:
            self._shown_at = now
            self._show(self._display)

    @property
    def _running(self) -> list[StreamProgress]:
        """What there is most to tell of comes first, and of that what takes long."""
        return sorted(
            (stream for stream in self._streams if stream.is_running),
            key=lambda stream: (not stream.details, -stream.pages),
        )

    @property
    def _counts(self) -> tuple[int, int, str, str]:
        """Streams that have ended and all of them, records, and requests a minute."""
        return (
            sum(stream.has_ended for stream in self._streams),
            len(self._streams),
            f"{sum(stream.records for stream in self._streams):,}",
            f"{self._per_minute:.0f}",
        )

    def _say(self) -> None:
        running = self._running
        told = [
            f"{stream.name} ({'; '.join(details)})" if (details := stream.details) else stream.name
            for stream in running[:MAX_STREAMS]
        ]
        rest = len(running) - len(told)
        self._logger.info(
            "%d of %d streams exported; %s records; %s requests a minute; running: %s%s",
            *self._counts,
            ", ".join(told),
            f" and {rest} more" if rest else "",
        )

    def _show(self, display: terminal.Display) -> None:
        ended, count, records, pace = self._counts
        display.show(
            [
                (one.name, f"{one.records:,}", f"{one.pages:,}", "; ".join(one.details))
                for one in self._running
            ],
            f"{ended} of {count} streams exported; {records} records; {pace} requests a minute",
        )

    def finish(self) -> None:
        """Say what was exported, a line a stream, if anything was."""
        if self._display is not None:
            self._display.close()
        streams = [one for one in self._streams if one.client.requests or one.pages]
        if not streams:
            return
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


def spoken(seconds: float) -> str:
    """Give a duration in its largest fitting unit: 100 seconds are "2 min"."""
    for unit, unit_seconds in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * unit_seconds:
            return f"{seconds / unit_seconds:.0f} {unit}"
    return f"{seconds:.0f} s"
