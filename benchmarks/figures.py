"""Turns measurements into figures: medians of rounds in which the variants take turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measure import Usage

PER_PAGE = 1000
NOISE = 0.05
"""Two rounds of the same thing differ by about this much. A goal may be missed by as much."""


@dataclass(frozen=True)
class Speed:
    """How fast records pass and what they cost, without the start-up.

    Attributes:
        rounds: Records per second after the first page, round by round.
        cpu_seconds_per_million: CPU seconds for a million records after the first page.
        cpu_growth: The CPU time per record of a long export, divided by that of an export a tenth
            as long; nan if it was not measured.
        peak_mb: The largest memory of any run.
    """

    rounds: Sequence[float]
    cpu_seconds_per_million: float
    cpu_growth: float
    peak_mb: float

    @property
    def records_per_second(self) -> float:
        """The median."""
        return median(self.rounds)

    def share_of(self, other: Speed) -> float:
        """Return this speed as a share of another one: the median over the rounds."""
        return median(mine / its for mine, its in zip(self.rounds, other.rounds, strict=True))


@dataclass
class Runs:
    """What the runs of one variant took, round by round.

    Attributes:
        first: The runs that exported a single page.
        all: The runs that exported all pages.
        cpu: CPU seconds after the first page, after some more pages, and after ten times as many.
    """

    first: list[Usage] = field(default_factory=list)
    all: list[Usage] = field(default_factory=list)
    cpu: list[list[float]] = field(default_factory=list)

    def speed(self, pages: int) -> Speed:
        """Return the figures of the runs.

        Args:
            pages: The number of all pages.
        """
        records = (pages - 1) * PER_PAGE
        pairs = list(zip(self.first, self.all, strict=True))
        return Speed(
            rounds=[records / (long.seconds - short.seconds) for short, long in pairs],
            cpu_seconds_per_million=1_000_000
            / records
            * median(long.cpu_seconds - short.cpu_seconds for short, long in pairs),
            cpu_growth=self._least_cpu(2) / 10 / self._least_cpu(1),
            peak_mb=max(usage.peak_mb for usage in self.first + self.all),
        )

    def _least_cpu(self, stage: int) -> float:
        """Return the smallest value of all rounds, because other load can only add CPU time."""
        return min((seconds[stage] - seconds[0] for seconds in self.cpu), default=nan)


@dataclass(frozen=True)
class Goal:
    """A figure with its goal.

    Attributes:
        what: The name of the figure.
        value: The figure.
        bound: The goal.
        at_least: Whether the figure should be at least the goal, not at most.
    """

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """The verdict: `ok`, `missed`, or `missed by less than the noise`."""
        excess = self.bound / self.value if self.at_least else self.value / self.bound
        if excess <= 1:
            return "ok"
        return "missed" if excess > 1 + NOISE else "missed by less than the noise"

    @property
    def wanted(self) -> str:
        """The goal as text."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"
