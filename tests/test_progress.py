"""A long run says how far it is, not too often, and what it was at its end."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.http.client import Client
from tap_zendesk_incremental.pagination import Page
from tap_zendesk_incremental.progress import Progress, StreamProgress
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
    """The progress of a run; what it says is in caplog."""
    caplog.set_level(logging.INFO)
    return Progress(logging.getLogger(), clock)


def of_stream(
    name: str = "tickets", requests: int = 0, waited_seconds: float = 0
) -> StreamProgress:
    """Give the progress of an export of ten days."""
    client = Client({}, logging.getLogger())
    client.requests, client.waited_seconds = requests, waited_seconds
    return StreamProgress(name, client, START + 10 * DAY)


def page(*seconds: int | None) -> Page[bytes]:
    """Make a page whose records are exported under these seconds."""
    keys = [(n, second) for n, second in enumerate(seconds)]
    return Page(params={}, records=[b""] * len(seconds), keys=keys)


def test_one_line_in_ten_seconds(
    progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    said_at = []
    stream = of_stream()
    for _ in range(100):
        clock.seconds += 0.75
        before = len(caplog.messages)
        progress.say([stream], [stream])
        if len(caplog.messages) > before:
            said_at.append(clock.seconds)
    assert len(said_at) == 7
    assert min(b - a for a, b in zip([1000.0, *said_at], said_at, strict=False)) >= 10


def test_what_it_says(progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    streams = [of_stream(name) for name in ("tickets", "users", "a", "b", "c", "d", "e")]
    tickets, users, *_ = streams
    tickets.page(page(START + DAY, START, None), 1000)
    tickets.page(page(START + 2 * DAY, START + 3 * DAY), 998)
    tickets.client.requests, users.client.requests = 2, 1
    users.client.waits_until = clock.seconds + 30
    clock.seconds += 10
    progress.say(streams, streams)
    tickets.page(page(), 0)  # an empty page is no step back
    tickets.client.requests = 6
    clock.seconds += 20
    progress.say(streams[:2], streams)
    position = "tickets (up to 2024-01-04T00:00:00Z, 30% of the period)"
    running = [line.partition("; running: ") for line in caplog.messages]
    assert [(before, after) for before, _, after in running] == [
        (
            "0 of 7 streams exported; 1,998 records; 18 requests a minute",
            f"{position}, users (waits 20 s more), a, b and 3 more",
        ),
        (
            "5 of 7 streams exported; 1,998 records; 12 requests a minute",
            f"{position}, users",
        ),
    ]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        ([], "tickets"),
        ([None], "tickets"),
        ([START + 10 * DAY], "tickets (up to 2024-01-11T00:00:00Z, 0% of the period)"),
        (
            [START, START + 11 * DAY],
            "tickets (up to 2024-01-12T00:00:00Z, 100% of the period)",
        ),
    ],
)
def test_odd_pages(seconds: list[int | None], says: str) -> None:
    stream = of_stream()
    stream.page(page(*seconds), len(seconds))
    assert stream.position(0.0) == says


def test_the_end(progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    tickets, users = of_stream(requests=12, waited_seconds=61.7), of_stream("users", requests=1)
    tickets.page(page(START), 1200)
    clock.seconds += 9
    progress.finish([tickets, users])
    progress.finish([users])
    assert caplog.messages == [
        "stream         records  pages  requests  seconds waited",
        "tickets          1,200      1        12              62",
        "users                0      0         1               0",
        "all, in 9.0 s    1,200      1        13",
        "stream  records  pages  requests  seconds waited",
        "users         0      0         1               0",
    ]


def test_a_run_counts_what_it_writes(zendesk: Simulator, tmp_path: Path) -> None:
    """The page that is asked for again is one page, and its requests two."""
    zendesk.faults.add("status", code=503, path="/api/v2/incremental/users", after=1)
    run = run_tap(tmp_path, config_for(zendesk, per_page=10), catalog=select("users"))
    said = re.findall(r"users +([\d,]+) +(\d+) +(\d+) +(\d+)$", run.stderr, re.MULTILINE)
    assert len(said) == 1
    records, pages, requests, _ = (int(number.replace(",", "")) for number in said[0])
    assert records == len(run.records["users"])
    sent = [request for request in zendesk.requests if "/incremental/users" in request.path]
    assert requests == len(sent) == pages + 1
