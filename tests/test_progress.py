"""A long export says how far it is, not too often, and what it was at its end."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.pagination import Page
from tap_zendesk_incremental.progress import Progress
from tap_zendesk_incremental.state import epoch

from .running import config_for, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

START = epoch("2024-01-01T00:00:00Z")
DAY = 86_400


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Start it anywhere."""
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def progress(clock: Clock, caplog: pytest.LogCaptureFixture) -> Progress:
    """The progress of an export of ten days; what it says is in caplog."""
    caplog.set_level(logging.INFO)
    return Progress("tickets", logging.getLogger(), START + 10 * DAY, clock)


def page(*seconds: int | None) -> Page[bytes]:
    """Make a page whose records are exported under these seconds."""
    keys = [(n, second) for n, second in enumerate(seconds)]
    return Page(params={}, records=[b""] * len(seconds), keys=keys)


def test_one_line_in_ten_seconds(
    progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    said_at = []
    for _ in range(100):
        clock.seconds += 0.75
        before = len(caplog.messages)
        progress.page(page(START), 1, None)
        if len(caplog.messages) > before:
            said_at.append(clock.seconds)
    assert len(said_at) == 7
    assert min(b - a for a, b in zip([1000.0, *said_at], said_at, strict=False)) >= 10


def test_what_it_says(progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    progress.page(page(START + DAY, START, None), 1000, 9)
    clock.seconds += 10
    progress.page(page(START + 2 * DAY, START + 3 * DAY), 998, 8)
    clock.seconds += 10
    progress.page(page(), 0, None)  # an empty page is no step back
    assert caplog.messages == [
        f"tickets: 1,998 records on {pages} pages up to 2024-01-04T00:00:00Z, "
        f"30% of the period{left}"
        for pages, left in ((2, "; 8 requests left this minute"), (3, ""))
    ]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        ([], "0 records on 1 page"),
        ([None], "1 record on 1 page"),
        ([START + 10 * DAY], "1 record on 1 page up to 2024-01-11T00:00:00Z, 0% of the period"),
        (
            [START, START + 11 * DAY],
            "2 records on 1 page up to 2024-01-12T00:00:00Z, 100% of the period",
        ),
    ],
)
def test_odd_pages(
    progress: Progress,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    seconds: list[int | None],
    says: str,
) -> None:
    clock.seconds += 10
    progress.page(page(*seconds), len(seconds), None)
    assert caplog.messages == [f"tickets: {says}"]


def test_the_end(progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    progress.page(page(START), 1, None)
    clock.seconds += 9
    progress.finish(1, 0.0)
    progress.finish(12, 7.25)
    assert caplog.messages == [
        "tickets: exported 1 record on 1 page with 1 request in 9.0 s",
        "tickets: exported 1 record on 1 page with 12 requests in 9.0 s, 7.2 s of them waits",
    ]


def test_a_run_counts_what_it_writes(zendesk: Simulator, tmp_path: Path) -> None:
    """The page that is asked for again is one page, and its requests two."""
    zendesk.faults.add("status", code=503, path="/api/v2/incremental/users", after=1)
    run = run_tap(tmp_path, config_for(zendesk, per_page=10), catalog=select("users"))
    said = re.findall(
        r"users: exported ([\d,]+) records on (\d+) pages with (\d+) requests", run.stderr
    )
    assert len(said) == 1
    records, pages, requests = (int(number.replace(",", "")) for number in said[0])
    assert records == len(run.records["users"])
    sent = [request for request in zendesk.requests if "/incremental/users" in request.path]
    assert requests == len(sent) == pages + 1
