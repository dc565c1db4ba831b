"""The tap with its waits shortened: `python -m tests.shortened_waits <arguments of the tap>`.

Tries are minutes apart. Tests of many tries shorten the waits, and nothing else: what waits and
for how long it says so in its log stay as they are. Pacing needs real time and is tested without.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING
from unittest import mock

import tap_zendesk_incremental.command  # noqa: F401 (the rest of it, for whoever forks)
from tap_zendesk_incremental import cli

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARE = 0.0005
"""What is left of a wait: a minute takes 30 ms."""

MEMORY_BYTES = 256 << 20
"""What a forked run may take, stacks of threads included; beyond that it fails."""

_sleep = time.sleep


def main(share: float = SHARE) -> None:
    """Run the tap with shortened waits; it ends the process, as always.

    Args:
        share: What is left of a wait.
    """
    with mock.patch("time.sleep", lambda seconds: _sleep(seconds * share)):
        cli.main()


def become(
    command: list[str],
    environment: Mapping[str, str],
    output: str,
    errors: str,
    share: float | None,
) -> None:
    """Turn this process, which was forked with everything imported already, into the tap.

    Args:
        command: The command line.
        environment: All environment variables.
        output: The file that takes standard output.
        errors: The file that takes standard error.
        share: What is left of a wait; None runs the installed command as it is.
    """
    for stream, path in ((sys.stdout, output), (sys.stderr, errors)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, stream.fileno())
        os.close(file)
    if share is None:
        os.execve(command[0], command, environment)  # noqa: S606 (a program of our own)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = list(command)
    main(share)


if __name__ == "__main__":
    main()
