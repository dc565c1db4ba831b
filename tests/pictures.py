"""Draws the picture in the README, `docs/way-of-a-record.svg`: `python -m tests.pictures`."""

from __future__ import annotations

from pathlib import Path

PICTURE = Path(__file__).parent.parent / "docs/way-of-a-record.svg"
WIDTH, HEIGHT = 760, 236
BOX_WIDTH, BOX_HEIGHT = 120, 64
TITLE = "Zendesk gives the tap a page, the tap writes its records and then the state"
STYLE = """
text { font: 13px sans-serif; fill: #1f2328; text-anchor: middle }
.name { font-weight: bold }
.box { fill: #ddf4ff; stroke: #0969da }
.kept { fill: #fff8c5; stroke: #9a6700 }
.arrow { fill: none; stroke: #57606a; stroke-width: 1.5; marker-end: url(#head) }
#head path { fill: #57606a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .box { fill: #0c2d6b }
  .kept { fill: #4b2900 }
  .arrow { stroke: #9198a1 }
  #head path { fill: #9198a1 }
}"""

BOXES = (
    ("Zendesk", "", 8, 24, "box"),
    ("tap", "", 216, 24, "box"),
    ("loader", "", 424, 24, "box"),
    ("warehouse", "", 632, 24, "box"),
    ("state", "the next page's token", 288, 152, "kept"),
)
"""Name, second line, left edge, top edge and kind of each box."""

ARROWS = (
    ("M128,56 L212,56", "1 a page", 170, 48),
    ("M336,44 L420,44", "2 records", 378, 36),
    ("M336,70 L420,70", "3 state", 378, 88),
    ("M544,56 L628,56", "rows", 586, 48),
    ("M484,88 L484,184 L460,184", "4 once they are stored", 566, 150),
    ("M288,184 L276,184 L276,92", "5 the next run starts here", 184, 150),
)
"""Path, label and the label's position of each arrow."""

STATE_WIDTH = 168


def drawn() -> str:
    """Return the picture as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{TITLE}</title>",
        f"<style>{STYLE}\n</style>",
        (
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0,0 L8,4 L0,8 Z"/></marker>'
        ),
    ]
    for name, content, left, top, kind in BOXES:
        width = STATE_WIDTH if content else BOX_WIDTH
        middle = left + width / 2
        lines += [
            (
                f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{BOX_HEIGHT}"'
                ' rx="8"/>'
            ),
            f'<text class="name" x="{middle:g}" y="{top + (28 if content else 37)}">{name}</text>',
        ]
        if content:
            lines.append(f'<text x="{middle:g}" y="{top + 48}">{content}</text>')
    for path, what, x, y in ARROWS:
        lines += [f'<path class="arrow" d="{path}"/>', f'<text x="{x}" y="{y}">{what}</text>']
    return "\n".join((*lines, "</svg>\n"))


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
