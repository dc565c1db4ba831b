"""The console script: starts the command, and ends quietly on an interrupt during the start."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the tap; see `command.run`."""
    try:
        # The import takes half a second, and the tap's own signal handlers are not set up yet.
        from tap_zendesk_incremental.command import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
