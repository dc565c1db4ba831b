"""Every fault on the way is survived, or ends the run in one line; no record is lost or doubled."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from tap_zendesk_incremental.bookmarks import SAFE_SECONDS

from .faulty import TICKETS, FastTap, check_complete, pages_asked
from .running import STREAMS, TIMEOUT_SECONDS, Run, command_for, config_for, start

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

FAULTS: dict[str, dict[str, Any]] = {
    **{
        f"HTTP {code}": {"kind": "status", "code": code}
        for code in (408, 409, 500, 502, 503, 504, 520, 521, 522, 523, 524)
    },
    "reset": {"kind": "reset"},
    "no answer": {"kind": "hang", "seconds": 2.0},
    "a slow body": {"kind": "slow_body", "seconds": 1.6, "pieces": 8},
    "a body cut short": {"kind": "cut"},
    "half a JSON": {"kind": "not_json"},
    "HTML": {"kind": "html"},
    "nothing": {"kind": "empty"},
    "no records": {"kind": "no_records"},
}
# After these the next try asks for fewer records.
SLOW = {"HTTP 504", "no answer", "a slow body"}


@pytest.fixture
def tap(zendesk: Simulator, tmp_path: Path) -> FastTap:
    """The tap beside an account of its own, exporting tickets."""
    return FastTap(zendesk, tmp_path)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_tried_again(tap: FastTap, name: str) -> None:
    tap.zendesk.faults.add(path=TICKETS, after=2, **FAULTS[name])
    run = tap.run(per_page=10, request_timeout=1)
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    assert tap.zendesk.faults.met == [FAULTS[name]["kind"]]
    (line,) = run.log("WARNING")
    assert "try 1 of a page failed" in line
    asked = [request.params for request in pages_asked(tap.zendesk)]
    assert asked[2] == asked[3]
    assert len(asked) == 6
    assert "html" not in run.stderr


def test_every_fault_in_a_row(tap: FastTap) -> None:
    """The same page survives all of them, and the pages after it are none the worse."""
    for fault in FAULTS.values():
        tap.zendesk.faults.add(path=TICKETS, after=1, **fault)
    run = tap.run(per_page=20, request_timeout=1)
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    assert len(tap.zendesk.faults.met) == len(FAULTS)


def test_faults_of_every_stream_and_method(zendesk: Simulator, tmp_path: Path) -> None:
    tap = FastTap(zendesk, tmp_path, *STREAMS)
    for stream in STREAMS:
        for kind in ("reset", "cut", "html"):
            zendesk.faults.add(kind, path=f"incremental/{stream}", after=1)
    for method in ("cursor", "time"):
        run = tap.run(per_page=10, export_method=method)
        assert run.exit_code == 0, run.stderr
        check_complete([run], zendesk, *STREAMS, once=True)
    assert len(zendesk.faults.met) == 12


def test_refused_connections(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.refuse(3600.0)
    with start(command_for(tmp_path, config=config_for(zendesk))) as process:
        assert process.stderr
        log = b""
        while b"refused" not in log:
            line = process.stderr.readline()
            assert line, "the run has ended"
            log += line
        zendesk.refuse(0.0)
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    run = Run(process.returncode, output, (log + errors).decode())
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *STREAMS, once=True)
    assert any("refused" in line for line in run.log("WARNING"))


def test_retry_after_of_503_is_obeyed(tap: FastTap) -> None:
    headers = {"Retry-After": "765"}
    tap.zendesk.faults.add("status", path=TICKETS, code=503, headers=headers)
    run = tap.run()
    assert run.exit_code == 0
    (line,) = run.log("WARNING")
    assert "next try in 765.0 s" in line


@pytest.mark.parametrize("name", sorted(SLOW))
def test_time_outs_ask_for_half(tap: FastTap, name: str) -> None:
    tap.zendesk.store.fill("tickets", range(1_700_000_000, 1_700_001_200))
    tap.zendesk.faults.add(path=TICKETS, times=2, **FAULTS[name])
    run = tap.run(per_page=240, request_timeout=1)
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    sizes = [int(request.params["per_page"]) for request in pages_asked(tap.zendesk)]
    assert sizes[:6] == [240, 120, 60, 60, 60, 120]
    assert sizes[-1] == 240


def test_time_outs_stop_at_fifty(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=504, times=8, path=TICKETS)
    run = tap.run()
    assert run.exit_code == 0
    sizes = [int(request.params["per_page"]) for request in pages_asked(tap.zendesk)]
    assert sizes == [1000, 500, 250, 125, 62, 50, 50, 50, 50]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "status", "code": 502}, "HTTP 502, Fault: Something went wrong"),
        ({"kind": "status", "code": 502, "shape": "html"}, "HTTP 502"),
        ({"kind": "reset"}, "reset by peer"),
        ({"kind": "empty"}, "not a page of tickets"),
    ],
)
def test_giving_up_is_one_line(tap: FastTap, fault: dict[str, Any], says: str) -> None:
    tap.zendesk.faults.add(times=100, after=2, path=TICKETS, **fault)
    run = tap.run(per_page=10)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    state = run.state
    assert state
    cursor = state["bookmarks"]["tickets"]["cursor"]
    assert f"tickets: gave up on the page at cursor={cursor} with per_page=10: " in line
    assert says in line
    assert "state is safe: run again with it" in line
    assert "Traceback" not in run.stderr
    assert "<" not in line
    assert len(run.records["tickets"]) == 20
    tap.zendesk.clear()
    again = tap.run(per_page=10, state=state)
    assert again.exit_code == 0
    check_complete([run, again], tap.zendesk, once=True)


def test_the_waits_before_giving_up_are_about_ten_minutes(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=500, times=100)
    waits = [float(wait) for wait in re.findall(r"next try in ([\d.]+) s", tap.run().stderr)]
    assert len(waits) == 24
    assert max(waits) <= 60
    assert len(set(waits)) > 12
    # Full jitter: 570 s on average, with a deviation of 75.
    assert 200 < sum(waits) < 940


def test_a_run_stops_where_it_gave_up(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.faults.add("status", code=500, times=100, path="ticket_events")
    run = FastTap(zendesk, tmp_path, *STREAMS).run()
    assert run.exit_code == 1
    assert run.records["organizations"]
    assert set(run.state["bookmarks"]) == {"organizations"} if run.state else False
    assert not pages_asked(zendesk)


def test_nobody_listens(tap: FastTap) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        run = tap.run(api_url=f"http://127.0.0.1:{port}")
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert f"no answer from http://127.0.0.1:{port}" in line
    assert "refused" in line
    assert "check subdomain" in line
    assert len(run.log("WARNING")) == 5
    assert len(line) < 600


def test_a_host_that_does_not_exist(tap: FastTap) -> None:
    run = tap.run(api_url="https://no-such-host.invalid")
    assert run.exit_code == 1
    assert len(run.log("WARNING")) == 5
    (line,) = run.log("ERROR")
    assert "resolve" in line


def test_a_stuck_cursor_names_the_stream(tap: FastTap) -> None:
    tap.zendesk.faults.add("stuck_cursor", times=100, after=1, path=TICKETS)
    run = tap.run(per_page=10)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "tickets: " in line
    assert "does not advance" in line


@pytest.mark.parametrize("shape", ["title", "description", "errors", "plain", "html", "empty"])
@pytest.mark.parametrize(
    ("code", "advice"),
    [(401, "check the settings to log in"), (403, "admin"), (404, "check subdomain")],
)
def test_refusals_are_one_line(tap: FastTap, shape: str, code: int, advice: str) -> None:
    tap.zendesk.faults.add("status", code=code, shape=shape, title="RecordNotFound", message="No.")
    run = tap.run()
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert f"tickets: HTTP {code}" in line
    assert advice in line
    if shape not in {"html", "empty"}:
        assert "No" in line
    if shape in {"title", "description", "errors"}:
        assert "RecordNotFound" in line
    assert "<" not in run.stderr
    assert "Traceback" not in run.stderr
    assert len(tap.zendesk.requests) == 1


@pytest.mark.parametrize("code", [400, 422])
def test_a_refused_cursor_is_left_for_the_replication_key(tap: FastTap, code: int) -> None:
    newest = max(second for second, _ in tap.zendesk.store.records["tickets"].index)
    bookmark = {
        "replication_key": "generated_timestamp",
        "replication_key_value": newest,
        "cursor": "bm90IGEgY3Vyc29y",
    }
    if code == 422:
        tap.zendesk.faults.add("status", code=422, shape="description")
    run = tap.run(state={"bookmarks": {"tickets": bookmark}})
    assert run.exit_code == 0, run.stderr
    (line,) = run.log("WARNING")
    assert f"HTTP {code}" in line
    start = newest - SAFE_SECONDS
    assert f"{start}" in line
    refused, asked = pages_asked(tap.zendesk)
    assert refused.params["cursor"] == bookmark["cursor"]
    assert asked.params["start_time"] == str(start)
    times = {record["generated_timestamp"] for record in run.records["tickets"]}
    assert newest in times
    assert min(times) >= start
    state = run.state
    assert state
    assert state["bookmarks"]["tickets"]["cursor"] != bookmark["cursor"]


def test_a_cursor_refused_in_the_middle_of_a_run_is_left_too(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=400, shape="description", path="cursor=", after=2)
    run = tap.run(per_page=5)
    assert run.exit_code == 0, run.stderr
    (line,) = run.log("WARNING")
    assert "goes on from a day before the last record" in line
    assert {record["id"] for record in run.records["tickets"]} == set(
        tap.zendesk.store.records["tickets"]
    )


def test_a_cursor_that_is_always_refused_ends_the_run(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", times=99, code=400, shape="description", path="cursor=")
    run = tap.run(per_page=5)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "does not take the cursor any more" in line
    assert len(tap.zendesk.requests) < 10


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (b'{"bookmarks": {"tickets": {"curs', "state"),
        (b"\xff\xfe\x00", "state"),
        (b"", "state"),
        ([], "Expected `object`, got `array`"),
        ({"bookmarks": []}, "bookmarks is not an object"),
        ({"bookmarks": {"tickets": "yesterday"}}, "bookmark of tickets"),
        ({"bookmarks": {"tickets": {"cursor": 5}}}, "cursor of a wrong type"),
        ({"bookmarks": {"tickets": {"end_time": "now"}}}, "end_time of a wrong type"),
        ({"bookmarks": {"tickets": {"cursor_v2": {}}}}, "later version"),
        (
            {
                "bookmarks": {
                    "tickets": {
                        "replication_key": "generated_timestamp",
                        "replication_key_value": "soon",
                    }
                }
            },
            "no date",
        ),
    ],
)
def test_a_damaged_state_exports_nothing(tap: FastTap, state: object, says: str) -> None:
    run = tap.run(state=state)
    assert run.exit_code not in {0, None}
    (line,) = run.log("ERROR") + run.log("CRITICAL")
    assert says in line
    assert "Unexpected" not in line
    assert "Traceback" not in run.stderr
    assert not run.stdout
    assert not tap.zendesk.requests


def test_a_bookmark_of_nulls_is_none(tap: FastTap) -> None:
    bookmark = dict.fromkeys(("replication_key", "replication_key_value", "cursor"))
    run = tap.run(state={"bookmarks": {"tickets": bookmark}})
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)


def test_dates_are_understood_in_retry_after(tap: FastTap) -> None:
    later = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=10), usegmt=True)
    tap.zendesk.faults.add("status", path=TICKETS, code=503, headers={"Retry-After": later})
    run = tap.run()
    assert run.exit_code == 0
    (wait,) = re.findall(r"next try in ([\d.]+) s", run.stderr)
    assert 590 < float(wait) <= 600
