"""Ends the process, but never in the middle of what must not be torn."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNAL_EXIT_CODE = 128
"""Added to the signal's number, as shells do: 143 for SIGTERM, 130 for SIGINT."""

_POLL_SECONDS = 0.02

MAX_ANSWER_WAIT_SECONDS = 5
"""How long a signal waits for an answer; container runtimes kill after ten seconds."""

_busy: dict[object, bool] = {}
_awaiting: set[object] = set()
_waiting: list[int] = []
_ending = threading.Event()
_sent_again: list[bool] = []
"""Not empty if the next signal is our own; an event has a lock, which no handler may wait for."""


@contextlib.contextmanager
def held_off(*, for_answer: bool = False) -> Iterator[Callable[[], None]]:
    """Let a signal wait while something is done that a half of would do harm.

    Args:
        for_answer: Whether it begins with an answer that is waited for. A signal ends the wait for
            the answer after `MAX_ANSWER_WAIT_SECONDS`. Once the answer is there, nothing ends the
            block, not even a second signal.

    Yields:
        What to call when the answer is there.

    Raises:
        SystemExit: In another thread than the main one, if the process is about to end.
    """
    token = object()
    if for_answer:
        _awaiting.add(token)
    _busy[token] = for_answer

    def answered() -> None:
        _awaiting.discard(token)
        _busy[token] = True  # once more, if it came just too late

    try:
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main and (_waiting or _ending.is_set()):
            raise SystemExit(SIGNAL_EXIT_CODE + next(iter(_waiting), 0))
        yield answered
    finally:
        _awaiting.discard(token)
        if _busy.pop(token, None) is not None and _waiting and not _busy:
            # Handlers run in the main thread, wherever this one is.
            _sent_again.append(True)
            signal.pthread_kill(threading.main_thread().ident or 0, _waiting[0])


def end(signum: int) -> None:
    """Handle a signal.

    Args:
        signum: The signal's number.

    Raises:
        SystemExit: With the exit code of the signal, unless it has to wait.
    """
    own = bool(_sent_again)
    _sent_again.clear()
    if not _busy:
        raise SystemExit(SIGNAL_EXIT_CODE + signum)
    if own:
        return  # whatever has begun since then sends it again
    if _waiting and not any(_busy.values()):
        # Asked twice: the target does not read, and Python would wait for it once more at exit.
        os._exit(SIGNAL_EXIT_CODE + signum)
    _waiting.append(signum)
    if _awaiting and len(_waiting) == 1:  # a timer needs no thread and no lock
        signal.signal(signal.SIGALRM, _stop_awaiting)
        signal.setitimer(signal.ITIMER_REAL, MAX_ANSWER_WAIT_SECONDS)


def _stop_awaiting(signum: int, frame: FrameType | None) -> None:
    """Give up an answer that did not come in time."""
    del signum, frame
    given_up = [token for token in list(_awaiting) if _busy.pop(token, None)]
    if given_up and not _busy:
        raise SystemExit(SIGNAL_EXIT_CODE + _waiting[0])


def settle() -> None:
    """Wait until no other thread is at what must not be torn, and let none begin it.

    The threads of the tap are daemons: they end with the main thread, wherever they are.
    """
    _ending.set()
    try:
        while any(_busy.values()):
            time.sleep(_POLL_SECONDS)  # no lock to wait for: a signal's handler could not take it
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # an exception of ours would come too late
