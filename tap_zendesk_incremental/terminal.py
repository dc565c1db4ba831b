"""A live table of a run, for whoever watches it in a terminal and has installed rich."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.live import Live

COLUMNS = ("stream", "records", "pages", "where it is")


class Display:
    """A table that stays where it is, below the lines of the log."""

    def __init__(self, live: Live) -> None:
        """Show it, and have the log written above it.

        Args:
            live: Draws it on standard error.
        """
        self._live = live
        self._handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
        ]
        live.start()
        live.console.show_cursor(show=True)  # a process that is killed could not show it again
        self._lead_log_to_standard_error()

    def show(self, rows: Iterable[Sequence[str]], caption: str) -> None:
        """Draw the table anew.

        Args:
            rows: A stream each, a text for each of `COLUMNS`.
            caption: What is said of the whole run.
        """
        from rich.table import Table  # noqa: PLC0415 (see `display`)
        from rich.text import Text  # noqa: PLC0415 (see `display`)

        table = Table(*COLUMNS, box=None, caption=caption, caption_justify="left")
        for column in table.columns[1:3]:
            column.justify = "right"
        for row in rows:
            table.add_row(*map(Text, row))
        self._live.update(table, refresh=True)

    def close(self) -> None:
        """Take the table away; what is logged from now on goes where it went before."""
        self._live.stop()
        self._lead_log_to_standard_error()

    def _lead_log_to_standard_error(self) -> None:
        """Have the log follow `sys.stderr`, which rich replaces while a table is shown."""
        for handler in self._handlers:
            handler.setStream(sys.stderr)


def display() -> Display | None:
    """Give a live display where there is somebody to see it, and rich to draw it.

    Not if messages go to the same terminal, and not to a file, a pipe or a terminal without cursor.
    rich is imported here alone: a run without a terminal does not pay for it.
    """
    # Python has None for what was closed before it started.
    if not (sys.stderr and sys.stderr.isatty()) or (sys.stdout and sys.stdout.isatty()):
        return None
    with contextlib.suppress(ImportError):
        from rich.console import Console  # noqa: PLC0415 (rich is an extra)
        from rich.live import Live  # noqa: PLC0415 (rich is an extra)

        console = Console(stderr=True)
        if console.is_terminal and not console.is_dumb_terminal:
            return Display(
                Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
            )
    return None
