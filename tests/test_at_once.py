"""Streams whose limits are independent run at once, and no STATE speaks of what is not out."""

from __future__ import annotations

import base64
import os
import re
import signal
import threading
import time
import weakref
from collections import defaultdict
from dataclasses import replace
from functools import partial
from itertools import chain, islice, pairwise, repeat
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_zendesk_incremental import export_stream
from tap_zendesk_incremental import sync as sync_loop
from tap_zendesk_incremental.errors import RefusedError
from tap_zendesk_incremental.export_stream import UNLIMITED_AT_ONCE, ReadyPage
from tap_zendesk_incremental.http.rate_limit import Pace
from tap_zendesk_incremental.http.retry import HURRIED_TRIES, MAX_TRIES
from tap_zendesk_incremental.schedule import Arrival, Schedule
from tap_zendesk_incremental.streams.support import Tickets
from tap_zendesk_incremental.streams.talk import TalkCalls
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .processes import TICKETS, FastTap, check_complete
from .running import STREAMS, config_for, run_tap, select, sync
from .simulator import Simulator, credentials
from .torture import MANY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from tap_zendesk_incremental.sdk import SdkPagedStream

    from .running import Json, Run

LISTS = ("groups", "brands", "macros", "views", "triggers", "automations", "locales", "queues")


def exports(zendesk: Simulator) -> list[str]:
    """Give the streams whose exports were asked for, request by request."""
    paths = [request.path for request in zendesk.requests]
    found = [re.search(r"/incremental/(\w+)", path) for path in paths]
    return [match[1] for match in found if match]


def is_complete(run: Run, zendesk: Simulator, *streams: str) -> bool:
    """Say whether all records of some streams are out."""
    return all(
        {record["id"] for record in run.records[stream]} == {*zendesk.store.records[stream]}
        for stream in streams
    )


def test_those_that_share_a_limit_take_turns(zendesk: Simulator, tmp_path: Path) -> None:
    shared = ("tickets", "ticket_events", "organizations")
    run = run_tap(tmp_path, config_for(zendesk, per_page=5), catalog=select(*shared))
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *shared, once=False)
    asked = exports(zendesk)
    count = min(asked.count(stream) for stream in shared)
    assert count > 2
    for stream in shared:
        places = [n for n, name in enumerate(asked) if name == stream][:count]
        assert all(b - a == 3 for a, b in pairwise(places))


def test_a_limit_that_is_reached_does_not_hold_up_another(
    zendesk: Simulator, tmp_path: Path
) -> None:
    headers = {"Retry-After": "600"}
    zendesk.faults.add("status", code=429, path="incremental/users", after=1, headers=headers)
    zendesk.faults.add("hold", path=TICKETS, after=1)  # until that limit is reached
    others = [stream for stream in STREAMS if stream != "users"]
    tap = FastTap(zendesk, tmp_path, *STREAMS, plain=True)
    with tap.started(per_page=5) as process:
        tap.wait_until(process, lambda: {"status", "hold"} <= {*zendesk.faults.met})
        zendesk.faults.release()
        tap.wait_until(process, lambda: is_complete(tap.ended(process), zendesk, *others))
    check_complete([tap.ended(process)], zendesk, *others, once=False)
    assert exports(zendesk).count("users") == 2


def test_a_limit_of_the_account_binds_all_of_them(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.account_limit, zendesk.settings.window = 12, 1.0
    zendesk.settings.page_delay = 0.02
    streams = (*STREAMS, *LISTS)
    run = FastTap(zendesk, tmp_path, *streams, plain=True).run(per_page=10)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *STREAMS, once=False)
    assert {request.status for request in zendesk.requests} == {200}
    assert len(zendesk.requests) > 24


def test_lists_share_a_few_threads(zendesk: Simulator, tmp_path: Path) -> None:
    # The first list is asked alone, for the login.
    zendesk.faults.add("hold", path="|".join(f"/{name}" for name in LISTS), after=1, times=99)
    tap = FastTap(zendesk, tmp_path, *LISTS)
    with tap.started() as process:
        tap.wait_until(process, lambda: len(zendesk.faults.met) >= UNLIMITED_AT_ONCE)
        process.join(0.2)  # time for one that is too much
        assert len(zendesk.faults.met) == UNLIMITED_AT_ONCE < len(LISTS) - 1
        zendesk.faults.clear()
        zendesk.faults.release()
        assert tap.finished(process).exit_code == 0


