"""Incremental streams other than the core exports: kills, late records and slices."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from tap_zendesk_incremental import export
from tap_zendesk_incremental.state import iso
from tap_zendesk_incremental.streams import STREAMS

from .accounts import KEYS, asked
from .running import Json, Run, config_for, killed, run_tap, select, sync

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
    """Consecutive runs of one stream, each with the state of the one before.

    Attributes:
        zendesk: The account.
        folder: The folder for the tap's files.
        stream: The name of the stream.
        state: The last complete STATE message.
        ids: The ids of the records that were written.
        merges: Whether the runner merges the states, key by key, as `meltano run --merge-state`.
    """

    zendesk: Simulator
    folder: Path
    stream: str
    state: Json | None = None
    ids: set[object] = field(default_factory=set)
    merges: bool = False

    def run(self, **settings: object) -> list[object]:
        """Run to the end, and return the ids of the records that were written."""
        run = run_tap(self.folder, self._config(**settings), **self._files())
        assert run.exit_code == 0, run.stderr
        return self._take(run)

    def kill(self, messages: int, **settings: object) -> None:
        """Kill a run after some messages. Zendesk serves only three pages."""
        [found] = [stream for stream in STREAMS if stream.name == self.stream]
        endpoint = found.cursor or found.time or found.listing
        assert endpoint
        self.zendesk.faults.add("hang", path=endpoint.path, after=3, seconds=3600.0)
        run = killed(self.folder, self._config(**settings), messages, **self._files())
        self.zendesk.faults.clear()
        self._take(run)

    def create(self, at: int) -> None:
        """Add a record with a given second. An audit belongs to a ticket that is not archived."""
        fields = {"ticket_id": 1} if self.stream == "ticket_audits" else {}
        self.zendesk.store.create(self.stream, at=at, **fields)

    def held(self) -> set[object]:
        """Return the ids of the records that the stream would export now."""
        if self.stream == "ticket_audits":  # audits of archived tickets are not listed
            return set(self.zendesk.api.shown(self.stream))
        return set(self.zendesk.store.records[self.stream])

    def _config(self, **settings: object) -> Json:
        return config_for(self.zendesk, per_page=4, **settings)

    def _files(self) -> Json:
        return {"catalog": select(self.stream), "state": self.state}

    def _take(self, run: Run) -> list[object]:
        new = run.state or self.state
        if new and self.state and self.merges:
            old = self.state["bookmarks"].get(self.stream, {})
            new["bookmarks"][self.stream] = old | new["bookmarks"][self.stream]
        self.state = new
        ids = [record[KEYS[self.stream]] for record in run.records[self.stream]]
        self.ids.update(ids)
        return ids


@pytest.fixture
def runs(zendesk: Simulator, tmp_path: Path, stream: str) -> Runs:
    """Runs of a stream against the test's own account."""
    return Runs(zendesk, tmp_path, stream)


@pytest.mark.parametrize("stream", INCREMENTAL)
def test_killed_and_resumed_runs_lose_no_record(zendesk: Simulator, runs: Runs) -> None:
    """Changes during a walk arrive too, and pages that were written are not requested again."""
    # Endpoints without a page size would serve everything at once.
    zendesk.settings.cap = 4
    # A server that caps pages could cut a second, so no two records here share one.
    old = int(time.time()) - 90 * DAY_SECONDS
    zendesk.store.fill(runs.stream, [old + n for n in range(30)])
    for number in range(2):
        runs.kill(messages=9)
        runs.create(at=int(time.time()) - WITHHELD_SECONDS + number)
    killed_at = len(runs.ids)
    assert 0 < killed_at < 30
    came = runs.run()
    runs.run()  # the resumed walk lacks records that appeared after its start
    assert runs.ids == runs.held()
    # Pages that were written before the kills are not requested again.
    assert len(came) < len(runs.held()) - killed_at + 2 * 4 + 2


