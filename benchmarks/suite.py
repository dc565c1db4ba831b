"""The measurements: speed, time to the first record, and how well waits overlap."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.commands import RECORD, Commands
from benchmarks.figures import PER_PAGE, Runs, Speed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BARE, PASSED, DECODED = "bare loop", "tap, records pass as bytes", "tap, records decoded"

PAGES = {"tickets": 62, "ticket_events": 152}
"""The lengths of the exports. A ticket takes about 3 kB, a ticket event a quarter of that."""

STEPS = ("one ahead", "collecting")
"""The steps that `benchmarks.without` can leave out."""

PACES = ((1.0, 1.0), (1.0, 0.5), (0.5, 1.0))
"""Seconds a page of the server and of the reader. Zendesk takes seconds to make a page."""

PACED_PAGES = 9


def speeds(directory: Path, resource: str, rounds: int, *, steps: bool) -> dict[str, Speed]:
    """Measure the bare loop and the tap, with records as bytes and with decoded records.

    They take turns, so that other load on the machine affects all of them.

    Args:
        directory: The folder for the tap's settings.
        resource: The resource to export.
        rounds: How often each of them runs.
        steps: Whether the tap also runs without each of its steps.

    Raises:
        measure.BenchmarkError: One of them did not write every record.
    """
    pages, commands = PAGES[resource], Commands(directory, resource)
    variants: dict[str, Callable[[str], list[str]]] = {
        BARE: commands.bare_loop,
        PASSED: commands.tap,
        DECODED: partial(commands.tap, decoded=True),
        **{step: partial(commands.tap, without=step) for step in STEPS if steps},
    }
    runs = {name: Runs() for name in variants}
    with measure.serving(resource, 1) as one_page, measure.serving(resource, pages) as all_pages:
        for _ in range(rounds):
            for name, command in variants.items():
                runs[name].first.append(measure.whole(command(one_page)))
                runs[name].all.append(measure.whole(command(all_pages)))
                if name in STEPS:
                    continue
                marker = b"{" if name == BARE else RECORD
                counts = [page * PER_PAGE for page in (1, 1 + pages // 10, pages - 1, pages)]
                runs[name].cpu.append(measure.cpu_at(command(all_pages), marker, counts))
    return {name: its.speed(pages) for name, its in runs.items()}


def first_record(directory: Path, rounds: int) -> tuple[float, float]:
    """Measure how soon the tap writes the first record.

    Args:
        directory: The folder for the tap's settings.
        rounds: How often to measure.

    Returns:
        The median seconds of the tap, and of a process that imports the SDK, gets the same page
        and does nothing with it.
    """
    commands = Commands(directory, "tickets")
    with measure.serving("tickets", 1) as url:
        tap, least = commands.tap(url), commands.sdk_and_one_request(url)
        measured = [
            (measure.until(tap, RECORD), measure.until(least, b"done")) for _ in range(rounds)
        ]
    return median(its for its, _ in measured), median(its for _, its in measured)


def pipelining(
    directory: Path, *, without: str | None = None
) -> Iterator[tuple[float, float, float]]:
    """Measure how well the waits for a slow server and for a slow reader overlap.

    Args:
        directory: The folder for the tap's settings.
        without: A step of the tap to leave out.

    Yields:
        The seconds a page of the server and of the reader, and the time of the run as a share of
        the time that the slower of the two takes alone.
    """
    commands = Commands(directory, "tickets")
    with measure.serving("tickets", 1) as url:
        _, page_bytes = measure.written(commands.tap(url), RECORD)
    for latency, pace in PACES:
        with measure.serving("tickets", PACED_PAGES, latency) as url:
            command = commands.tap(url, without=without)
            seconds = measure.paced(command, page_bytes, pace)
        yield latency, pace, seconds / ((PACED_PAGES - 1) * max(latency, pace))
