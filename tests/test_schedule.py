"""One page ahead: never more than one, never past the end, errors after what came before them."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.schedule import one_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 20


class Source:
    """Makes numbers, and notes how many."""

    def __init__(self, end: int | None = None, error: Exception | None = None) -> None:
        """Ends with an error, or just ends, after so many."""
        self.end = end
        self.error = error
        self.made = 0
        self.changed = threading.Condition()

    def items(self) -> Iterator[int]:
        """The numbers."""
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
        """Waits until so many were made; gives whether that happened."""
        with self.changed:
            return self.changed.wait_for(lambda: self.made >= made, SECONDS)


def test_order_and_end() -> None:
    assert list(one_ahead(Source(end=50).items())) == list(range(50))
    assert list(one_ahead(Source(end=0).items())) == []


def test_the_next_is_made_meanwhile_and_only_the_next() -> None:
    source = Source()
    ahead = one_ahead(source.items())
    for number in range(5):
        assert next(ahead) == number
        assert source.wait_for(number + 2)
        assert source.made == number + 2
    ahead.close()


def test_nothing_is_made_after_the_consumer_stopped() -> None:
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


def test_making_happens_in_one_daemon_thread() -> None:
    threads = []

    def items() -> Iterator[int]:
        for number in range(3):
            threads.append(threading.current_thread())
            yield number

    assert list(one_ahead(items())) == [0, 1, 2]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon
