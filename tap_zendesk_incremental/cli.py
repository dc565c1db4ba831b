"""The console script: starts the command, and lets an interrupt during the start be none."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the tap; see `command.run`."""
    try:
        # Importing takes half a second, in which the tap's own signal handlers are not set yet.
        from tap_zendesk_incremental.command import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