@pytest.mark.parametrize("stream", WALKED)
def test_merged_states_do_not_resume_a_walk_that_is_complete(
    zendesk: Simulator, runs: Runs
) -> None:
    runs.merges = True
    runs.kill(messages=6)
    assert runs.state
    runs.state["bookmarks"][runs.stream]["until"] = zendesk.store.records[runs.stream].index[-9][0]
    runs.run()  # the rest of the walk
    runs.run()
    assert runs.ids == runs.held()


@pytest.mark.parametrize("stream", WALKED)
def test_records_that_appear_late_arrive(runs: Runs) -> None:
    """A record can be committed long after its time, so the bookmark trails behind."""
    [listing] = [stream.listing for stream in STREAMS if stream.name == runs.stream]
    assert listing
    runs.run()
    late = int(time.time()) - WITHHELD_SECONDS - listing.trail_seconds + 30
    runs.create(at=late)
    assert runs.held() > runs.ids
    runs.run()
    assert runs.ids == runs.held()


def held_before(runs: Runs, end: int) -> set[object]:
    """Return the ids of the exported records from before a second."""
    seconds: dict[object, int] = {i: n for n, i in runs.zendesk.store.records[runs.stream].index}
    return {i for i in runs.held() if seconds[i] < end}


@pytest.mark.parametrize("stream", WALKED)
def test_slices_stop_at_their_end_date(zendesk: Simulator, runs: Runs) -> None:
    seconds = [second for second, _ in zendesk.store.records[runs.stream].index]
    for end in (seconds[8], seconds[15] + 1):
        runs.run(end_date=iso(end))
        assert runs.ids == held_before(runs, end)
    runs.run()
    assert runs.ids == runs.held()


@pytest.mark.parametrize("stream", WALKED)
def test_a_resumed_walk_stops_at_an_earlier_end_date(zendesk: Simulator, runs: Runs) -> None:
    runs.kill(messages=6)
    assert runs.state
    assert runs.state["bookmarks"][runs.stream]["until"]
    end = zendesk.store.records[runs.stream].index[12][0]
    before = set(runs.ids)
    runs.run(end_date=iso(end))
    assert runs.ids - before <= held_before(runs, end)
    assert runs.ids >= held_before(runs, end)


@pytest.mark.parametrize("stream", ["ticket_audits"])
def test_audits_are_read_only_back_to_the_last_walk(zendesk: Simulator, runs: Runs) -> None:
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
    """Records that appear before Zendesk's clock catches up come in the next run."""
    ahead = mock.Mock(time=lambda: time.time() + 7200)
    with mock.patch.object(export, "time", ahead):
        runs = [sync(config_for(zendesk), catalog=select(stream))]
    zendesk.store.create(stream, at=int(time.time()) - WITHHELD_SECONDS)
    runs.append(sync(config_for(zendesk), catalog=select(stream), state=runs[0].state))
    there = set(zendesk.store.records[stream])
    if stream == "ticket_audits":  # audits of archived tickets are not listed
        there = set(zendesk.api.shown(stream))
    assert {record[KEYS[stream]] for run in runs for record in run.records[stream]} == there
    # Two hours, less the time until Zendesk answers.
    is_said = any(
        re.search(r"clock is 7[12]\d\d s", record.getMessage()) for record in caplog.records
    )
    assert is_said == (stream in WALKED)


@pytest.mark.parametrize("stream", WALKED)
def test_a_clock_that_is_behind_moves_no_bookmark_back(zendesk: Simulator, stream: str) -> None:
    """A walk begins where the last one ended, also if that is in the future of this machine."""
    reached = int(time.time()) - 1000
    zendesk.store.fill(stream, [reached - 9000 + 50 * n for n in range(190)])
    behind = mock.Mock(time=lambda: time.time() - 7200)
    state = {"bookmarks": {stream: {"end_time": reached}}}
    with mock.patch.object(export, "time", behind):
        run = sync(config_for(zendesk, per_page=4), catalog=select(stream), state=state)
    assert [s["bookmarks"][stream]["end_time"] for s in run.states] == [reached] * len(run.states)
    assert run.states
    spans = [one.params for one in zendesk.requests if "end_time" in one.params]
    assert all(int(span["start_time"]) <= int(span["end_time"]) for span in spans)
    assert bool(spans) == (stream == "satisfaction_ratings")
