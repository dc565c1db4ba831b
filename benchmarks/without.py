"""Runs the tap with one of its steps left out, to see what the step buys.

`python -m benchmarks.without collecting --config … --catalog …`
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

from tap_zendesk_incremental import cli, schedule
from tap_zendesk_incremental.records import writer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

STEPS: dict[str, AbstractContextManager[object]] = {
    "one ahead": patch.object(schedule, "one_ahead", iter),
    "collecting": patch.object(writer, "MAX_COLLECTED_BYTES", 0),
}
"""What is there instead of each step."""

if __name__ == "__main__":
    with STEPS[sys.argv.pop(1)]:
        cli.main()
