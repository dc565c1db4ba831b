"""One page ahead: the next page is fetched while the last one is being written."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

T = TypeVar("T")

_NEXT = "next"


def one_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items, each next one being made in a background thread meanwhile.

    Never more than one is made ahead. An error surfaces only after the items before it were
    taken and dealt with, and nothing more is made once the consumer has stopped. The thread is
    a daemon, so that a process that is told to end does not wait for an answer.

    Args:
        items: What to yield; it runs in the background thread only.
    """
    wanted: SimpleQueue[str | None] = SimpleQueue()
    made: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            while wanted.get():
                made.put(([next(items)], None))
        except BaseException as error:  # noqa: BLE001 (the consumer raises it)
            made.put(([], error))

    Thread(target=work, name="one-page-ahead", daemon=True).start()
    wanted.put(_NEXT)
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            wanted.put(_NEXT)
            yield from item
    finally:
        wanted.put(None)
