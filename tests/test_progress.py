"""A run reports its progress, not too often, and a summary at its end."""

from __future__ import annotations

import contextlib
import logging
import os
import pty
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.http.client import Account, Client
from tap_zendesk_incremental.pagination import Page
from tap_zendesk_incremental.progress import Progress, StreamProgress
from tap_zendesk_incremental.state import epoch

from .running import TIMEOUT_SECONDS, command_for, config_for, environment, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .simulator import Simulator

START = epoch("2024-01-01T00:00:00Z")
DAY = 86_400


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        """Start at an arbitrary second."""
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def of_stream(
    clock: Clock, name: str = "tickets", requests: int = 0, waited_seconds: float = 0
) -> StreamProgress:
    """Return the progress of a stream that exports ten days."""
    client = Client(Account({}), "", logging.getLogger())
    client.requests, client.waited_seconds = requests, waited_seconds
    return StreamProgress(name, client, clock, START + 10 * DAY)


def page(*seconds: int | None) -> Page[bytes]:
    """Make a page of records with these seconds as positions."""
    keys = [(n, second) for n, second in enumerate(seconds)]
    return Page(params={}, records=[b""] * len(seconds), keys=keys)


@pytest.fixture(autouse=True)
def _level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def progress_of(clock: Clock, *streams: StreamProgress) -> Progress:
    """Return the progress of a run, whose messages go to caplog."""
    return Progress(streams, logging.getLogger(), clock)


