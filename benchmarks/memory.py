"""Whether the tap's memory depends on the size of an export: `python -m benchmarks.memory`.

The largest resident memory may differ by less than 10 % between 20,000 and 400,000 tickets, both
when records pass as bytes and when they are decoded.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.commands import Commands
from benchmarks.measure import serving, whole
from benchmarks.server import PER_PAGE

SIZES = (20_000, 400_000)
MOST = 1.10


def main() -> None:
    """Export both sizes, print the figures, and fail if they differ too much."""
    flat = True
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(Path(folder), "tickets")
        for decoded in (False, True):
            peaks = []
            for size in SIZES:
                with serving("tickets", size // PER_PAGE) as url:
                    peaks.append(whole(commands.tap(url, decoded=decoded)).peak_mb)
                name = "decoded" if decoded else "passed through"
                print(f"{size:>7,} tickets, {name}: {peaks[-1]:.1f} MB at most", flush=True)
            print(f"ratio: {peaks[1] / peaks[0]:.3f}")
            flat = flat and peaks[1] < peaks[0] * MOST
    sys.exit(not flat)


if __name__ == "__main__":
    main()