def test_a_pace_keeps_clear_of_a_limit_without_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TalkCalls.time.pace == Pace(10, 60)
    pace = Pace(2, 1.0)
    monkeypatch.setattr(TalkCalls, "time", replace(TalkCalls.time, pace=pace))
    with Simulator(extras=3000, limit=2, window=1.0) as zendesk:
        run = sync(config_for(zendesk), catalog=select("talk_calls"))
        calls = zendesk.store.records["talk_calls"]
        assert {call["id"] for call in run.records["talk_calls"]} == calls.keys()
        asked = [request for request in zendesk.requests if "/calls" in request.path]
    assert len(asked) > 4
    assert {request.status for request in asked} == {200}


def check_failed(run: Run) -> None:
    """Assert that a run has failed with one error, at its end."""
    assert run.exit_code == 1
    (error,) = run.log("ERROR")
    assert run.stderr.rstrip().endswith(error)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("status", "after"), [(403, 2), (422, 0)])
def test_a_stream_that_fails_holds_up_no_other(
    zendesk: Simulator, tmp_path: Path, status: int, after: int
) -> None:
    """However often the run is tried: it fails, but at its end."""
    zendesk.faults.add("status", code=status, path="incremental/users", after=after, times=99)
    zendesk.faults.add("hold", path=TICKETS, after=1)  # until that stream has failed
    tap = FastTap(zendesk, tmp_path, *STREAMS)
    with tap.started(per_page=5) as process:
        tap.wait_until(process, lambda: "hold" in zendesk.faults.met)
        tap.wait_until(process, lambda: "users: HTTP" in tap.ended(process).stderr)
        zendesk.faults.release()
        process.join()
    run = tap.ended(process)
    check_failed(run)
    (warning,) = run.log("WARNING")
    assert f"users: HTTP {status}" in warning
    assert "the other streams are exported before the run fails" in warning
    assert "users: HTTP" in run.log("ERROR")[0]
    others = [stream for stream in STREAMS if stream != "users"]
    check_complete([run], zendesk, *others, once=False)
    zendesk.faults.clear()
    again = tap.run(per_page=5, state=run.state)
    assert again.exit_code == 0
    check_complete([run, again], zendesk, "tickets", "users", once=True)
    check_complete([run, again], zendesk, *STREAMS, once=False)


