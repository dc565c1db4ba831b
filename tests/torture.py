"""Kills and faults by the hundred: `python -m tests.torture`.

Prints a line for each promise, and fails if one of them is broken.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .processes import FastTap, check_complete, trimmed
from .running import STREAMS, TIMEOUT_SECONDS
from .simulator import Simulator
from .simulator.credentials import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from .running import Json, Run
    from .simulator import Request

    Keys = set[tuple[str, Any]]

PER_PAGE = 10
TOKENS = ("cursor", "start_time")
CURSOR_STREAMS = {"tickets", "users"}
FETCHED_AGAIN_AT_MOST = 4
"""Of each of two limits the page that a run was in when it was killed, and the one it had fetched
ahead."""

FAULTS: dict[str, dict[str, Any]] = {
    **{
        f"HTTP {code}": {"kind": "status", "code": code}
        for code in (408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
    },
    "connection reset": {"kind": "reset"},
    "no answer": {"kind": "hang", "seconds": 1.5},
    "slow body": {"kind": "slow_body", "seconds": 1.6, "pieces": 8},
    "body that drips": {"kind": "drip", "seconds": 0.3},
    "headers that drip": {"kind": "drip", "seconds": 0.3, "headers": True},
    "a record that is null": {"kind": "raw", "index": 0},
    "body cut short": {"kind": "cut"},
    "half a JSON": {"kind": "not_json"},
    "HTML": {"kind": "html"},
    "empty body": {"kind": "empty"},
    "no records": {"kind": "no_records"},
    "token expired": {"kind": "status", "code": 401},
}

FASTER = 0.8
"""How far moments to kill move forward when a run is over before them."""


class Ordeal:
    """Runs that are killed and started again with the last complete STATE.

    Attributes:
        kills: How many runs were killed.
        rounds: How many times an export came to its end in spite of them.
        lost: Records that never came out, or not as they are.
        foreign: Records that came out and are not there.
        fetched_again: Pages fetched by a run and by the one after it, of all kills.
        fetched_again_at_most: The most of them after one kill.
        written_again_at_most: The most pages after one kill whose records came twice.
    """

    def __init__(self, tap: FastTap, seed: int) -> None:
        """Run to the end, to know what there is and how long it takes.

        Args:
            tap: The tap; it is slowed down by the account, to be hit in the middle.
            seed: For the moments.
        """
        self.kills = self.rounds = self.lost = self.foreign = 0
        self.fetched_again = self.fetched_again_at_most = self.written_again_at_most = 0
        self._tap = tap
        self._zendesk = tap.zendesk
        self._chance = random.Random(seed)
        tap.run(per_page=PER_PAGE)  # the first run has more to load
        self._zendesk.settings.page_delay = 0.01
        began = time.monotonic()
        with tap.started(per_page=PER_PAGE) as process:
            tap.wait_for(process, b"SCHEMA")
            self._start_seconds = time.monotonic() - began
            process.join()
        self._seconds = time.monotonic() - began
        self._final = (tap.ended(process).state or {})["bookmarks"]
        self._delivered: dict[str, dict[Any, Json]] = {stream: {} for stream in STREAMS}

    def kill(self, times: int) -> None:
        """Kill so many runs, and let the last one come to its end.

        Args:
            times: How many kills there shall be at least.
        """
        state: Json | None = None
        before: tuple[list[Request], Keys] = [], set()
        while self.kills < times or state is not None:
            done = self._finished(state)
            run = self._run(state, to_the_end=self.kills >= times)
            after = list(self._zendesk.requests), self._take(run)
            if after[0]:  # or it was killed before it asked for anything
                self._compare(before, after, done)
                before = after
            state = run.state or state
            if run.exit_code == 0:
                self.rounds += 1
                self._settle()
                state, before = None, ([], set())

    def _run(self, state: Json | None, *, to_the_end: bool) -> Run:
        self._zendesk.clear()
        first = self._start_seconds * 0.8
        moment = None if to_the_end else self._chance.uniform(first, self._seconds)
        with self._tap.started(per_page=PER_PAGE, state=state) as process:
            process.join(moment)
        run = self._tap.ended(process)
        self.kills += run.exit_code == -signal.SIGKILL
        if moment is not None and state is None and run.exit_code == 0:
            # A whole run was faster than the one that was timed: the machine was busy then.
            self._start_seconds *= FASTER
            self._seconds *= FASTER
        if run.exit_code > 0:
            sys.exit(f"The tap failed by itself: {run.stderr}")
        return run

    def _finished(self, state: Json | None) -> set[str]:
        """Give the streams that have nothing more to fetch, but ask whether that is still so."""
        bookmarks = (state or {}).get("bookmarks", {})
        return {stream for stream in STREAMS if bookmarks.get(stream) == self._final[stream]}

    def _take(self, run: Run) -> Keys:
        for stream, records in run.records.items():
            self._delivered[stream] |= {record["id"]: record for record in records}
        return {(stream, r["id"]) for stream, records in run.records.items() for r in records}

    def _compare(
        self, before: tuple[list[Request], Keys], after: tuple[list[Request], Keys], done: set[str]
    ) -> None:
        """Count what a restart did again; asking a finished stream for news is not among it."""
        pages = [{_page(request, done) for request in asked} for asked, _ in (before, after)]
        again = len(pages[0] & pages[1] - {None})
        self.fetched_again += again
        self.fetched_again_at_most = max(again, self.fetched_again_at_most)
        # Pages of time exports share a second, whose records come again in any case.
        twice = sum(stream in CURSOR_STREAMS - done for stream, _ in before[1] & after[1])
        self.written_again_at_most = max(self.written_again_at_most, -(-twice // PER_PAGE))

    def _settle(self) -> None:
        """Hold what a round delivered against what there is."""
        for stream, delivered in self._delivered.items():
            there = self._zendesk.store.records[stream]
            self.lost += sum(delivered.get(key) != trimmed(there[key]) for key in there)
            self.foreign += len(delivered.keys() - there.keys())
            delivered.clear()


def _page(request: Request, done: set[str]) -> tuple[str, str] | None:
    path = request.path
    if any(f"/{stream}" in path for stream in done) or request.method == "POST":
        return None
    return path, "".join(request.params.get(name, "") for name in TOKENS)


def survive_faults(tap: FastTap) -> Counter[str]:
    """Let every kind of fault hit every stream of an export, and count those survived.

    Args:
        tap: The tap, with shortened waits, or this takes hours.
    """
    zendesk = tap.zendesk
    login: Json = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    survived: Counter[str] = Counter()
    for name, fault in FAULTS.items():
        for method in ("cursor", "time"):
            zendesk.clear()
            for stream in STREAMS:
                zendesk.faults.add(path=f"incremental/{stream}", after=1, **fault)
            with tap.started(
                per_page=PER_PAGE, export_method=method, request_timeout=1, **login
            ) as process:
                process.join(TIMEOUT_SECONDS)
            run = tap.ended(process)
            try:
                check_complete([run], zendesk, *STREAMS, once=True)
            except AssertionError:
                continue
            survived[name] += len(zendesk.faults.met) if run.exit_code == 0 else 0
    zendesk.clear()
    return survived


def pace(tap: FastTap) -> int:
    """Export at ten requests a window, with faults in between, and count the 429s.

    Args:
        tap: The tap with its real waits.
    """
    zendesk = tap.zendesk
    zendesk.settings.limit, zendesk.settings.window = 10, 1.0
    for last_of_window in range(9, 60, 10):
        zendesk.faults.add("cut", after=last_of_window)
    tap.run(per_page=PER_PAGE)
    zendesk.settings.limit = None
    return sum(request.status == HTTPStatus.TOO_MANY_REQUESTS for request in zendesk.requests)


def main() -> None:
    """Run everything, print the figures, and fail if one of them is off."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="(200)")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="for the moments")
    options = parser.parse_args()
    sys.stdout.write(f"Seed {options.seed}\n")
    sys.stdout.flush()
    size = {"tickets": 300, "ticket_events": 300, "users": 200, "organizations": 100}
    with Simulator(**size) as zendesk, tempfile.TemporaryDirectory() as folder:
        fast, plain = (
            FastTap(zendesk, Path(folder), *STREAMS, plain=plain) for plain in (False, True)
        )
        refused = pace(plain)
        survived = survive_faults(fast)
        ordeal = Ordeal(fast, options.seed)
        ordeal.kill(options.kills)
    secrets = len(fast.secrets) + len(plain.secrets)
    average = ordeal.fetched_again / ordeal.kills
    met = 2 * len(STREAMS)
    lines = [
        (f"kills survived: {ordeal.kills}, in {ordeal.rounds} exports", ordeal.rounds > 0),
        *(
            (f"faults survived, {name}: {survived[name]} of {met}", survived[name] == met)
            for name in FAULTS
        ),
        (f"records lost: {ordeal.lost}", ordeal.lost == 0),
        (f"records that were never there: {ordeal.foreign}", ordeal.foreign == 0),
        (
            f"pages fetched again per kill: {average:.2f}, at most {ordeal.fetched_again_at_most}",
            ordeal.fetched_again_at_most <= FETCHED_AGAIN_AT_MOST,
        ),
        (
            f"pages written again per kill: at most {ordeal.written_again_at_most}",
            ordeal.written_again_at_most <= 1,
        ),
        (f"secrets found: {secrets}", secrets == 0),
        (f"429s: {refused}", refused == 0),
    ]
    for line, is_good in lines:
        sys.stdout.write(f"{line}\n" if is_good else f"{line}  <-- FAILED\n")
    sys.exit(not all(is_good for _, is_good in lines))


if __name__ == "__main__":
    main()
