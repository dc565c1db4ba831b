"""Streams with independent limits run at once, and no STATE covers an unwritten record."""

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
    """Return the stream of each request for an export, in order."""
    paths = [request.path for request in zendesk.requests]
    found = [re.search(r"/incremental/(\w+)", path) for path in paths]
    return [match[1] for match in found if match]


def is_complete(run: Run, zendesk: Simulator, *streams: str) -> bool:
    """Return whether all records of the streams were written."""
    return all(
        {record["id"] for record in run.records[stream]} == {*zendesk.store.records[stream]}
        for stream in streams
    )


def test_streams_that_share_a_limit_take_turns(zendesk: Simulator, tmp_path: Path) -> None:
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


def test_streams_with_another_limit_go_on_when_one_is_reached(
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


def test_the_limit_of_the_account_applies_to_all_streams(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.settings.account_limit, zendesk.settings.window = 12, 1.0
    zendesk.settings.page_delay = 0.02
    streams = (*STREAMS, *LISTS)
    run = FastTap(zendesk, tmp_path, *streams, plain=True).run(per_page=10)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *STREAMS, once=False)
    assert {request.status for request in zendesk.requests} == {200}
    assert len(zendesk.requests) > 24


def test_lists_share_a_few_threads(zendesk: Simulator, tmp_path: Path) -> None:
    # The first list is requested alone, to check the login.
    zendesk.faults.add("hold", path="|".join(f"/{name}" for name in LISTS), after=1, times=99)
    tap = FastTap(zendesk, tmp_path, *LISTS)
    with tap.started() as process:
        tap.wait_until(process, lambda: len(zendesk.faults.met) >= UNLIMITED_AT_ONCE)
        process.join(0.2)  # long enough to show one request too many
        assert len(zendesk.faults.met) == UNLIMITED_AT_ONCE < len(LISTS) - 1
        zendesk.faults.clear()
        zendesk.faults.release()
        assert tap.finished(process).exit_code == 0


def test_pacing_avoids_a_limit_without_headers(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """Assert that a run failed with one error, as its last line."""
    assert run.exit_code == 1
    (error,) = run.log("ERROR")
    assert run.stderr.rstrip().endswith(error)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("status", "after"), [(403, 2), (422, 0)])
def test_other_streams_are_exported_when_one_fails(
    zendesk: Simulator, tmp_path: Path, status: int, after: int
) -> None:
    """Every attempt fails the run, but only at its end."""
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
    """Return the waits between tries that the log reports, by stream."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in run.log("WARNING"):
        if told := re.search(r"(\w+): try \d+ of a page failed .* next try in ([\d.]+) s", line):
            found[told[1]].append(float(told[2]))
    return found


@pytest.mark.parametrize("after", [0, 2])
def test_other_streams_are_exported_when_a_page_is_given_up(
    zendesk: Simulator, tmp_path: Path, after: int
) -> None:
    """The streams that share the limit of tickets go on in the meantime."""
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
def test_streams_with_another_limit_go_on_while_a_first_page_waits(
    zendesk: Simulator, tmp_path: Path, code: int
) -> None:
    """Zendesk has not served a page yet, but it has answered."""
    zendesk.faults.add("status", code=code, path=TICKETS, headers={"Retry-After": "600"})
    tap = FastTap(zendesk, tmp_path, "tickets", "users", plain=True)
    with tap.started(per_page=10) as process:
        tap.wait_until(process, lambda: is_complete(tap.ended(process), zendesk, "users"))
    check_complete([tap.ended(process)], zendesk, "users", once=True)
    assert exports(zendesk) == ["tickets", "users", "users", "users"]


@pytest.mark.parametrize("after", [0, 4, 9])
def test_a_run_waits_only_once_if_nothing_is_served(
    zendesk: Simulator, tmp_path: Path, after: int
) -> None:
    """It does not wait once for each of fifty streams."""
    zendesk.faults.add("status", code=503, after=after, times=9999)
    run = FastTap(zendesk, tmp_path, *STREAMS, *LISTS).run(per_page=5)
    assert run.exit_code == 1
    (error,) = run.log("ERROR")
    assert "gave up on the page at" in error
    waits = waits_of(run)
    line = [stream for stream in ("tickets", "ticket_events", "organizations") if stream in waits]
    # Just before, the first of them may have been served together with another.
    assert sum(len(waits[stream]) for stream in line) < 2 * MAX_TRIES
    at_once = UNLIMITED_AT_ONCE + 2
    assert len(zendesk.faults.met) < at_once * (MAX_TRIES + HURRIED_TRIES)


def test_the_waits_start_over_once_zendesk_serves_a_page(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """A third stream was served in between, so the second one waits as long as the first."""
    for stream in ("tickets", "organizations"):
        zendesk.faults.add("status", code=500, path=f"incremental/{stream}", after=1, times=999)
    run = FastTap(zendesk, tmp_path, "tickets", "ticket_events", "organizations").run(per_page=5)
    check_failed(run)
    waits = waits_of(run)
    assert len(waits["tickets"]) == len(waits["organizations"]) == MAX_TRIES - 1
    check_complete([run], zendesk, "ticket_events", once=False)


@pytest.mark.parametrize("place", [0, 17])
@pytest.mark.parametrize("stream", ["users", "tickets", "ticket_metrics"])
def test_other_streams_are_exported_when_a_stream_map_fails(
    zendesk: Simulator, tmp_path: Path, stream: str, place: int
) -> None:
    """The pages that were already fetched are not written."""
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


def test_every_stream_that_fails_is_reported(zendesk: Simulator, tmp_path: Path) -> None:
    for stream in ("users", "organizations"):
        zendesk.faults.add("status", code=422, path=f"incremental/{stream}", times=99)
    run = FastTap(zendesk, tmp_path, *STREAMS).run(per_page=5)
    check_failed(run)
    said = "".join(run.log("WARNING"))
    assert said.count("users: HTTP 422") == said.count("organizations: HTTP 422") == 1
    check_complete([run], zendesk, "tickets", "ticket_events", once=False)


def test_pages_that_have_arrived_are_written_before_a_refused_login_ends_the_run(
    zendesk: Simulator,
) -> None:
    """The page of tickets arrives while the main thread is busy."""
    written: list[int] = []
    schedules: list[Schedule[SdkPagedStream, Any]] = []

    def schedule() -> Schedule[SdkPagedStream, Any]:
        schedules.append(Schedule())
        return schedules[-1]

    class Busy(TapZendeskIncremental):
        """A tap that is busy until everything it requested has arrived."""

        def report(self) -> None:
            """Wait until everything has arrived; only private members show that."""
            for one in schedules:
                while one._arrived.qsize() < one._open_turns:  # noqa: SLF001 - see above
                    time.sleep(0.01)

        def report_end(self) -> None:
            """Note how many pages of tickets were written."""
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
    """It would retry a page for ten minutes or forever, in whatever process runs the tap."""
    zendesk.faults.add("status", code=code, path=TICKETS, times=99, headers={"Retry-After": "1"})
    zendesk.faults.add("status", code=401, path="incremental/users", times=99)
    before = {*threading.enumerate()}
    with pytest.raises(RefusedError, match="users: HTTP 401"):
        sync(config_for(zendesk), catalog=select("tickets", "users"))
    for thread in {*threading.enumerate()} - before:
        if thread.name == "fetching":
            thread.join(20)
            assert not thread.is_alive()


def test_a_wrong_login_is_reported_once(zendesk: Simulator, tmp_path: Path) -> None:
    run = FastTap(zendesk, tmp_path, *STREAMS).run(access_token="wrong")
    check_failed(run)
    assert run.stderr.count("HTTP 401") <= 2  # discovery may report it too
    assert len(exports(zendesk)) == 1


def test_a_wrong_login_is_tried_once_after_streams_that_send_no_request(
    zendesk: Simulator, tmp_path: Path
) -> None:
    tap = FastTap(zendesk, tmp_path, "articles", "groups", *STREAMS)
    run = tap.run(access_token="wrong", stream_maps={"articles": "__NULL__", "groups": "__NULL__"})
    check_failed(run)
    assert run.stderr.count("is removed by its stream map") == 2
    assert len([r for r in zendesk.requests if "custom_objects" not in r.path]) == 1


def test_a_token_is_renewed_once_for_all_threads(zendesk: Simulator, tmp_path: Path) -> None:
    """Zendesk refuses the token of several requests at once, three times over."""
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
        """Return whether three requests are held, and the last one of every path was accepted."""
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


def test_a_token_that_not_every_server_knows_yet_is_renewed_once_for_all_threads(
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
def test_a_signal_while_all_threads_wait_loses_nothing(
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
    """Return the ids that a bookmark covers: those before its second, or up to its cursor."""
    if "cursor" not in bookmark:
        return {i for second, i in index if second < int(bookmark.get("end_time", 0))}
    cursor = base64.b64decode(bookmark["cursor"]).decode()
    last_second, last_id, _ = re.split(r"\.0\|\||\|", cursor)
    last = int(last_second), int(last_id or 0)
    return {place[1] for place in index if place <= last}


def check_states(run: Run, zendesk: Simulator) -> None:
    """Assert that every record that a bookmark covers was written before that bookmark."""
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
"""Streams with four limits, whose bookmarks show a position in the order of their records."""


@settings(max_examples=25)
@given(
    per_page=st.integers(3, 40),
    slow=st.lists(
        st.tuples(st.sampled_from(STREAMS), st.integers(0, 6), st.floats(0.01, 0.05)), max_size=8
    ),
)
def test_each_state_covers_only_written_records(
    zendesk_of_all: Simulator, per_page: int, slow: list[tuple[str, int, float]]
) -> None:
    """The real threads run, and some answers are late."""
    zendesk_of_all.clear()
    for stream, after, seconds in slow:
        zendesk_of_all.faults.add(
            "slow_body", path=f"incremental/{stream}", after=after, seconds=seconds, pieces=2
        )
    run = sync(config_for(zendesk_of_all, per_page=per_page), catalog=select(*ORDERED))
    check_complete([run], zendesk_of_all, *ORDERED, once=False)
    check_states(run, zendesk_of_all)


class InAnyOrder:
    """A schedule that yields the items of its sources in a given order."""

    def __init__(self, picks: Iterator[int]) -> None:
        """Choose the next source by its number."""
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
def test_no_order_of_pages_puts_a_state_ahead_of_written_records(
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
    """An account that many runs share, and small enough for them."""
    with Simulator(tickets=20, users=12, organizations=8) as simulator:
        yield simulator


def test_memory_holds_one_page_for_each_limit_and_the_page_being_written(
    zendesk: Simulator,
) -> None:
    """That holds however slow the target is."""
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
            """Take some time."""
            time.sleep(0.02)

    with mock.patch.object(export_stream, "ReadyPage", side_effect=counted):
        sync(config_for(zendesk, per_page=5), catalog=select(*STREAMS), tap=Slow)
    assert len(most) > 20
    limits = 2  # the limit of users, and the one that the other streams share
    assert max(most) <= limits + 1


def test_batch_files_are_written_one_stream_at_a_time(zendesk: Simulator, tmp_path: Path) -> None:
    root = (tmp_path / "batches").as_uri()
    files = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": root}}
    run = sync(config_for(zendesk, batch_config=files), catalog=select("tickets", "users"))
    streams = [m["stream"] for m in run.messages if m["type"] == "BATCH"]
    assert sorted(set(streams), key=streams.index) == ["tickets", "users"]
    assert streams == sorted(streams, key=["tickets", "users"].index)


def test_a_writer_that_fails_ends_the_run_at_once(
    zendesk: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write error does not belong to one stream, so nothing more is written."""

    class Broken(TapZendeskIncremental):
        """A tap that fails while it reports its progress."""

        begins = True

        def report(self) -> None:
            """Fail, but not on the first call."""
            if not self.begins:
                msg = "no report"
                raise OSError(msg)
            self.begins = False

    monkeypatch.setattr(zendesk.settings, "page_delay", 0.01)
    with pytest.raises(OSError, match="no report"):
        sync(config_for(zendesk, per_page=5), catalog=select(*STREAMS), tap=Broken)
    assert len(exports(zendesk)) <= 4
