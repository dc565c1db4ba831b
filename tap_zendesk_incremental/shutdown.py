"""Ends the process, but never in the middle of what must not be torn."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNAL_EXIT_CODE = 128
"""Added to the signal's number, as shells do: 143 for SIGTERM, 130 for SIGINT."""

_POLL_SECONDS = 0.02

_busy: dict[object, bool] = {}
_waiting: list[int] = []
_ending = threading.Event()
_sent_again = threading.Event()


@contextlib.contextmanager
def held_off(*, to_the_end: bool = False) -> Iterator[None]:
    """Let a signal wait while something is written that a half of would do harm.

    Args:
        to_the_end: Whether nothing ends it, not even a second signal.

    Raises:
        SystemExit: In another thread than the main one, if the process is about to end.
    """
    token = object()
    _busy[token] = to_the_end
    try:
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main and (_waiting or _ending.is_set()):
            raise SystemExit(SIGNAL_EXIT_CODE + next(iter(_waiting), 0))
        yield
    finally:
        del _busy[token]
        if _waiting and not _busy:
            # Handlers run in the main thread, wherever this one is.
            _sent_again.set()
            signal.pthread_kill(threading.main_thread().ident or 0, _waiting[0])


def end(signum: int) -> None:
    """Handle a signal.

    Args:
        signum: The signal's number.

    Raises:
        SystemExit: With the exit code of the signal, unless it has to wait.
    """
    own = _sent_again.is_set()
    _sent_again.clear()
    if not _busy:
        raise SystemExit(SIGNAL_EXIT_CODE + signum)
    if own:
        return  # whatever has begun since then sends it again
    if _waiting and not any(_busy.values()):
        # Asked twice: the target does not read, and Python would wait for it once more at exit.
        os._exit(SIGNAL_EXIT_CODE + signum)
    _waiting.append(signum)


def settle() -> None:
    """Wait until no other thread is at what must not be torn, and let none begin it.

    The threads of the tap are daemons: they end with the main thread, wherever they are.
    """
    _ending.set()
    while any(_busy.values()):
        time.sleep(_POLL_SECONDS)  # no lock to wait for: a signal's handler could not take it
