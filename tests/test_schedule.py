"""Lines run at once, their sources take turns, and an error comes after earlier items."""

from __future__ import annotations

import contextlib
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.schedule import Schedule, one_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 20


class Source:
    """A source of numbers that counts how many it made."""

    def __init__(self, end: int | None = None, error: Exception | None = None) -> None:
        """Stop after some numbers, with an error if one is given."""
        self.end = end
        self.error = error
        self.made = 0
        self.changed = threading.Condition()

    def items(self) -> Iterator[int]:
        """Yield the numbers."""
        for number in count():
            if number == self.end:
                if self.error:
                    raise self.error
                return
            with self.changed:
                self.made += 1
                self.changed.notify_all()
            yield number

    def wait_for(self, made: int) -> bool:
        """Wait until some numbers were made. Return whether that happened in time."""
        with self.changed:
            return self.changed.wait_for(lambda: self.made >= made, SECONDS)


def test_order_and_end() -> None:
    assert list(one_ahead(Source(end=50).items())) == list(range(50))
    assert list(one_ahead(Source(end=0).items())) == []


def test_one_item_is_made_ahead() -> None:
    source = Source()
    ahead = one_ahead(source.items())
    for number in range(5):
        assert next(ahead) == number
        assert source.wait_for(number + 2)
        assert source.made == number + 2
    ahead.close()


def test_no_item_is_made_after_the_consumer_stops() -> None:
    source = Source()
    before = set(threading.enumerate())
    ahead = one_ahead(source.items())
    next(ahead)
    assert source.wait_for(2)
    (worker,) = set(threading.enumerate()) - before
    ahead.close()
    worker.join(SECONDS)
    assert not worker.is_alive()
    assert source.made == 2


def test_an_error_surfaces_after_the_items_before_it() -> None:
    ahead = one_ahead(Source(end=2, error=OSError("gone")).items())
    found = [next(ahead), next(ahead)]
    assert found == [0, 1]
    with pytest.raises(OSError, match="gone"):
        next(ahead)


def test_items_are_made_in_one_daemon_thread() -> None:
    threads = []

    def items() -> Iterator[int]:
        for number in range(3):
            threads.append(threading.current_thread())
            yield number

    assert list(one_ahead(items())) == [0, 1, 2]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


def test_sources_of_a_line_take_turns() -> None:
    schedule: Schedule[str, int] = Schedule()
    for key, end in (("a", 3), ("b", 1), ("c", 2)):
        schedule.add(key, iter(range(end)), line="one limit")
    came = [(a.key, *a.items) for a in schedule.arrivals() if a]
    assert came == [
        *(("a", 0), ("b", 0), ("c", 0)),
        *(("a", 1), ("b",), ("c", 1)),
        *(("a", 2), ("c",)),
        ("a",),
    ]


def test_a_line_fetches_one_item_ahead_however_many_sources_it_has() -> None:
    sources = [Source(), Source(), Source()]
    schedule: Schedule[int, int] = Schedule()
    for key, source in enumerate(sources):
        schedule.add(key, source.items(), line="one limit")
    with contextlib.closing(schedule.arrivals()) as arrivals:
        next(arrivals)
        assert sources[1].wait_for(1)
        time.sleep(0.05)
        assert [source.made for source in sources] == [1, 1, 0]


def test_lines_do_not_wait_for_each_other() -> None:
    """Each item waits for the other one, which comes only if both are fetched at once."""
    barrier = threading.Barrier(4)

    def item() -> Iterator[int]:
        barrier.wait(SECONDS)
        yield 1

    schedule: Schedule[int, int] = Schedule()
    schedule.add(0, item(), line="a")
    schedule.add(1, item(), line="b")
    for key in (2, 3, 4):
        schedule.add(key, iter([1]) if key == 4 else item(), line="pool", threads=2)
    came = [a for a in schedule.arrivals() if a]
    assert sum(bool(a.items) for a in came) == 5
    assert not any(a.error for a in came)


