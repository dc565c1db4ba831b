"""The tap with its waits shortened: `python -m tests.shortened_waits <arguments of the tap>`.

Retries are minutes apart. Tests with many retries shorten each wait, and nothing else: the tap
waits as often as always, and logs the full times. Tests of pacing need real time, so they do not
use this.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING
from unittest import mock

import tap_zendesk_incremental.command  # noqa: F401 (imports the rest, before any fork)
from tap_zendesk_incremental import cli

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARE = 0.0005
"""The share that is left of a wait: a minute takes 30 ms."""

MEMORY_BYTES = 256 << 20
"""The most memory of a forked run, including the stacks of threads; with more, it fails."""

_sleep = time.sleep


def main(share: float = SHARE) -> None:
    """Run the tap with shortened waits. As always, the tap ends the process.

    Args:
        share: The share that is left of a wait.
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
    """Turn this process into the tap. It was forked from one that has imported everything.

    Args:
        command: The command line.
        environment: All environment variables.
        output: The file for standard output.
        errors: The file for standard error.
        share: The share that is left of a wait; None runs the installed command unchanged.
    """
    for stream, path in ((sys.stdout, output), (sys.stderr, errors)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, stream.fileno())
        os.close(file)
    if share is None:
        os.execve(command[0], command, environment)  # noqa: S606 (our own program)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = list(command)
    main(share)


if __name__ == "__main__":
    main()
