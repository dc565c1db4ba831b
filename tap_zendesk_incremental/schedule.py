"""Sources that are fetched at once, each thread for a rate limit of its own.

Sources that share a limit stand in one line and take turns, an item a turn. A thread fetches what
is next in its line; whatever it has fetched arrives in one place, where a single consumer takes
it. So only fetching is concurrent. Everything that the consumer touches needs no lock, and neither
do the lines, as the consumer is also the one who calls the next source up:

    schedule = Schedule()
    schedule.add("tickets", pages_of_tickets, line="incremental-exports")
    schedule.add("organizations", pages_of_organizations, line="incremental-exports")
    schedule.add("users", pages_of_users, line="incremental-exports-cursor")
    for arrival in schedule.arrivals():
        ...
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Source(Generic[K, T]):
    key: K
    items: Iterator[T]
    line: _Line[K, T]


@dataclass(eq=False)
class _Line(Generic[K, T]):
    """Sources that take turns.

    Attributes:
        threads: How many of them may be fetched at once.
        sources: Those whose turn has not come, the next one first.
        called: Those whose turn it is; None ends a thread.
    """

    threads: int
    sources: deque[_Source[K, T]] = field(default_factory=deque)
    called: SimpleQueue[_Source[K, T] | None] = field(default_factory=SimpleQueue)

    def call_next(self) -> bool:
        """Give the next source its turn, if there is one."""
        if self.sources:
            self.called.put(self.sources.popleft())
            return True
        return False


@dataclass(frozen=True)
class Arrival(Generic[K, T]):
    """What came of a source's turn.

    Attributes:
        key: The source.
        items: The item, or nothing at the end of the source and after an error.
        error: What ended the source, None if it goes on or came to its end.
    """

    key: K
    items: tuple[T, ...] = ()
    error: BaseException | None = None


class Schedule(Generic[K, T]):
    """Fetches the items of sources.

    In each line, no more is fetched ahead than one item a thread: the next source is called up
    when the consumer has taken what the last one brought. The threads are daemons, so that a
    process that is told to end does not wait for an answer.

    Attributes:
        is_stopped: Whether nothing more is fetched.
    """

    def __init__(self) -> None:
        """Start with no source."""
        self._lines: dict[str, _Line[K, T]] = {}
        self._arrived: SimpleQueue[tuple[_Source[K, T], Arrival[K, T]]] = SimpleQueue()
        self._called = 0
        self._dropped: list[K] = []
        self.is_stopped = False

    def add(self, key: K, items: Iterator[T], line: str, threads: int = 1) -> None:
        """Add a source; nothing is fetched before `arrivals` is asked.

        Args:
            key: Tells the source from others.
            items: The source. It runs in one thread at a time, never in that of the consumer.
            line: Names the line that it stands in.
            threads: How many sources of that line may be fetched at once.
        """
        found = self._lines.setdefault(line, _Line(threads))
        found.sources.append(_Source(key, items, found))

    def arrivals(
        self,
        timeout_seconds: float | None = None,
        may_run_at_once: Callable[[], bool] = lambda: True,
    ) -> Generator[Arrival[K, T] | None, None, None]:
        """Fetch, and yield what arrives, until every source has ended or `stop` was called.

        After `stop`, what has arrived already is still yielded.

        Args:
            timeout_seconds: How long to wait for something.
            may_run_at_once: Until it says so, one item is fetched at a time.

        Yields:
            What arrived, or None if nothing has in that time.
        """
        lines, started = iter(self._lines.values()), list[_Line[K, T]]()
        try:
            while not may_run_at_once():
                if not self._called:  # the line that has run alone has ended
                    if (line := next(lines, None)) is None:
                        break
                    self._start(line, turns=1)
                    started.append(line)
                yield from self._next(timeout_seconds)
            for line in started:
                self._call(line, line.threads - 1)
            for line in lines:
                self._start(line, line.threads)
            while self._called:
                yield from self._next(timeout_seconds)
        finally:
            self.stop()

    def drop(self, key: K) -> None:
        """Fetch nothing more of a source, and yield nothing of it.

        Args:
            key: The source.
        """
        self._dropped.append(key)
        for line in self._lines.values():
            line.sources = deque(source for source in line.sources if source.key is not key)

    def stop(self) -> None:
        """Fetch nothing more."""
        self.is_stopped = True
        for line in self._lines.values():
            line.sources.clear()
            for _ in range(line.threads):
                line.called.put(None)

    def _start(self, line: _Line[K, T], turns: int) -> None:
        for _ in range(min(line.threads, len(line.sources))):
            args = (line.called, self._arrived)
            Thread(target=_fetch, args=args, name="fetching", daemon=True).start()
        self._call(line, turns)

    def _call(self, line: _Line[K, T], turns: int) -> None:
        self._called += sum(line.call_next() for _ in range(turns))

    def _next(self, timeout_seconds: float | None) -> Iterator[Arrival[K, T] | None]:
        """Yield what arrives next, and call up who is next in that line meanwhile."""
        try:
            timeout = 0 if self.is_stopped else timeout_seconds
            source, arrival = self._arrived.get(timeout=timeout)
        except Empty:
            if self.is_stopped:
                self._called = 0
            else:
                yield None
            return  # more may have become allowed to run at once
        self._called -= 1
        if any(source.key is key for key in self._dropped):
            self._call(source.line, 1)
            return
        if arrival.items and not self.is_stopped:
            source.line.sources.append(source)
        if arrival.error is None:
            self._call(source.line, 1)
            yield arrival
        else:
            yield arrival  # which may have the consumer stop
            self._call(source.line, 1)


def _fetch(
    called: SimpleQueue[_Source[K, T] | None],
    arrived: SimpleQueue[tuple[_Source[K, T], Arrival[K, T]]],
) -> None:
    """Fetch an item of each source that is called; the work of a thread."""
    while (source := called.get()) is not None:
        try:
            arrival = Arrival(source.key, (next(source.items),))
        except StopIteration:
            arrival = Arrival(source.key)
        except BaseException as error:  # noqa: BLE001 (the consumer deals with it)
            arrival = Arrival(source.key, error=error)
        arrived.put((source, arrival))
        del source, arrival  # or a page would stay in memory while the thread waits


def one_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items of a single source, each next one being fetched meanwhile.

    An error surfaces only after the items before it were taken and dealt with, and nothing more is
    fetched once the consumer has stopped.

    Args:
        items: What to yield; it runs in the background only.
    """
    schedule: Schedule[None, T] = Schedule()
    schedule.add(None, items, line="")
    with contextlib.closing(schedule.arrivals()) as arrivals:
        for arrival in arrivals:
            if arrival is None:
                continue
            if arrival.error is not None:
                raise arrival.error
            yield from arrival.items
