"""Hundreds of kills and faults: `python -m tests.torture`.

Prints a line for each promise of the tap, and fails if one is broken.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .processes import FastTap, trimmed
from .running import STREAMS, TIMEOUT_SECONDS
from .simulator import Simulator
from .simulator.credentials import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .running import Json, Run
    from .simulator import Request

    Keys = set[tuple[str, Any]]

PER_PAGE = 10
SECOND = 1_695_052_663
TOKENS = ("cursor", "start_time", "start_id", "page[after]")
LISTED = ("tickets", "users", "organizations")
PATHS = {
    "satisfaction_ratings": "/satisfaction_ratings",
    "ticket_audits": "/ticket_audits",
    "talk_calls": "/incremental/calls",
    "side_conversation_events": "/side_conversations/events",
    "chats": "/chat/incremental/chats",
    "groups": "/groups",
    "sla_policies": "/slas/policies",
    "community_posts": "/community/posts.json",
    "community_post_comments": "/community/posts/.*/comments",
}
"""One stream of each other kind, and the path of its requests: a list with a filter by time and one
without, three exports by time that end in different ways, whole lists by cursor and in numbered
pages, and a list for each record of a parent."""

NOT_RENEWED = {"chats"}
"""Streams whose token cannot be renewed, so that they do not survive an expired token."""

STREAMS_OF = {"cursor": STREAMS, "time": STREAMS, "list": LISTED, "others": tuple(PATHS)}
"""The streams of each form of export, and all others. Where a stream has no cursor export, the form
"cursor" means its time export."""

MANY = (*STREAMS, *PATHS, "deleted_tickets", "routing_attributes")
"""Streams of every kind, with seven different limits or none."""

BY_CURSOR = {
    "cursor": {"tickets", "users"},
    "time": set[str](),
    "list": set(LISTED),
    "many": {"tickets", "users", "deleted_tickets", "chats"},
}
"""The streams whose pages do not overlap, by form."""

TURNS = {
    "cursor": {**dict.fromkeys(STREAMS, "exports"), "users": "users"},
    "time": dict.fromkeys(STREAMS, "exports"),
    "list": {stream: stream for stream in LISTED},
    "many": {
        **dict.fromkeys(STREAMS, "exports"),
        **{
            stream: stream
            for stream in (
                *("users", "deleted_tickets", "talk_calls", "chats"),
                *("satisfaction_ratings", "ticket_audits"),
            )
        },
    },
}
"""The line in which each stream takes turns, by form. Each line has a thread that fetches one page
ahead."""

FETCHED_AGAIN_AT_MOST = 2
"""For each line: the page that was being written when the run was killed, and the one ahead."""

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

HOSTILE: dict[str, dict[str, Any]] = {
    "pages that are capped": {"cap": 4},
    "a last page without end_time": {"last_end_time": "null"},
    "a last end_time in the future": {"last_end_time": "future"},
    "no end_of_stream": {"end_of_stream": False},
    "records without id": {"ids": False},
    "pages that are cut": {"extend_pages": False, "stuck_pages": "cut"},
    "pages that are cut and then filtered": {"extend_pages": False, "stuck_pages": "cut"},
    "pages that repeat": {"extend_pages": False},
}
"""Settings of accounts whose pages by time repeat without end, or skip records."""

CROWDED_SECONDS = [n // 25 * 7 for n in range(100)]
"""Many records share a second, and some pages hold a single second."""

HOSTILE_RUNS = 3

FASTER = 0.8
"""The factor that makes kills earlier when a run ends before its kill."""


class Ordeal:
    """Runs that are killed and started again with the last complete STATE.

    Attributes:
        kills: The number of runs that were killed.
        rounds: The number of exports that reached their end in spite of the kills.
        lost: The number of records that never came, or came with wrong content.
        foreign: The number of records that came but do not exist in the account.
        fetched_again: The pages that were fetched by a run and again by the next one, over all
            kills.
        fetched_again_at_most: The most pages that were fetched again after one kill, by line.
        fetched_again_too_often: The number of kills after which more pages were fetched again than
            one for each thread that fetches, and one that was being written.
        written_again_at_most: The most pages whose records came twice after one kill, of all
            streams together. It should be one, because one page is written at a time.
    """

    def __init__(self, tap: FastTap, seed: int, method: str = "cursor") -> None:
        """Run to the end once, to learn the final state and how long a run takes.

        Args:
            tap: The tap. The account slows it down, so that kills hit it in the middle.
            seed: The seed for the moments of kills.
            method: The form of the exports, or "many" for many kinds of streams at once.
        """
        self._method = method
        self._streams = STREAMS_OF.get(method, MANY)
        self._settings: dict[str, Any] = {"per_page": PER_PAGE, **form(method)}
        self.kills = self.rounds = self.lost = self.foreign = 0
        self.fetched_again = self.fetched_again_too_often = self.written_again_at_most = 0
        self.fetched_again_at_most: Counter[str] = Counter()
        self._tap = tap
        self._zendesk = tap.zendesk
        self._chance = random.Random(seed)
        tap.run(**self._settings)  # not timed, because a first run has more to import
        self._zendesk.settings.page_delay = 0.01
        began = time.monotonic()
        with tap.started(**self._settings) as process:
            tap.wait_for(process, b"SCHEMA")
            self._start_seconds = time.monotonic() - began
            process.join()
        self._seconds = time.monotonic() - began
        self._final = _places(tap.ended(process).state)
        self._delivered: dict[str, dict[Any, Json]] = {stream: {} for stream in self._streams}

    def kill(self, times: int) -> None:
        """Kill a number of runs, and let the last one finish.

        Args:
            times: The least number of kills.
        """
        state: Json | None = None
        before: tuple[list[Request], Keys] = [], set()
        while self.kills < times or state is not None:
            done = self._finished(state)
            run = self._run(state, to_the_end=self.kills >= times)
            after = list(self._zendesk.requests), self._take(run)
            if after[0]:  # unless it was killed before its first request
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
        with self._tap.started(state=state, **self._settings) as process:
            process.join(moment)
        run = self._tap.ended(process)
        self.kills += run.exit_code == -signal.SIGKILL
        if moment is not None and state is None and run.exit_code == 0:
            # This whole run was faster than the timed one, when the machine was busy.
            self._start_seconds *= FASTER
            self._seconds *= FASTER
        if run.exit_code > 0:
            sys.exit(f"The tap failed without a kill: {run.stderr}")
        return run

    def _finished(self, state: Json | None) -> set[str]:
        """Return the streams that are complete, and only look for new records in the next run."""
        places = _places(state)
        # Streams that are exported whole have no place, and start again in every run.
        return {s for s in self._streams if places.get(s, {}) == self._final.get(s, {})}

    def _take(self, run: Run) -> Keys:
        for stream, records in run.records.items():
            self._delivered[stream] |= {record["id"]: record for record in records}
        return {(stream, r["id"]) for stream, records in run.records.items() for r in records}

    def _compare(
        self, before: tuple[list[Request], Keys], after: tuple[list[Request], Keys], done: set[str]
    ) -> None:
        """Count what a restart did again, without the streams that only looked for new records."""
        turns = TURNS[self._method]
        running = turns.keys() - done
        pages = [set(_pages(asked, running)) for asked, _ in (before, after)]
        again = Counter(turns[stream] for stream, _ in pages[0] & pages[1])
        self.fetched_again += again.total()
        self.fetched_again_at_most |= again  # the larger number of each
        self.fetched_again_too_often += again.total() > len(set(turns.values())) + 1
        # Adjacent pages of time exports share a second, whose records always come twice.
        by_cursor = BY_CURSOR[self._method] - done
        twice = sum(stream in by_cursor for stream, _ in before[1] & after[1])
        self.written_again_at_most = max(self.written_again_at_most, -(-twice // PER_PAGE))

    def _settle(self) -> None:
        """Compare the records of a round with those of the account."""
        for stream, delivered in self._delivered.items():
            there = truth(self._zendesk, stream, self._method)
            self.lost += sum(seen(delivered.get(key)) != there[key] for key in there)
            self.foreign += len(delivered.keys() - there.keys())
            delivered.clear()


def form(method: str) -> Json:
    """Return the setting for a form of the core exports; other exports have only one form."""
    return {"export_method": method} if method in {"cursor", "time", "list"} else {}


def path_of(stream: str, method: str) -> str:
    """Return a regular expression that matches the path of a stream's requests."""
    if method == "others":
        return PATHS[stream]
    return f"v2/{stream}" if method == "list" else f"incremental/{stream}"


