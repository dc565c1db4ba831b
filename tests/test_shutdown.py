"""What a signal may end, and what not even a second one ends."""

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
def test_only_what_must_be_finished_outlasts_a_second_signal(
    printed: bytes,
    has_answer: bool,  # noqa: FBT001
) -> None:
    ended = run([sys.executable, "-c", SCRIPT, str(has_answer)])
    assert ended.exit_code == 128 + signal.SIGTERM, ended.stderr
    assert ended.stdout == printed
    assert not ended.stderr
