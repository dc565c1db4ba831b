"""Streams that are no core exports: killed and resumed, late records, and slices."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from tap_zendesk_incremental import export
from tap_zendesk_incremental.state import iso
from tap_zendesk_incremental.streams import STREAMS

from .accounts import KEYS, asked
from .running import Json, Run, command_for, config_for, run_tap, select, start, sync

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

DAY_SECONDS = 86_400
WITHHELD_SECONDS = 65
CORE = {"tickets", "ticket_events", "users", "organizations", "ticket_exports"}
INCREMENTAL = sorted(s.name for s in STREAMS if s.replication_key and s.name not in CORE)
WALKED = sorted(
    s.name for s in STREAMS if s.listing and s.listing.paging in {"filtered", "newest_first"}
)


@dataclass
class Runs:
    """Runs of one stream, each with the state of the one before.

    Attributes:
        zendesk: The account.
        folder: For the tap's files.
        stream: The stream.
        state: What the last complete STATE message said.
        versions: What was written: the id and the second of each record.
    """

    zendesk: Simulator
    folder: Path
    stream: str
    state: Json | None = None
    ids: set[object] = field(default_factory=set)

    def run(self, **settings: object) -> list[object]:
        """Run to the end, and give the ids of what was written."""
        run = run_tap(self.folder, self._config(**settings), **self._files())
        assert run.exit_code == 0, run.stderr
        return self._take(run)

    def kill(self, messages: int, **settings: object) -> None:
        """Run until some messages are out, then kill; three pages are served."""
        [found] = [stream for stream in STREAMS if stream.name == self.stream]
        endpoint = found.cursor or found.time or found.listing
        assert endpoint
        self.zendesk.faults.add("hang", path=endpoint.path, after=3, seconds=3600.0)
        command = command_for(self.folder, config=self._config(**settings), **self._files())
        with start(command) as process:
            assert process.stdout is not None
            lines = list(islice(process.stdout, messages))
            process.kill()
            lines += process.stdout.readlines()
        assert process.wait() == -signal.SIGKILL, "the run was over before it could be killed"
        self.zendesk.faults.clear()
        self._take(Run(0, b"".join(line for line in lines if line.endswith(b"\n")), ""))

    def create(self, at: int) -> None:
        """Add a record of a second, an audit of a ticket that is not archived."""
        fields = {"ticket_id": 1} if self.stream == "ticket_audits" else {}
        self.zendesk.store.create(self.stream, at=at, **fields)

    def held(self) -> set[object]:
        """Give the ids of what the stream would give now."""
        if self.stream == "ticket_audits":  # those of archived tickets are not listed
            return set(self.zendesk.api.shown(self.stream))
        return set(self.zendesk.store.records[self.stream])

    def _config(self, **settings: object) -> Json:
        return config_for(self.zendesk, per_page=4, **settings)

    def _files(self) -> Json:
        return {"catalog": select(self.stream), "state": self.state}

    def _take(self, run: Run) -> list[object]:
        self.state = run.state or self.state
        ids = [record[KEYS[self.stream]] for record in run.records[self.stream]]
        self.ids.update(ids)
        return ids


@pytest.fixture
def runs(zendesk: Simulator, tmp_path: Path, stream: str) -> Runs:
    """Runs of a stream of the test's own account."""
    return Runs(zendesk, tmp_path, stream)


@pytest.mark.parametrize("stream", INCREMENTAL)
def test_killed_and_resumed_no_record_is_lost(zendesk: Simulator, runs: Runs) -> None:
    """Also what changes in the middle of a walk arrives, and what is written is not asked again."""
    # Endpoints without a page size would give everything at once.
    zendesk.settings.cap = 4
    # A cap makes pages of a second that no page holds whole: there are none of them here.
    old = int(time.time()) - 90 * DAY_SECONDS
    zendesk.store.fill(runs.stream, [old + n for n in range(30)])
    for number in range(2):
        runs.kill(messages=9)
        runs.create(at=int(time.time()) - WITHHELD_SECONDS + number)
    killed_at = len(runs.ids)
    assert 0 < killed_at < 30
    came = runs.run()
    runs.run()  # a walk that was begun before a record appeared does not have it
    assert runs.ids == runs.held()
    # The pages that were written before the kills are not asked for again.
    assert len(came) < len(runs.held()) - killed_at + 2 * 4 + 2


@pytest.mark.parametrize("stream", WALKED)
def test_what_appears_late_arrives(runs: Runs) -> None:
    """A record can be committed after its time; the bookmark trails so far behind."""
    [listing] = [stream.listing for stream in STREAMS if stream.name == runs.stream]
    assert listing
    runs.run()
    late = int(time.time()) - WITHHELD_SECONDS - listing.trail_seconds + 30
    runs.create(at=late)
    assert runs.held() > runs.ids
    runs.run()
    assert runs.ids == runs.held()


def held_before(runs: Runs, end: int) -> set[object]:
    """Give the ids of what the stream would give from before a second."""
    seconds: dict[object, int] = {i: n for n, i in runs.zendesk.store.records[runs.stream].index}
    return {i for i in runs.held() if seconds[i] < end}


@pytest.mark.parametrize("stream", WALKED)
def test_slices_end_where_they_are_told_to(zendesk: Simulator, runs: Runs) -> None:
    seconds = [second for second, _ in zendesk.store.records[runs.stream].index]
    for end in (seconds[8], seconds[15] + 1):
        runs.run(end_date=iso(end))
        assert runs.ids == held_before(runs, end)
    runs.run()
    assert runs.ids == runs.held()


@pytest.mark.parametrize("stream", WALKED)
def test_an_earlier_end_date_holds_for_a_walk_that_was_begun_without(
    zendesk: Simulator, runs: Runs
) -> None:
    runs.kill(messages=6)
    assert runs.state
    assert runs.state["bookmarks"][runs.stream]["until"]
    end = zendesk.store.records[runs.stream].index[12][0]
    before = set(runs.ids)
    runs.run(end_date=iso(end))
    assert runs.ids - before <= held_before(runs, end)
    assert runs.ids >= held_before(runs, end)


@pytest.mark.parametrize("stream", ["ticket_audits"])
def test_audits_are_read_back_to_the_last_walk_only(zendesk: Simulator, runs: Runs) -> None:
    old = int(time.time()) - 90 * DAY_SECONDS
    zendesk.store.fill(runs.stream, [old + n for n in range(30)])
    runs.run()
    zendesk.clear()
    assert runs.run() == []
    assert len(asked(zendesk, "")) == 2


@pytest.mark.parametrize("stream", INCREMENTAL)
def test_a_clock_that_is_ahead_loses_nothing(
    zendesk: Simulator, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What appears until Zendesk's clock is where this one was comes in the next run."""
    ahead = mock.Mock(time=lambda: time.time() + 7200)
    with mock.patch.object(export, "time", ahead):
        runs = [sync(config_for(zendesk), catalog=select(stream))]
    zendesk.store.create(stream, at=int(time.time()) - WITHHELD_SECONDS)
    runs.append(sync(config_for(zendesk), catalog=select(stream), state=runs[0].state))
    there = set(zendesk.store.records[stream])
    if stream == "ticket_audits":  # those of archived tickets are not listed
        there = set(zendesk.api.shown(stream))
    assert {record[KEYS[stream]] for run in runs for record in run.records[stream]} == there
    # Two hours, less what passes until Zendesk answers.
    is_said = any(
        re.search(r"clock is 7[12]\d\d s", record.getMessage()) for record in caplog.records
    )
    assert is_said == (stream in WALKED)
