"""Formats the figures and their goals as tables."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from benchmarks.figures import NOISE, Goal
from benchmarks.suite import BARE, DECODED, PASSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from benchmarks.figures import Speed

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

MEANING = {
    "one ahead": "The next page is fetched while one is written; a server that answers at once",
    "collecting": "Messages are collected, not flushed one by one",
}
"""What each step of the tap does."""


def machine() -> str:
    """Describe the machine, and how busy it was."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    cores = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{python}, {cores}; load average {os.getloadavg()[0]:.1f} before it began."


def speed_table(resource: str, speeds: Mapping[str, Speed]) -> str:
    """Show how fast each variant exports records.

    Args:
        resource: The exported resource.
        speeds: The speeds by variant.
    """
    return _table(
        (resource, "records/s", "of bare loop", "CPU s per million", "CPU growth", "peak MB"),
        (
            (
                name,
                f"{its.records_per_second:,.0f}",
                f"{its.share_of(speeds[BARE]):.2f}",
                f"{its.cpu_seconds_per_million:.1f}",
                f"{its.cpu_growth:.2f}",
                f"{its.peak_mb:.0f}",
            )
            for name in (BARE, PASSED, DECODED)
            for its in [speeds[name]]
        ),
    )


def step_table(speeds: Mapping[str, Speed]) -> str:
    """Show what each step of the tap gains.

    Args:
        speeds: The speeds by variant. A variant named after a step runs without it.
    """
    tap = speeds[PASSED]
    rows = [("Records pass as bytes, not decoded", speeds[DECODED])]
    rows += [(meaning, speeds[step]) for step, meaning in MEANING.items() if step in speeds]
    return _table(
        ("step, measured with ÷ without", "records/s", "CPU per record"),
        (
            (
                meaning,
                f"{tap.share_of(without):.2f}",
                f"{tap.cpu_seconds_per_million / without.cpu_seconds_per_million:.2f}",
            )
            for meaning, without in rows
        ),
    )


def pipelining_table(figures: Iterable[tuple[float, float, float]]) -> str:
    """Show how well waits overlap.

    Args:
        figures: The seconds a page of the server and of the reader, and the share; see `suite`.
    """
    return _table(
        ("server, s a page", "reader, s a page", "time ÷ the slower alone"),
        ((f"{latency:.2f}", f"{pace:.2f}", f"{share:.2f}") for latency, pace, share in figures),
    )


def goal_table(goals: Iterable[Goal]) -> str:
    """Show which goals are reached and which are missed."""
    rows = ((goal.what, f"{goal.value:.2f}", goal.wanted, goal.verdict) for goal in goals)
    return _table(("goal", "measured", "wanted", ""), rows)


def noise_note() -> str:
    """Explain when a goal counts as missed."""
    return (
        f"A goal counts as missed only if it is off by more than {NOISE:.0%}, "
        "because runs differ by that much."
    )


def keep(report: str, readme: Path) -> None:
    """Write the report between the marks of a file.

    Args:
        report: Markdown.
        readme: The file with the marks.
    """
    head, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    readme.write_text(f"{head}{BEGIN}\n{report}\n{END}{tail}", encoding="utf-8")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [list(head), *map(list, rows)]
    cells.insert(1, ["---"] + ["---:"] * (len(cells[0]) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