def truth(zendesk: Simulator, stream: str, method: str) -> dict[Any, Json | None]:
    """Return an account's records as a form of export shows them, by id."""
    # Audits of archived tickets are not listed.
    is_listed = method == "list" or stream == "ticket_audits"
    records = zendesk.api.shown(stream) if is_listed else zendesk.store.records[stream]
    return {key: seen(records[key]) for key in records}


def seen(record: Json | None) -> Json | None:
    """Return a record as every form shows it: lists of tickets have no `generated_timestamp`."""
    return record and {k: v for k, v in trimmed(record).items() if k != "generated_timestamp"}


def _places(state: Json | None) -> dict[str, Json]:
    """Return the places from which a state resumes, by stream."""
    bookmarks = (state or {}).get("bookmarks", {})
    return {
        stream: {key: value for key, value in bookmark.items() if key != "read_whole_at"}
        for stream, bookmark in bookmarks.items()
    }


def _pages(requests: Iterable[Request], streams: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the stream and the page token of each request for some streams."""
    for request in requests:
        for stream in streams:
            if re.search(PATHS.get(stream, f"/{stream}"), request.path):
                yield stream, "".join(request.params.get(name, "") for name in TOKENS)


def survive_faults(taps: Mapping[str, FastTap]) -> Counter[str]:
    """Let every kind of fault hit every stream, and count the faults that the tap survives.

    Args:
        taps: The tap for each form, with shortened waits, because this would take hours otherwise.
    """
    zendesk = next(iter(taps.values())).zendesk
    login: Json = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    survived: Counter[str] = Counter()
    for name, fault in FAULTS.items():
        for method, streams in STREAMS_OF.items():
            zendesk.clear()
            for stream in streams:
                if fault.get("code") == HTTPStatus.UNAUTHORIZED and stream in NOT_RENEWED:
                    continue
                # All side conversation events are on the first page.
                after = int(stream != "side_conversation_events")
                zendesk.faults.add(path=path_of(stream, method), after=after, **fault)
            tap = taps[method]
            with tap.started(
                per_page=PER_PAGE, request_timeout=1, **form(method), **login
            ) as process:
                process.join(TIMEOUT_SECONDS)
            run = tap.ended(process)
            if run.exit_code == 0 and all(
                [(r["id"], seen(r)) for r in sorted(run.records[stream], key=itemgetter("id"))]
                == sorted(truth(zendesk, stream, method).items())
                for stream in streams
            ):
                survived[name] += len(zendesk.faults.met)
    zendesk.clear()
    return survived


def lost_to_hostile(folder: Path) -> dict[str, int]:
    """Export from the accounts of `HOSTILE`, with changes between runs.

    Args:
        folder: The folder for the tap's files.

    Returns:
        The number of records that runs lost without an error, by the kind of account.
    """
    return {name: _lost_to(folder, name, settings) for name, settings in HOSTILE.items()}


def _lost_to(folder: Path, name: str, settings: Json) -> int:
    is_filtered = "filtered" in name
    counts = dict.fromkeys(STREAMS, 0)
    with Simulator(**counts, withheld_seconds=0, **settings) as zendesk:
        tap = FastTap(zendesk, folder, "tickets", "organizations")
        for stream in ("tickets", "organizations"):
            zendesk.store.fill(stream, [SECOND + second for second in CROWDED_SECONDS])
        for number, key in enumerate(list(zendesk.store.records["tickets"])):
            if number % 3 == 1:
                zendesk.store.delete("tickets", key, at=SECOND + CROWDED_SECONDS[number])
        state: Json | None = None
        came: dict[str, list[Json]] = {"tickets": [], "organizations": []}
        lost = 0
        for _ in range(HOSTILE_RUNS):
            run = tap.run(
                state=state, per_page=PER_PAGE, export_method="time", exclude_deleted=is_filtered
            )
            state = run.state or state
            for stream, records in run.records.items():
                came[stream] += records
            for stream, records in came.items() if run.exit_code == 0 else ():
                table = zendesk.store.records[stream]
                expected = [trimmed(table[key]) for key in table]
                if not zendesk.settings.ids:
                    expected = [{k: v for k, v in r.items() if k != "id"} for r in expected]
                lost += sum(
                    record not in records
                    for record in expected
                    if not (is_filtered and record.get("status") == "deleted")
                )
            for stream in came:
                key = next(iter(zendesk.store.records[stream]))
                zendesk.store.update(stream, key, at=int(time.time()))
    return lost


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


def report(method: str, ordeal: Ordeal) -> list[tuple[str, bool]]:
    """Return the lines about kills, and whether each figure is good enough.

    Args:
        method: The form of the exports.
        ordeal: The killed runs.
    """
    average = ordeal.fetched_again / ordeal.kills
    again = max(ordeal.fetched_again_at_most.values(), default=0)
    lines = [
        (f"kills survived: {ordeal.kills}, in {ordeal.rounds} exports", ordeal.rounds > 0),
        (f"records lost: {ordeal.lost}", ordeal.lost == 0),
        (f"records that were never there: {ordeal.foreign}", ordeal.foreign == 0),
        (
            f"pages fetched again per kill: {average:.2f}, at most {again} of a limit",
            again <= FETCHED_AGAIN_AT_MOST,
        ),
        (
            f"kills with more such pages than limits + 1: {ordeal.fetched_again_too_often}",
            ordeal.fetched_again_too_often == 0,
        ),
        (
            f"pages written again per kill: at most {ordeal.written_again_at_most}",
            ordeal.written_again_at_most <= 1,
        ),
    ]
    return [(f"{method}: {line}", is_good) for line, is_good in lines]


def main() -> None:
    """Run everything, print the figures, and fail if one is not good enough."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="(200)")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="for the moments of kills")
    options = parser.parse_args()
    sys.stdout.write(f"Seed {options.seed}\n")
    sys.stdout.flush()
    size = {"tickets": 300, "ticket_events": 300, "users": 200, "organizations": 100}
    with Simulator(**size) as zendesk, tempfile.TemporaryDirectory() as folder:
        plain = FastTap(zendesk, Path(folder), *STREAMS, plain=True)
        refused = pace(plain)
        taps = {
            method: FastTap(zendesk, Path(folder), *streams)
            for method, streams in (*STREAMS_OF.items(), ("many", MANY))
        }
        survived = survive_faults(taps)
        ordeals = {
            method: Ordeal(taps[method], options.seed, method)
            for method in ("cursor", "list", "many")
        }
        for ordeal in ordeals.values():
            ordeal.kill(options.kills)
        hostile = lost_to_hostile(Path(folder))
    secrets = sum(len(tap.secrets) for tap in (plain, *taps.values()))
    hit = {name: sum(map(len, STREAMS_OF.values())) for name in FAULTS}
    hit["token expired"] -= len(NOT_RENEWED)
    lines = [
        *(
            (f"faults survived, {name}: {survived[name]} of {met}", survived[name] == met)
            for name, met in hit.items()
        ),
        *(
            (f"records lost without an error, {name}: {lost}", lost == 0)
            for name, lost in hostile.items()
        ),
        *(line for method, ordeal in ordeals.items() for line in report(method, ordeal)),
        (f"secrets found: {secrets}", secrets == 0),
        (f"429s: {refused}", refused == 0),
    ]
    for line, is_good in lines:
        sys.stdout.write(f"{line}\n" if is_good else f"{line}  <-- FAILED\n")
    sys.exit(not all(is_good for _, is_good in lines))


if __name__ == "__main__":
    main()
