"""Concurrent fetching from many sources, with a thread for each rate limit.

Sources that share a limit form a line and take turns, one item at a time. A thread fetches the next
item of its line. All items arrive in one queue, from which a single consumer takes them. So only
fetching is concurrent. What the consumer uses needs no lock. The lines need none either, because it
is the consumer that gives the next source its turn:

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
        threads: How many sources may be fetched from at the same time.
        sources: The sources that wait for their turn, the next one first.
        turns: The sources whose turn it is, for the threads to take. None ends a thread.
    """

    threads: int
    sources: deque[_Source[K, T]] = field(default_factory=deque)
    turns: SimpleQueue[_Source[K, T] | None] = field(default_factory=SimpleQueue)

    def start_turn(self) -> bool:
        """Give the next source its turn. Returns False if no source waits."""
        if self.sources:
            self.turns.put(self.sources.popleft())
            return True
        return False


@dataclass(frozen=True)
class Arrival(Generic[K, T]):
    """The result of a source's turn.

    Attributes:
        key: The key of the source.
        items: The item. Empty at the end of the source, and after an error.
        error: The error that ended the source, or None.
    """

    key: K
    items: tuple[T, ...] = ()
    error: BaseException | None = None


class Schedule(Generic[K, T]):
    """Fetches the items of sources.

    In each line, each thread fetches at most one item ahead: the next source gets its turn when the
    consumer has taken the last item. The threads are daemons, so that a process that has to end
    does not wait for an answer.

    Attributes:
        is_stopped: Whether `stop` was called, so that nothing more is fetched.
    """

    def __init__(self) -> None:
        """Start without sources."""
        self._lines: dict[str, _Line[K, T]] = {}
        self._arrived: SimpleQueue[tuple[_Source[K, T], Arrival[K, T]]] = SimpleQueue()
        self._open_turns = 0
        self._dropped: list[K] = []
        self.is_stopped = False

    def add(self, key: K, items: Iterator[T], line: str, threads: int = 1) -> None:
        """Add a source. Nothing is fetched from it before `arrivals` is iterated.

        Args:
            key: Identifies the source.
            items: The source. It runs in one thread at a time, never in the consumer's thread.
            line: The name of the line that the source joins.
            threads: How many sources of that line may be fetched from at the same time.
        """
        found = self._lines.setdefault(line, _Line(threads))
        found.sources.append(_Source(key, items, found))

    def arrivals(
        self,
        timeout_seconds: float | None = None,
        may_run_concurrently: Callable[[], bool] = lambda: True,
    ) -> Generator[Arrival[K, T] | None, None, None]:
        """Fetch and yield what arrives, until every source has ended or `stop` is called.

        After `stop`, what has already arrived is still yielded.

        Args:
            timeout_seconds: How long to wait for an arrival; None waits without a limit.
            may_run_concurrently: While this returns False, only one item is fetched at a time.

        Yields:
            Each arrival, or None whenever nothing has arrived in time.
        """
        lines, started = iter(self._lines.values()), list[_Line[K, T]]()
        try:
            while not may_run_concurrently():
                if not self._open_turns:  # the line that ran alone has ended
                    if (line := next(lines, None)) is None:
                        break
                    self._start(line, turns=1)
                    started.append(line)
                yield from self._next(timeout_seconds)
            for line in started:
                self._start_turns(line, line.threads - 1)
            for line in lines:
                self._start(line, line.threads)
            while self._open_turns:
                yield from self._next(timeout_seconds)
        finally:
            self.stop()

    def drop(self, key: K) -> None:
        """Fetch nothing more from a source, and yield nothing more of it.

        Args:
            key: The key of the source.
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
                line.turns.put(None)

    def _start(self, line: _Line[K, T], turns: int) -> None:
        for _ in range(min(line.threads, len(line.sources))):
            args = (line.turns, self._arrived)
            Thread(target=_fetch, args=args, name="fetching", daemon=True).start()
        self._start_turns(line, turns)

    def _start_turns(self, line: _Line[K, T], turns: int) -> None:
        self._open_turns += sum(line.start_turn() for _ in range(turns))

    def _next(self, timeout_seconds: float | None) -> Iterator[Arrival[K, T] | None]:
        """Yield the next arrival, and give the next source of its line a turn meanwhile."""
        try:
            timeout = 0 if self.is_stopped else timeout_seconds
            source, arrival = self._arrived.get(timeout=timeout)
        except Empty:
            if self.is_stopped:
                self._open_turns = 0
            else:
                yield None
            return  # so that the caller checks again what may run
        self._open_turns -= 1
        if any(source.key is key for key in self._dropped):
            self._start_turns(source.line, 1)
            return
        if arrival.items and not self.is_stopped:
            source.line.sources.append(source)
        if arrival.error is None:
            self._start_turns(source.line, 1)
            yield arrival
        else:
            yield arrival  # the consumer may call `stop` because of the error
            self._start_turns(source.line, 1)


def _fetch(
    turns: SimpleQueue[_Source[K, T] | None],
    arrived: SimpleQueue[tuple[_Source[K, T], Arrival[K, T]]],
) -> None:
    """Fetch one item for each turn. This is what a thread runs."""
    while (source := turns.get()) is not None:
        try:
            arrival = Arrival(source.key, (next(source.items),))
        except StopIteration:
            arrival = Arrival(source.key)
        except BaseException as error:  # noqa: BLE001 (the consumer handles it)
            arrival = Arrival(source.key, error=error)
        arrived.put((source, arrival))
        del source, arrival  # so that a waiting thread keeps no page in memory


def one_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items of a single source, and fetch the next item in the background meanwhile.

    An error is raised only after the consumer has handled all items before it. Nothing more is
    fetched once the consumer has stopped.

    Args:
        items: The source, which runs in the background only.
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
