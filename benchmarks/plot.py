"""Draws a first export and the account's limit: `python -m benchmarks.plot`.

It takes five minutes because of the limit, and writes `docs/first-export.svg`.
"""

from __future__ import annotations

import argparse
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.limits import FORMS, export

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURE = Path(__file__).parent.parent / "docs/first-export.svg"
WIDTH, HEIGHT = 640, 300
LEFT, TOP, RIGHT, BOTTOM = 64, 16, 620, 260
"""The positions of the axes."""

LEGEND = "dashed: records that the limit allows; line: records that the tap has exported"

STYLE = """
text { font: 12px sans-serif; fill: #57606a }
.axis { fill: none; stroke: #8c959f; stroke-width: 1 }
.grid { stroke: #8c959f; stroke-opacity: .25; stroke-width: 1 }
.limit { fill: #0969da; fill-opacity: .12; stroke: #0969da; stroke-dasharray: 5 4 }
.tap { fill: none; stroke: #bc4c00; stroke-width: 2.5; stroke-linejoin: round }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 }
  .limit { stroke: #4493f8; fill: #4493f8 }
  .tap { stroke: #f0883e }
}"""


def drawn(pages: Sequence[tuple[float, int]], limit: int, window: float) -> str:
    """Draw an export as SVG.

    Args:
        pages: The time of each page, in seconds after the first, and its number of records.
        limit: How many pages a window allows.
        window: The length of a window in seconds.
    """
    most = max(records for _, records in pages)
    windows = -(-len(pages) // limit)
    total = windows * limit * most

    def point(window_number: float, records: float) -> str:
        x = LEFT + (RIGHT - LEFT) * window_number / windows
        return f"{x:.1f},{BOTTOM - (BOTTOM - TOP) * records / total:.1f}"

    allowed = [
        point(one, before * limit * most)
        for number in range(windows)
        for one, before in ((number, number), (number, number + 1), (number + 1, number + 1))
    ]
    sums = list(accumulate(records for _, records in pages))
    came = [
        point(second / window, count)
        for (second, _), before, count in zip(pages, [0, *sums], sums, strict=False)
        for count in (before, count)
    ]
    counts = range(0, total + 1, limit * most)
    grid = [f'<path class="grid" d="M{point(0, n)} L{point(windows, n)}"/>' for n in counts]
    labels = [
        f'<text x="{LEFT - 8}" y="{point(0, n).partition(",")[2]}" dy="4"'
        f' text-anchor="end">{n:,}</text>'
        for n in counts
    ]
    ticks = [
        f'<text x="{point(n, 0).partition(",")[0]}" y="{BOTTOM + 18}"'
        f' text-anchor="middle">{n * window / 60:g} min</text>'
        for n in range(windows + 1)
    ]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>Records of a first export, minute by minute, beside the limit</title>",
            f"<style>{STYLE}\n</style>",
            *grid,
            *labels,
            *ticks,
            f'<path class="limit" d="M{" L".join(allowed)} L{point(windows, 0)} Z"/>',
            f'<path class="tap" d="M{" L".join(came)}"/>',
            f'<path class="axis" d="M{point(0, total)} L{point(0, 0)} L{point(windows, 0)}"/>',
            f'<text x="{RIGHT - 12}" y="{BOTTOM - 12}" text-anchor="end">{LEGEND}</text>',
            "</svg>\n",
        )
    )


def main() -> None:
    """Export, and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot", description=__doc__)
    parser.add_argument("--window", type=float, default=60.0, help="seconds; Zendesk has 60")
    parser.add_argument("--file", type=Path, default=PICTURE)
    options = parser.parse_args()
    requests = [request for request in export("cursor", options.window) if request.records]
    pages = [(request.time - requests[0].time, request.records) for request in requests]
    options.file.write_text(drawn(pages, FORMS["cursor"].limit, options.window), encoding="utf-8")


if __name__ == "__main__":
    main()