def test_at_most_one_line_in_ten_seconds(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    said_at = []
    progress = progress_of(clock, of_stream(clock))
    for _ in range(100):
        clock.seconds += 0.75
        before = len(caplog.messages)
        progress.report()
        if len(caplog.messages) > before:
            said_at.append(clock.seconds)
    assert len(said_at) == 7
    assert all(b - a >= 10 for a, b in pairwise(said_at))


def test_progress_lines(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    streams = [of_stream(clock, name) for name in ("a", "b", "c", "d", "e", "tickets", "users")]
    *others, tickets, users = streams
    progress = progress_of(clock, *streams)
    with contextlib.ExitStack() as both:
        both.enter_context(tickets.running(START + 10 * DAY))
        both.enter_context(users.running(START + 10 * DAY))
        with contextlib.ExitStack() as running:
            for stream in others:
                running.enter_context(stream.running())
            tickets.page(page(START + DAY, START, None), 1000)
            tickets.page(page(START + 2 * DAY, START + 3 * DAY), 998)
            tickets.client.requests, users.client.requests = 2, 1
            clock.seconds += 10
            users.client.waits_until = clock.seconds + 20
            progress.report()
        tickets.page(page(), 0)  # an empty page does not move the position back
        tickets.client.requests = 6
        clock.seconds += 50
        progress.report()
    clock.seconds += 10
    progress.report()
    position = "tickets (up to 2024-01-04T00:00:00Z; 30% of the period"
    running_then = [line.partition("; running: ") for line in caplog.messages]
    assert [(before, after) for before, _, after in running_then] == [
        (
            "0 of 7 streams exported; 1,998 records; 18 requests a minute",
            f"{position}), users (waits 20 s more), a, b and 3 more",
        ),
        (
            "5 of 7 streams exported; 1,998 records; 5 requests a minute",
            f"{position}; about 2 min left), users",
        ),
        ("7 of 7 streams exported; 1,998 records; 0 requests a minute", ""),
    ]


@pytest.mark.parametrize(
    ("seconds", "details"),
    [
        ([], []),
        ([None], []),
        ([START + 10 * DAY], ["up to 2024-01-11T00:00:00Z", "0% of the period"]),
        ([START, START + 11 * DAY], ["up to 2024-01-12T00:00:00Z", "100% of the period"]),
    ],
)
def test_unusual_pages(clock: Clock, seconds: list[int | None], details: list[str]) -> None:
    stream = of_stream(clock)
    stream.page(page(*seconds), len(seconds))
    clock.seconds += 1000
    assert stream.details == details


@pytest.mark.parametrize(
    ("days", "took_seconds", "left"),
    [
        (5, 59, None),
        (5, 60, "60 s"),
        (9, 900, "2 min"),
        (1, 3600, "9 h"),
        (0.01, 600, "7 days"),
        (0, 600, None),
        (10, 600, None),
    ],
)
def test_the_time_left_is_shown_after_a_minute(
    clock: Clock, days: float, took_seconds: float, left: str | None
) -> None:
    stream = of_stream(clock)
    stream.page(page(START), 1)
    clock.seconds += took_seconds
    stream.page(page(START + int(days * DAY)), 1)
    told = [detail for detail in stream.details if detail.endswith(" left")]
    assert told == ([f"about {left} left"] if left else [])


def test_the_summary(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    tickets = of_stream(clock, requests=12, waited_seconds=61.7)
    users, sideload, unasked = (of_stream(clock, name) for name in ("users", "slas", "brands"))
    progress = progress_of(clock, tickets, users, sideload, unasked)
    users.client.requests = 1
    tickets.page(page(START), 1200)
    sideload.page(page(START), 30)
    clock.seconds += 9
    progress.finish()
    progress_of(clock, users, unasked).finish()
    progress_of(clock, unasked).finish()
    assert caplog.messages == [
        "stream         records  pages  requests  seconds waited",
        "tickets          1,200      1        12              62",
        "users                0      0         1               0",
        "slas                30      1         0               0",
        "all, in 9.0 s    1,230      2        13",
        "stream  records  pages  requests  seconds waited",
        "users         0      0         1               0",
    ]


def test_a_run_counts_what_it_writes(zendesk: Simulator, tmp_path: Path) -> None:
    """A page that is requested again counts as one page and two requests."""
    zendesk.faults.add("status", code=503, path="/api/v2/incremental/users", after=1)
    run = run_tap(tmp_path, config_for(zendesk, per_page=10), catalog=select("users"))
    said = re.findall(r"users +([\d,]+) +(\d+) +(\d+) +(\d+)$", run.stderr, re.MULTILINE)
    assert len(said) == 1
    records, pages, requests, _ = (int(number.replace(",", "")) for number in said[0])
    assert records == len(run.records["users"])
    sent = [request for request in zendesk.requests if "/incremental/users" in request.path]
    assert requests == len(sent) == pages + 1


def test_sideloads_and_batch_files_are_counted_too(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = select("users", "user_identities")
    files = {"encoding": {"format": "jsonl"}, "storage": {"root": (tmp_path / "b").as_uri()}}
    for settings in ({}, {"batch_config": files}):
        run = run_tap(tmp_path, config_for(zendesk, per_page=10, **settings), catalog=catalog)
        said = dict(re.findall(r"(user\w+) +([\d,]+) +\d+ +\d+ +\d+$", run.stderr, re.MULTILINE))
        assert said == {
            "users": str(len(zendesk.store.records["users"])),
            "user_identities": str(len(run.records["user_identities"])),
        }
        assert run.records["user_identities"]


def test_a_failed_run_ends_with_a_summary_too(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.faults.add("status", code=403, path="incremental/users", after=1)
    run = run_tap(tmp_path, config_for(zendesk, per_page=10), catalog=select("users", "groups"))
    assert run.exit_code == 1
    assert re.search(r"users +10 +1 +2 +0$", run.stderr, re.MULTILINE)
    assert run.stderr.index("seconds waited") < run.stderr.rindex("users: HTTP 403")


def run_in_terminal(
    zendesk: Simulator, folder: Path, streams: Sequence[str], **variables: str
) -> tuple[int, str, bytes]:
    """Run the tap with a terminal as standard error.

    Returns:
        The exit code, what the terminal received, and standard output.
    """
    command = command_for(folder, config=config_for(zendesk, per_page=5), catalog=select(*streams))
    ours, theirs = pty.openpty()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=theirs, env=environment(**{"TERM": "xterm", **variables})
        )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    return process.wait(TIMEOUT_SECONDS), shown.decode(), (folder / "output").read_bytes()


STREAMS_SHOWN = ("tickets", "users", "groups")


def test_a_terminal_shows_a_table_until_the_end(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.page_delay = 0.1
    code, shown, output = run_in_terminal(zendesk, tmp_path, STREAMS_SHOWN)
    assert code == 0
    assert "\x1b[" in shown
    assert b"\x1b" not in output
    assert re.search(r"of 3 streams exported; \d+ records; \d+ requests a minute", shown)
    assert re.search(r"tickets +\d+ +\d+ +up to ", shown)
    assert "running:" not in shown
    end = shown[shown.rindex("seconds waited") :]
    assert "where it is" not in end
    assert re.search(r"all, in [\d.]+ s +\d+", end)
    assert shown.rindex("\x1b[?25h") > shown.rfind("\x1b[?25l")  # the cursor is visible again


def test_an_error_is_complete_below_the_table(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.page_delay = 0.1
    zendesk.faults.add("status", code=403, path="incremental/users", after=4)
    code, shown, _ = run_in_terminal(zendesk, tmp_path, STREAMS_SHOWN)
    assert code == 1
    assert "where it is" in shown
    assert "users: HTTP 403" in shown.rstrip().splitlines()[-1]


def test_a_terminal_without_a_cursor_gets_lines(zendesk: Simulator, tmp_path: Path) -> None:
    code, shown, _ = run_in_terminal(zendesk, tmp_path, STREAMS_SHOWN, TERM="dumb")
    assert code == 0
    assert "\x1b" not in shown
    assert "seconds waited" in shown


def test_a_log_file_contains_no_table(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.page_delay = 0.1
    run = run_tap(tmp_path, config_for(zendesk, per_page=5), catalog=select(*STREAMS_SHOWN))
    assert "\x1b" not in run.stderr
    assert "where it is" not in run.stderr
