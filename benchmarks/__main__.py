"""`python -m benchmarks` compares the tap with a bare loop; `--write` saves the tables.

The exit code is 1 if a goal is missed by more than the noise.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.figures import Goal
from benchmarks.suite import BARE, DECODED, PAGES, PASSED, first_record, pipelining, speeds

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).with_name("README.md")


def measure_all(directory: Path, rounds: int, goals: list[Goal], *, steps: bool) -> Iterator[str]:
    """Measure everything.

    Args:
        directory: The folder for settings.
        rounds: How often every variant runs.
        goals: Receives the goals with the measured values.
        steps: Whether to measure what each step of the tap gains.

    Yields:
        Markdown, table by table.
    """
    yield report.machine()
    for resource in PAGES:
        its = speeds(directory, resource, rounds, steps=steps and resource == "tickets")
        yield report.speed_table(resource, its)
        if len(its) > len((BARE, PASSED, DECODED)):
            yield report.step_table(its)
        for name, bound in ((PASSED, 1.5), (DECODED, 0.6)):
            share = its[name].share_of(its[BARE])
            goals.append(Goal(f"{resource}: {name}, of bare loop", share, bound, at_least=True))
            goals.append(Goal(f"{resource}: {name}, peak MB", its[name].peak_mb, 120))
            goals.append(Goal(f"{resource}: {name}, CPU growth", its[name].cpu_growth, 1.05))

    overlaps = list(pipelining(directory))
    yield report.pipelining_table(overlaps)
    goals.append(Goal("time of a slow server and reader", max(its[2] for its in overlaps), 1.10))
    if steps:
        yield "The same without fetching a page ahead:"
        yield report.pipelining_table(pipelining(directory, without="one ahead"))

    tap, least = first_record(directory, 2 * rounds + 1)
    yield f"First record after {tap:.2f} s; the SDK's import and one request take {least:.2f} s."
    goals.append(Goal("first record, of import and one request", tap / least, 1.3))
    yield report.goal_table(goals)
    yield report.noise_note()


def main() -> int:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure the tap.")
    parser.add_argument("--rounds", type=int, default=5, help="how often every variant runs")
    parser.add_argument("--steps", action="store_true", help="also leave out each step in turn")
    parser.add_argument("--write", action="store_true", help=f"save the tables in {README.name}")
    options = parser.parse_args()
    # An installed tap has its bytecode, and no pipeline runs Python unbuffered.
    for variable in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        os.environ.pop(variable, None)
    goals: list[Goal] = []
    parts = []
    with tempfile.TemporaryDirectory() as directory:
        for part in measure_all(Path(directory), options.rounds, goals, steps=options.steps):
            print(part, end="\n\n", flush=True)
            parts.append(part)
    if options.write:
        report.keep("\n\n".join(parts), README)
    return int(any(goal.verdict == "missed" for goal in goals))


if __name__ == "__main__":
    sys.exit(main())