def waits_of(run: Run) -> dict[str, list[float]]:
    """Give the waits between tries that a log tells of, by stream."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in run.log("WARNING"):
        if told := re.search(r"(\w+): try \d+ of a page failed .* next try in ([\d.]+) s", line):
            found[told[1]].append(float(told[2]))
    return found


@pytest.mark.parametrize("after", [0, 2])
def test_a_page_that_is_given_up_holds_up_no_other_stream(
    zendesk: Simulator, tmp_path: Path, after: int
) -> None:
    """Tickets share their limit with others, which wait for their turn meanwhile."""
    zendesk.faults.add("status", code=503, path=TICKETS, after=after, times=999)
    tap = FastTap(zendesk, tmp_path, *STREAMS, *LISTS)
    run = tap.run(per_page=5)
    check_failed(run)
    assert "tickets: gave up on the page at" in run.log("ERROR")[0]
    assert run.stderr.count("the other streams are exported before the run fails") == 1
    assert {stream: len(waits) for stream, waits in waits_of(run).items()} == {
        "tickets": MAX_TRIES - 1
    }
    others = [stream for stream in STREAMS if stream != "tickets"]
    check_complete([run], zendesk, *others, *LISTS, once=False)
    zendesk.faults.clear()
    again = tap.run(per_page=5, state=run.state)
    assert again.exit_code == 0
    check_complete([run, again], zendesk, "tickets", "users", once=True)


@pytest.mark.parametrize("code", [429, 503])
def test_a_first_page_that_is_waited_for_holds_up_no_other_limit(
    zendesk: Simulator, tmp_path: Path, code: int
) -> None:
    """Nothing has been served yet, but what is there has answered."""
    zendesk.faults.add("status", code=code, path=TICKETS, headers={"Retry-After": "600"})
    tap = FastTap(zendesk, tmp_path, "tickets", "users", plain=True)
    with tap.started(per_page=10) as process:
        tap.wait_until(process, lambda: is_complete(tap.ended(process), zendesk, "users"))
    check_complete([tap.ended(process)], zendesk, "users", once=True)
    assert exports(zendesk) == ["tickets", "users", "users", "users"]


@pytest.mark.parametrize("after", [0, 4, 9])
def test_where_nothing_is_served_the_run_waits_once(
    zendesk: Simulator, tmp_path: Path, after: int
) -> None:
    """Not once a stream, of which there are fifty."""
    zendesk.faults.add("status", code=503, after=after, times=9999)
    run = FastTap(zendesk, tmp_path, *STREAMS, *LISTS).run(per_page=5)
    assert run.exit_code == 1
    (error,) = run.log("ERROR")
    assert "gave up on the page at" in error
    waits = waits_of(run)
    line = [stream for stream in ("tickets", "ticket_events", "organizations") if stream in waits]
    # The first of them may have been served when another was, just before.
    assert sum(len(waits[stream]) for stream in line) < 2 * MAX_TRIES
    at_once = UNLIMITED_AT_ONCE + 2
    assert len(zendesk.faults.met) < at_once * (MAX_TRIES + HURRIED_TRIES)


def test_what_is_served_again_is_waited_for_again(zendesk: Simulator, tmp_path: Path) -> None:
    """The second stream that is given up has waited as long as the first: a third was served."""
    for stream in ("tickets", "organizations"):
        zendesk.faults.add("status", code=500, path=f"incremental/{stream}", after=1, times=999)
    run = FastTap(zendesk, tmp_path, "tickets", "ticket_events", "organizations").run(per_page=5)
    check_failed(run)
    waits = waits_of(run)
    assert len(waits["tickets"]) == len(waits["organizations"]) == MAX_TRIES - 1
    check_complete([run], zendesk, "ticket_events", once=False)


@pytest.mark.parametrize("place", [0, 17])
@pytest.mark.parametrize("stream", ["users", "tickets", "ticket_metrics"])
def test_a_stream_map_that_fails_holds_up_no_other_stream(
    zendesk: Simulator, tmp_path: Path, stream: str, place: int
) -> None:
    """Its pages that were fetched already are not written."""
    parent = "users" if stream == "users" else "tickets"
    key = "ticket_id" if stream == "ticket_metrics" else "id"
    at = zendesk.store.records[parent].index[place][1]
    maps = {stream: {"half": f"1 / ({key} - {at})"}}
    tap = FastTap(zendesk, tmp_path, *STREAMS, "ticket_metrics")
    run = tap.run(per_page=5, stream_maps=maps)
    check_failed(run)
    assert f"The stream map of {stream} failed on a record: " in run.log("ERROR")[0]
    others = [name for name in STREAMS if name != parent]
    check_complete([run], zendesk, *others, once=False)
    assert place // 5 * 5 <= len(run.records[stream]) < place // 5 * 5 + 5
    asked = [request for request in zendesk.requests if f"incremental/{parent}" in request.path]
    assert len(asked) <= place // 5 + 3
    check_states(run, zendesk)
    again = tap.run(per_page=5, state=run.state)
    assert again.exit_code == 0
    came = {record["id"] for one in (run, again) for record in one.records[parent]}
    assert came == set(zendesk.store.records[parent])


def test_several_streams_that_fail_are_all_said(zendesk: Simulator, tmp_path: Path) -> None:
    for stream in ("users", "organizations"):
        zendesk.faults.add("status", code=422, path=f"incremental/{stream}", times=99)
    run = FastTap(zendesk, tmp_path, *STREAMS).run(per_page=5)
    check_failed(run)
    said = "".join(run.log("WARNING"))
    assert said.count("users: HTTP 422") == said.count("organizations: HTTP 422") == 1
    check_complete([run], zendesk, "tickets", "ticket_events", once=False)


def test_what_has_arrived_is_written_before_a_login_that_failed_ends_the_run(
    zendesk: Simulator,
) -> None:
    """The page of tickets has come, too, while this thread was busy."""
    written: list[int] = []
    schedules: list[Schedule[SdkPagedStream, Any]] = []

    def schedule() -> Schedule[SdkPagedStream, Any]:
        schedules.append(Schedule())
        return schedules[-1]

    class Busy(TapZendeskIncremental):
        """A tap that is busy until all that was asked for has arrived."""

        def report(self) -> None:
            """Wait for it; nothing else tells."""
            for one in schedules:
                while one._arrived.qsize() < one._open_turns:  # noqa: SLF001 - see above
                    time.sleep(0.01)

        def report_end(self) -> None:
            """Note how many pages were written of the tickets."""
            tickets = self.streams["tickets"]
            assert isinstance(tickets, Tickets)
            written.append(tickets.progress.pages)

    zendesk.faults.add("status", code=401, path="incremental/users", after=1)
    zendesk.faults.add("slow_body", times=9, path=TICKETS, seconds=0.1, pieces=2)
    with (
        mock.patch.object(sync_loop, "Schedule", side_effect=schedule),
        pytest.raises(RefusedError, match="users: HTTP 401"),
    ):
        sync(config_for(zendesk, per_page=10), catalog=select("tickets", "users"), tap=Busy)
    assert written == [exports(zendesk).count("tickets")]
    assert written[0] >= 2


@pytest.mark.parametrize("code", [429, 503])
def test_no_thread_outlives_a_run_for_long(zendesk: Simulator, code: int) -> None:
    """It would try a page for ten minutes, or for ever, in whatever process runs the tap."""
    zendesk.faults.add("status", code=code, path=TICKETS, times=99, headers={"Retry-After": "1"})
    zendesk.faults.add("status", code=401, path="incremental/users", times=99)
    before = {*threading.enumerate()}
    with pytest.raises(RefusedError, match="users: HTTP 401"):
        sync(config_for(zendesk), catalog=select("tickets", "users"))
    for thread in {*threading.enumerate()} - before:
        if thread.name == "fetching":
            thread.join(20)
            assert not thread.is_alive()


def test_a_wrong_login_is_said_once(zendesk: Simulator, tmp_path: Path) -> None:
    run = FastTap(zendesk, tmp_path, *STREAMS).run(access_token="wrong")
    check_failed(run)
    assert run.stderr.count("HTTP 401") <= 2  # discovery may say it, too
    assert len(exports(zendesk)) == 1


def test_a_wrong_login_is_tried_once_after_streams_that_ask_for_nothing(
    zendesk: Simulator, tmp_path: Path
) -> None:
    tap = FastTap(zendesk, tmp_path, "articles", "groups", *STREAMS)
    run = tap.run(access_token="wrong", stream_maps={"articles": "__NULL__", "groups": "__NULL__"})
    check_failed(run)
    assert run.stderr.count("is removed by its stream map") == 2
    assert len([r for r in zendesk.requests if "custom_objects" not in r.path]) == 1


def test_a_token_is_renewed_once_for_all_threads(zendesk: Simulator, tmp_path: Path) -> None:
    """Zendesk refuses the token of several requests at once, again and again."""
    path = tmp_path / "tokens"
    login: Json = {
        "client_id": credentials.CLIENT_ID,
        "client_secret": credentials.CLIENT_SECRET,
        "refresh_token": credentials.REFRESH_TOKEN,
        "oauth_token_path": str(path),
    }
    tap = FastTap(zendesk, tmp_path, *MANY)
    for pages in (TICKETS, "incremental/users", "satisfaction_ratings"):
        for after in (1, 3, 5):
            zendesk.faults.add("hold", path=pages, after=after)

    def all_wait(times: int) -> bool:
        """Whether these three wait, each with a token that was accepted, and none has to try."""
        last = {request.path: request.status for request in [*zendesk.requests]}
        return len(zendesk.faults.met) == 3 * times and {*last.values()} == {200}

    with tap.started(per_page=5, **login) as process:
        for times in (1, 2, 3):
            tap.wait_until(process, partial(all_wait, times))
            zendesk.expire_tokens()
            zendesk.faults.release()
        run = tap.finished(process)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *MANY, once=False)
    exchanges = [r for r in zendesk.requests if r.path == "/oauth/tokens"]
    assert [request.status for request in exchanges] == [200] * 4
    used = {request.headers.get("authorization", "") for request in zendesk.requests}
    assert len(used - {"", f"Bearer {credentials.CHAT_ACCESS_TOKEN}"}) == len(exchanges)
    assert run.stderr.count("the access token has expired") == 3
    assert zendesk.api.auth.tokens[-1].refresh_token in path.read_text()


def test_a_token_that_is_not_known_everywhere_yet_is_renewed_once_for_all_threads(
    zendesk: Simulator, tmp_path: Path
) -> None:
    login: Json = {
        "client_id": credentials.CLIENT_ID,
        "client_secret": credentials.CLIENT_SECRET,
    }
    zendesk.settings.page_delay = 0.1
    tap = FastTap(zendesk, tmp_path, *MANY, plain=True)
    with tap.started(per_page=5, **login) as process:
        tap.wait_for(process, b'"STATE"', 5)
        zendesk.settings.token_lag = 0.7
        zendesk.expire_tokens()
        run = tap.finished(process)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *MANY, once=False)
    assert [r.status for r in zendesk.requests if r.path == "/oauth/tokens"] == [200, 200]
    assert run.stderr.count("the access token has expired") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_while_all_of_them_wait(
    zendesk: Simulator, tmp_path: Path, number: signal.Signals
) -> None:
    for path in (TICKETS, "incremental/users"):
        zendesk.faults.add("hang", seconds=3600.0, path=path, after=1)
    tap = FastTap(zendesk, tmp_path, *STREAMS, plain=True)
    with tap.started(per_page=10) as process:
        tap.wait_for(process, b'"STATE"', 2)
        tap.wait_until(process, lambda: zendesk.faults.met == ["hang", "hang"])
        os.kill(process.pid or 0, number)
        run = tap.finished(process)
    assert run.exit_code == 128 + number
    assert run.messages[-1]["type"] == "STATE"
    again = tap.run(state=run.state)
    check_complete([run, again], zendesk, "tickets", "users", once=True)


def passed(bookmark: Json, index: Sequence[tuple[int, Any]]) -> set[Any]:
    """Give the ids that a bookmark says are out: it goes on behind their second, or their id."""
    if "cursor" not in bookmark:
        return {i for second, i in index if second < int(bookmark.get("end_time", 0))}
    cursor = base64.b64decode(bookmark["cursor"]).decode()
    last_second, last_id, _ = re.split(r"\.0\|\||\|", cursor)
    last = int(last_second), int(last_id or 0)
    return {place[1] for place in index if place <= last}


def check_states(run: Run, zendesk: Simulator) -> None:
    """Assert that what each bookmark has passed is on standard output before it."""
    index = {stream: zendesk.store.records[stream].index for stream in ORDERED}
    out: dict[str, set[Any]] = defaultdict(set)
    described = set()
    for message in run.messages:
        if message["type"] == "SCHEMA":
            described.add(message["stream"])
        elif message["type"] == "RECORD":
            assert message["stream"] in described
            out[message["stream"]].add(message["record"]["id"])
        elif message["type"] == "STATE":
            for stream, bookmark in message["value"].get("bookmarks", {}).items():
                assert passed(bookmark, index[stream]) <= out[stream]


ORDERED = (*STREAMS, "talk_calls", "side_conversation_events", "ticket_metric_events")
"""Streams with four limits, whose bookmarks show a place in the order of their records."""


@settings(max_examples=25)
@given(
    per_page=st.integers(3, 40),
    slow=st.lists(
        st.tuples(st.sampled_from(STREAMS), st.integers(0, 6), st.floats(0.01, 0.05)), max_size=8
    ),
)
def test_each_state_covers_only_what_is_out(
    zendesk_of_all: Simulator, per_page: int, slow: list[tuple[str, int, float]]
) -> None:
    """Threads as they are, whatever answer is late."""
    zendesk_of_all.clear()
    for stream, after, seconds in slow:
        zendesk_of_all.faults.add(
            "slow_body", path=f"incremental/{stream}", after=after, seconds=seconds, pieces=2
        )
    run = sync(config_for(zendesk_of_all, per_page=per_page), catalog=select(*ORDERED))
    check_complete([run], zendesk_of_all, *ORDERED, once=False)
    check_states(run, zendesk_of_all)


class InAnyOrder:
    """A schedule whose sources bring their items in an order that is given."""

    def __init__(self, picks: Iterator[int]) -> None:
        """Picks the next source by its number."""
        self._picks = picks
        self._sources: list[tuple[SdkPagedStream, Iterator[Any]]] = []

    def add(self, key: SdkPagedStream, items: Iterator[Any], *_: object) -> None:
        """Add a source; see `Schedule`."""
        self._sources.append((key, items))

    def arrivals(self, *_: object) -> Generator[Arrival[SdkPagedStream, Any], None, None]:
        """Fetch; see `Schedule`."""
        while self._sources:
            number = next(self._picks) % len(self._sources)
            key, items = self._sources[number]
            items_of_turn = tuple(islice(items, 1))
            if not items_of_turn:
                del self._sources[number]
            yield Arrival(key, items_of_turn)


@settings(max_examples=40)
@given(per_page=st.integers(2, 40), picks=st.lists(st.integers(0, 6), max_size=120))
def test_no_order_of_pages_has_a_state_ahead_of_what_is_out(
    zendesk_of_all: Simulator, per_page: int, picks: list[int]
) -> None:
    zendesk_of_all.clear()
    order = chain(picks, repeat(0))
    with mock.patch.object(sync_loop, "Schedule", side_effect=lambda: InAnyOrder(order)):
        run = sync(config_for(zendesk_of_all, per_page=per_page), catalog=select(*ORDERED))
    check_complete([run], zendesk_of_all, *ORDERED, once=False)
    check_states(run, zendesk_of_all)


@pytest.fixture(scope="module")
def zendesk_of_all() -> Iterator[Simulator]:
    """An account for many runs."""
    with Simulator() as simulator:
        yield simulator


def test_pages_in_memory_are_one_a_limit_and_the_one_that_is_written(zendesk: Simulator) -> None:
    """However slow the target is."""
    alive: list[int] = []
    most: list[int] = []

    def counted(step: Any, children: Any) -> ReadyPage:  # noqa: ANN401 (passed on)
        page = ReadyPage(step, children)
        alive.append(1)
        weakref.finalize(page, alive.pop)
        most.append(len(alive))
        return page

    class Slow(TapZendeskIncremental):
        """A tap whose target reads slowly."""

        def report(self) -> None:
            """Take its time."""
            time.sleep(0.02)

    with mock.patch.object(export_stream, "ReadyPage", side_effect=counted):
        sync(config_for(zendesk, per_page=5), catalog=select(*STREAMS), tap=Slow)
    assert len(most) > 20
    limits = 2  # that of users, and that of the others
    assert max(most) <= limits + 1


def test_batch_files_come_one_stream_after_the_other(zendesk: Simulator, tmp_path: Path) -> None:
    root = (tmp_path / "batches").as_uri()
    files = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": root}}
    run = sync(config_for(zendesk, batch_config=files), catalog=select("tickets", "users"))
    streams = [m["stream"] for m in run.messages if m["type"] == "BATCH"]
    assert sorted(set(streams), key=streams.index) == ["tickets", "users"]
    assert streams == sorted(streams, key=["tickets", "users"].index)


def test_a_writer_that_fails_ends_the_run_at_once(
    zendesk: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of writing is not one of a stream: nothing more is written."""

    class Broken(TapZendeskIncremental):
        """A tap that fails while it says how far it is."""

        begins = True

        def report(self) -> None:
            """Fail, but not as the run begins."""
            if not self.begins:
                msg = "no report"
                raise OSError(msg)
            self.begins = False

    monkeypatch.setattr(zendesk.settings, "page_delay", 0.01)
    with pytest.raises(OSError, match="no report"):
        sync(config_for(zendesk, per_page=5), catalog=select(*STREAMS), tap=Broken)
    assert len(exports(zendesk)) <= 4
