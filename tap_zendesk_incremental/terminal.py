"""Draws a live table of the run, if it is watched in a terminal and rich is installed."""

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
    """A table that stays in place, below the lines of the log."""

    def __init__(self, live: Live) -> None:
        """Start to draw the table, with the log above it.

        Args:
            live: Draws the table on standard error.
        """
        self._live = live
        self._handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
        ]
        live.start()
        live.console.show_cursor(show=True)  # a process that is killed would leave it hidden
        self._point_log_at_stderr()

    def show(self, rows: Iterable[Sequence[str]], caption: str) -> None:
        """Update the table.

        Args:
            rows: A row for each stream, with a text for each of `COLUMNS`.
            caption: A line about the whole run.
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
        """Remove the table, and let the log go where it went before."""
        self._live.stop()
        self._point_log_at_stderr()

    def _point_log_at_stderr(self) -> None:
        """Send the log to the current `sys.stderr`, which rich replaces while it shows a table."""
        for handler in self._handlers:
            handler.setStream(sys.stderr)


def display() -> Display | None:
    """Return a live display if standard error is a terminal and rich is installed, or None.

    There is no display if the Singer messages go to a terminal as well, or if the terminal cannot
    move its cursor. rich is imported only here, so that a run without a terminal need not load it.
    """
    # A stream that was closed before Python started is None.
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
