"""Ends the process because of a signal, but never in the middle of what must not be torn."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNAL_EXIT_CODE = 128
"""Added to the signal's number, as shells do: 143 for SIGTERM, 130 for SIGINT."""

_busy: set[object] = set()
_waiting: list[int] = []


@contextlib.contextmanager
def held_off() -> Iterator[None]:
    """Let a signal wait while something is written that a half of would do harm."""
    token = object()
    _busy.add(token)
    try:
        yield
    finally:
        _busy.discard(token)
        if _waiting and not _busy:
            # Handlers run in the main thread, wherever this one is.
            signal.pthread_kill(threading.main_thread().ident or 0, _waiting[0])


def check() -> None:
    """Stop what takes long while it holds a signal off.

    Raises:
        SystemExit: If a signal waits.
    """
    if _waiting:
        raise SystemExit(SIGNAL_EXIT_CODE + _waiting[0])


def end(signum: int) -> None:
    """Handle a signal.

    Args:
        signum: The signal's number.

    Raises:
        SystemExit: With the exit code of the signal, unless it has to wait.
    """
    if _busy:
        _waiting.append(signum)
    else:
        raise SystemExit(SIGNAL_EXIT_CODE + signum)