def test_an_error_ends_only_its_own_source() -> None:
    schedule: Schedule[str, int] = Schedule()
    schedule.add("bad", Source(end=1, error=OSError("gone")).items(), line="one limit")
    schedule.add("good", iter(range(3)), line="one limit")
    came = [
        (a.key, *a.items, *([str(a.error)] if a.error else [])) for a in schedule.arrivals() if a
    ]
    assert came == [
        *(("bad", 0), ("good", 0), ("bad", "gone")),
        *(("good", 1), ("good", 2), ("good",)),
    ]


def test_items_that_have_arrived_are_yielded_after_a_stop() -> None:
    sources = [Source(), Source()]
    schedule: Schedule[int, int] = Schedule()
    for key, source in enumerate(sources):
        schedule.add(key, source.items(), line=str(key))
    came = []
    for arrival in schedule.arrivals():
        assert arrival
        came.append(arrival.key)
        if len(came) == 1:
            # Wait for this source's next item and the other's first one. Nothing else shows that.
            while schedule._arrived.qsize() < 2:  # noqa: SLF001 - see above
                time.sleep(0.001)
            schedule.stop()
    first = came[0]
    assert sorted(came) == sorted([first, first, 1 - first])
    assert [source.made for source in sources] == [came.count(0), came.count(1)]


def test_items_are_fetched_one_at_a_time_until_lines_may_run_at_once() -> None:
    sources = {
        "ends at once": Source(end=0),
        "is refused": Source(end=0, error=OSError("refused")),
        "is served": Source(end=3),
        "other line": Source(end=3),
    }
    may_run_concurrently = False
    schedule: Schedule[str, int] = Schedule()
    for key, source in sources.items():
        schedule.add(key, source.items(), line=key if key == "other line" else "pool", threads=2)
    arrivals = schedule.arrivals(may_run_concurrently=lambda: may_run_concurrently)
    for key in ("ends at once", "is refused", "is served", "is served"):
        arrival = next(arrivals)
        assert arrival
        assert arrival.key == key
        time.sleep(0.02)
        assert sources["other line"].made == 0
    may_run_concurrently = True
    came = [arrival.key for arrival in arrivals if arrival]
    assert came.count("is served") == 2
    assert came.count("other line") == 4


def test_other_lines_start_without_waiting_for_the_next_item() -> None:
    """One item can take minutes, for example a page whose records each have a list."""
    others_are_fetched = threading.Event()

    def long() -> Iterator[int]:
        assert others_are_fetched.wait(SECONDS)
        yield 1

    def others() -> Iterator[int]:
        others_are_fetched.set()
        yield 2

    schedule: Schedule[str, int] = Schedule()
    schedule.add("long", long(), line="a")
    schedule.add("others", others(), line="b")
    waits = iter([False, False])
    arrivals = schedule.arrivals(0.01, lambda: next(waits, True))
    came = {(arrival.key, *arrival.items) for arrival in arrivals if arrival and arrival.items}
    assert came == {("long", 1), ("others", 2)}


def test_lines_that_never_run_at_once_come_to_their_end() -> None:
    schedule: Schedule[str, int] = Schedule()
    for key in "abc":
        schedule.add(key, iter(range(2)), line=key)
    came = [a.key for a in schedule.arrivals(may_run_concurrently=lambda: False) if a]
    assert came == [*"aaabbbccc"]


def test_the_consumer_is_woken_while_it_waits() -> None:
    asked = threading.Event()

    def late() -> Iterator[int]:
        asked.wait(SECONDS)
        yield 1

    schedule: Schedule[None, int] = Schedule()
    schedule.add(None, late(), line="a")
    with contextlib.closing(schedule.arrivals(0.01)) as arrivals:
        assert [next(arrivals), next(arrivals)] == [None, None]
        asked.set()
        assert any(arrivals)


def test_a_dropped_source_yields_no_more_items() -> None:
    schedule: Schedule[str, int] = Schedule()
    dropped, other = Source(end=50), Source(end=50)
    schedule.add("dropped", dropped.items(), line="")
    schedule.add("other", other.items(), line="")
    came: list[str] = []
    for arrival in schedule.arrivals():
        assert arrival
        came.append(arrival.key)
        if came.count("dropped") == 3:
            schedule.drop("dropped")
    assert came.count("dropped") == 3
    assert other.made == 50
    assert dropped.made <= 4
