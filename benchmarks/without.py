"""Runs the tap without one of its steps, to see what the step gains.

`python -m benchmarks.without collecting --config … --catalog …`
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

from tap_zendesk_incremental import cli, sync
from tap_zendesk_incremental.records import writer
from tap_zendesk_incremental.schedule import Arrival

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Any


class OneAfterTheOther:
    """Reads each source to its end before the next one, and fetches nothing ahead."""

    def __init__(self) -> None:
        """Start without sources."""
        self._sources: list[tuple[Any, Iterator[Any]]] = []

    def add(self, key: object, items: Iterator[object], *_: object) -> None:
        """Add a source; see `Schedule`."""
        self._sources.append((key, items))

    def arrivals(self, *_: object, **__: object) -> Iterator[Arrival[Any, Any]]:
        """Fetch; see `Schedule`."""
        for key, items in self._sources:
            for item in items:
                yield Arrival(key, (item,))
            yield Arrival(key)


STEPS: dict[str, AbstractContextManager[object]] = {
    "one ahead": patch.object(sync, "Schedule", OneAfterTheOther),
    "collecting": patch.object(writer, "MAX_COLLECTED_BYTES", 0),
}
"""The patch that removes each step."""

if __name__ == "__main__":
    with STEPS[sys.argv.pop(1)]:
        cli.main()
