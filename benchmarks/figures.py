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
"""Two rounds of the same thing differ by about this much; a goal missed by less is not missed."""


@dataclass(frozen=True)
class Speed:
    """How fast records pass, without the start-up, and what that takes.

    Attributes:
        rounds: Records per second beyond the first page, round by round.
        cpu_seconds_per_million: CPU seconds for a million of such records.
        cpu_growth: CPU per record of a long export, as a share of that of one a tenth as long; nan
            if it was not measured.
        peak_mb: The most memory of any run.
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
        """Give the median, over the rounds, of this speed as a share of another's."""
        return median(mine / its for mine, its in zip(self.rounds, other.rounds, strict=True))


@dataclass
class Runs:
    """What one variant took, round by round.

    Attributes:
        first: To export a single page.
        all: To export all pages.
        cpu: CPU seconds at the end of the first page, and so many and ten times as many later.
    """

    first: list[Usage] = field(default_factory=list)
    all: list[Usage] = field(default_factory=list)
    cpu: list[list[float]] = field(default_factory=list)

    def speed(self, pages: int) -> Speed:
        """Make figures of them.

        Args:
            pages: How many are all.
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
        """Give the least of all rounds, because other load on the machine can only add to it."""
        return min((seconds[stage] - seconds[0] for seconds in self.cpu), default=nan)


@dataclass(frozen=True)
class Goal:
    """A figure and what it should be.

    Attributes:
        what: Its name.
        value: The figure.
        bound: What it should be.
        at_least: Whether more is better.
    """

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Say whether the goal is reached: `ok`, `missed`, or `missed by less than the noise`."""
        excess = self.bound / self.value if self.at_least else self.value / self.bound
        if excess <= 1:
            return "ok"
        return "missed" if excess > 1 + NOISE else "missed by less than the noise"

    @property
    def wanted(self) -> str:
        """The bound, as people write it."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"
