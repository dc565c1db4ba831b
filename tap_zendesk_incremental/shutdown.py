"""Ends the process on a signal, but never in the middle of work that must not be cut short."""

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
"""Shells add this to the signal's number, too: 143 for SIGTERM, 130 for SIGINT, 129 for SIGHUP."""

_POLL_SECONDS = 0.02

MAX_ANSWER_WAIT_SECONDS = 5
"""How long a signal waits for an answer. Container runtimes kill after ten seconds."""

_busy: dict[object, bool] = {}
"""The blocks that hold signals off. True if not even a second signal may end one."""

_awaiting_answer: set[object] = set()
"""The blocks among them whose answer has not arrived."""

_pending: list[int] = []
"""The signals that have been held off."""

_ending = threading.Event()
_resent: list[bool] = []
"""Not empty if the tap itself sends the next signal. An event would not do: it has a lock, and a
signal handler must not wait for one."""


@contextlib.contextmanager
def held_off(*, for_answer: bool = False) -> Iterator[Callable[[], None]]:
    """Hold signals off until the end of a block that would do harm if it were cut short.

    Args:
        for_answer: Whether the block begins with a wait for an answer. A signal ends that wait
            after `MAX_ANSWER_WAIT_SECONDS`. Once the answer has arrived, nothing ends the block,
            not even a second signal.

    Yields:
        A function to call when the answer has arrived.

    Raises:
        SystemExit: If the process is about to end, and this is not the main thread.
    """
    token = object()
    if for_answer:
        _awaiting_answer.add(token)
    _busy[token] = for_answer

    def answered() -> None:
        _awaiting_answer.discard(token)
        _busy[token] = True  # again, in case the wait was given up just before

    try:
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main and (_pending or _ending.is_set()):
            raise SystemExit(SIGNAL_EXIT_CODE + next(iter(_pending), 0))
        yield answered
    finally:
        _awaiting_answer.discard(token)
        if _busy.pop(token, None) is not None and _pending and not _busy:
            # Signal handlers run in the main thread, which may be anywhere.
            _resent.append(True)
            signal.pthread_kill(threading.main_thread().ident or 0, _pending[0])


def end(signum: int) -> None:
    """Handle a signal.

    Args:
        signum: The signal's number.

    Raises:
        SystemExit: With the exit code of the signal, unless it is held off.
    """
    is_resent = bool(_resent)
    _resent.clear()
    if not _busy:
        raise SystemExit(SIGNAL_EXIT_CODE + signum)
    if is_resent:
        return  # a block that has begun since then sends it again at its end
    if _pending and not any(_busy.values()):
        # The second signal: the target does not read, and Python would wait for it at exit, too.
        os._exit(SIGNAL_EXIT_CODE + signum)
    _pending.append(signum)
    if _awaiting_answer and len(_pending) == 1:  # a timer needs no thread and no lock
        signal.signal(signal.SIGALRM, _stop_awaiting)
        signal.setitimer(signal.ITIMER_REAL, MAX_ANSWER_WAIT_SECONDS)


def _stop_awaiting(signum: int, frame: FrameType | None) -> None:
    """Stop waiting for answers that did not arrive in time."""
    del signum, frame
    given_up = [token for token in list(_awaiting_answer) if _busy.pop(token, None)]
    if given_up and not _busy:
        raise SystemExit(SIGNAL_EXIT_CODE + _pending[0])


def settle() -> None:
    """Wait until no other thread is in a block that must not be cut short, and let none begin one.

    The tap's threads are daemons, which end with the main thread wherever they are.
    """
    _ending.set()
    try:
        while any(_busy.values()):
            time.sleep(_POLL_SECONDS)  # instead of a lock, which could block a signal handler
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)  # too late for `end` to raise SystemExit
