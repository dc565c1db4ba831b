"""Signals: what they interrupt, and what finishes even after a second one."""

from __future__ import annotations

import signal
import sys

import pytest

from .running import run

SCRIPT = """
import os, signal, sys
from tap_zendesk_incremental import shutdown
signal.signal(signal.SIGTERM, lambda number, _: shutdown.end(number))
with shutdown.held_off(for_answer=sys.argv[1] == "True") as answered:
    answered()
    for number in range(3):
        print(number, end=" ", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
print("went on", flush=True)
"""


@pytest.mark.parametrize(("has_answer", "printed"), [(True, b"0 1 2 ")])
def test_a_token_answer_is_handled_to_its_end_despite_more_signals(
    printed: bytes,
    has_answer: bool,  # noqa: FBT001
) -> None:
    ended = run([sys.executable, "-c", SCRIPT, str(has_answer)])
    assert ended.exit_code == 128 + signal.SIGTERM, ended.stderr
    assert ended.stdout == printed
    assert not ended.stderr


STORM = """
import signal, threading, time
from tap_zendesk_incremental import shutdown

def handle(number, _):
    try:
        shutdown.end(number)
    except SystemExit:
        pass

def storm(thread):
    while True:
        signal.pthread_kill(thread, signal.SIGTERM)
        time.sleep(0.00005)

signal.signal(signal.SIGTERM, handle)
threading.Thread(target=storm, args=(threading.get_ident(),), daemon=True).start()
end = time.monotonic() + 1
while time.monotonic() < end:
    with shutdown.held_off(for_answer=True) as answered:
        answered()
print("went on", flush=True)
"""


def test_a_signal_during_the_handling_of_another_does_not_block() -> None:
    ended = run([sys.executable, "-c", STORM])
    assert ended.stdout == b"went on\n", ended.stderr


LATE = """
import atexit, os, signal
from tap_zendesk_incremental import shutdown
signal.signal(signal.SIGTERM, lambda number, _: shutdown.end(number))
atexit.register(os.kill, os.getpid(), signal.SIGTERM)
shutdown.settle()
"""


def test_a_signal_while_the_process_exits_leaves_no_traceback() -> None:
    ended = run([sys.executable, "-c", LATE])
    assert ended.exit_code == -signal.SIGTERM
    assert not ended.stderr
