"""Faults of servers and networks are retried, or end the run in one line. No record is lost."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from tap_zendesk_incremental.auth import oauth
from tap_zendesk_incremental.http.retry import HURRIED_TRIES
from tap_zendesk_incremental.http.session import ZendeskSession
from tap_zendesk_incremental.state import SAFE_SECONDS

from .processes import TICKETS, FastTap, check_complete, pages_asked
from .running import STREAMS, TIMEOUT_SECONDS, Run, command_for, config_for, run_tap, select, start
from .running import run as run_command
from .simulator import credentials

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

FAULTS: dict[str, dict[str, Any]] = {
    **{
        f"HTTP {code}": {"kind": "status", "code": code}
        for code in (408, 409, 500, 502, 503, 504, 520, 521, 522, 523, 524)
    },
    "reset": {"kind": "reset"},
    "no answer": {"kind": "hang", "seconds": 3600.0},
    "a slow body": {"kind": "slow_body", "seconds": 3600.0, "pieces": 8},
    "a body cut short": {"kind": "cut"},
    "half a JSON": {"kind": "not_json"},
    "HTML": {"kind": "html"},
    "nothing": {"kind": "empty"},
    "no records": {"kind": "no_records"},
}
LATE = {"no answer", "a slow body"}
# After these the next try requests fewer records.
SLOW = {"HTTP 504", *LATE}


@pytest.fixture
def tap(zendesk: Simulator, tmp_path: Path) -> FastTap:
    """The tap with an account of its own, exporting tickets."""
    return FastTap(zendesk, tmp_path)


@pytest.mark.parametrize("code", [100, 102, 103])
def test_an_interim_answer_is_not_the_answer(tap: FastTap, code: int) -> None:
    """The final answer must not be taken for the answer to the next request either."""
    tap.zendesk.faults.add("interim", path=TICKETS, after=1, times=9, code=code)
    run = tap.run(per_page=10)
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    assert not run.log("WARNING")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_retried(tap: FastTap, name: str) -> None:
    tap.zendesk.faults.add(path=TICKETS, after=2, **FAULTS[name])
    run = tap.run(per_page=10, request_timeout=3 if name in LATE else None)
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    assert tap.zendesk.faults.met == [FAULTS[name]["kind"]]
    (line,) = run.log("WARNING")
    assert "try 1 of a page failed" in line
    asked = [request.params for request in pages_asked(tap.zendesk)]
    assert asked[2] == asked[3]
    assert len(asked) == 6
    assert "html" not in run.stderr


def test_every_fault_on_one_page(tap: FastTap) -> None:
    """One page survives all of them, and the pages after it are not affected."""
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
            assert line, "the run ended too early"
            log += line
        zendesk.refuse(0.0)
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    run = Run(process.returncode, output, (log + errors).decode())
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, *STREAMS, once=True)
    assert any("refused" in line for line in run.log("WARNING"))


def test_retry_after_of_a_503_is_obeyed(tap: FastTap) -> None:
    headers = {"Retry-After": "765"}
    tap.zendesk.faults.add("status", path=TICKETS, code=503, headers=headers)
    run = tap.run()
    assert run.exit_code == 0
    (line,) = run.log("WARNING")
    assert "next try in 765.0 s" in line


@pytest.mark.parametrize("name", sorted(SLOW))
def test_time_outs_halve_the_page_size(tap: FastTap, name: str) -> None:
    tap.zendesk.store.fill("tickets", range(1_700_000_000, 1_700_001_200))
    tap.zendesk.faults.add(path=TICKETS, times=2, **FAULTS[name])
    run = tap.run(per_page=240, request_timeout=3 if name in LATE else None)
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    sizes = [int(request.params["per_page"]) for request in pages_asked(tap.zendesk)]
    assert sizes[:6] == [240, 120, 60, 60, 60, 120]
    assert sizes[-1] == 240


def test_the_page_size_does_not_fall_below_fifty(tap: FastTap) -> None:
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
def test_giving_up_is_reported_in_one_line(tap: FastTap, fault: dict[str, Any], says: str) -> None:
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


DRIPS: dict[str, dict[str, Any]] = {
    "body": {},
    "headers": {"headers": True},
    "chunks": {"chunked": True},
    "gzip": {"gzip": True},
}


@pytest.mark.parametrize("name", DRIPS)
def test_an_answer_that_trickles_in_is_abandoned_at_its_deadline(tap: FastTap, name: str) -> None:
    """No part of it is late, but the whole would take a quarter of an hour."""
    tap.zendesk.faults.add("drip", path=TICKETS, seconds=0.3, **DRIPS[name])
    run = tap.run(per_page=20, request_timeout=1)
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    lines = run.log("WARNING")  # perhaps also about an answer that a busy machine delayed
    assert lines
    assert all("no answer in time" in line for line in lines)
    assert [request.params["per_page"] for request in pages_asked(tap.zendesk)][:2] == ["20", "20"]


def test_a_token_that_trickles_in_is_abandoned_at_its_deadline(
    zendesk: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "TOKEN_TIMEOUT_SECONDS", 1)
    zendesk.faults.add("drip", path="oauth/tokens", seconds=0.3, headers=True)
    login = {"client_id": credentials.CLIENT_ID, "client_secret": credentials.CLIENT_SECRET}
    authenticator = oauth.RenewingAuthenticator(login, zendesk.url, ZendeskSession(zendesk.url))
    authenticator.update_access_token()
    assert authenticator.access_token
    assert zendesk.faults.met == ["drip"]
    assert len(zendesk.requests) > 1  # the slow answer was abandoned


@pytest.mark.parametrize("code", [500, 502, 503])
def test_repeated_server_errors_halve_the_page_size(tap: FastTap, code: int) -> None:
    """Zendesk answers some accounts this way whenever they request large pages."""
    tap.zendesk.store.fill("tickets", range(1_700_000_000, 1_700_000_900))
    tap.zendesk.faults.add("status", code=code, times=99, path=r"per_page=(\d{4}|[5-9]\d\d)")
    run = tap.run(per_page=1000)
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    sizes = [int(request.params["per_page"]) for request in pages_asked(tap.zendesk)]
    assert sizes[:7] == [1000, 1000, 1000, 500, 500, 500, 250]


def test_the_last_error_names_the_page_size(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=500, times=99, path=TICKETS)
    run = tap.run()
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "with per_page=50: HTTP 500" in line


def test_the_first_request_gives_up_soon_if_nothing_answers(tap: FastTap) -> None:
    tap.zendesk.faults.add("reset", times=99)
    run = tap.run()
    assert run.exit_code == 1
    assert len(tap.zendesk.faults.met) == 6
    waits = [float(wait) for wait in re.findall(r"next try in ([\d.]+) s", run.stderr)]
    assert sum(waits) <= 31


def test_a_run_that_discovers_first_gives_up_just_as_soon(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.faults.add("reset", times=99)
    command = command_for(tmp_path, config=config_for(zendesk))
    done = run_command([sys.executable, "-m", "tests.shortened_waits", *command[1:]])
    assert done.exit_code == 1
    assert len(zendesk.faults.met) == HURRIED_TRIES
    (line,) = done.log("ERROR")
    assert "no answer from" in line


def test_the_tap_keeps_retrying_once_an_account_has_answered(tap: FastTap) -> None:
    tap.zendesk.faults.add("reset", times=20, after=1)
    run = tap.run(per_page=20)
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)


@pytest.mark.parametrize(
    ("stream", "path"), [("tickets", "tickets/sample"), ("schedule_holidays", "holidays")]
)
def test_a_connection_test_gives_up_soon(
    zendesk: Simulator, tmp_path: Path, stream: str, path: str
) -> None:
    zendesk.faults.add("status", code=503, times=99, path=path)
    command = command_for(tmp_path, config=config_for(zendesk), catalog=select(stream))
    done = run_command([sys.executable, "-m", "tests.shortened_waits", *command[1:], "--test"])
    assert done.exit_code == 1
    assert len(zendesk.faults.met) == 6
    (line,) = [line for line in done.log("ERROR") if "gave up" in line]
    assert "HTTP 503" in line


def test_half_a_character_is_replaced_and_reported_once(tap: FastTap) -> None:
    for index in (1, 2):
        tap.zendesk.faults.add(
            "raw",
            path=TICKETS,
            index=index,
            name="subject",
            raw=r'"\\ud83d cut \ud83d end \ud83d\ude00"',
        )
    run = tap.run(per_page=10)
    assert run.exit_code == 0, run.stderr
    (line,) = run.log("WARNING")
    assert "tickets: " in line
    assert "U+FFFD" in line
    subjects = [record["subject"] for record in run.records["tickets"]]
    assert subjects.count("\\ud83d cut \ufffd end \U0001f600") == 2
    assert len(tap.zendesk.requests) == 5
    assert {record["id"] for record in run.records["tickets"]} == set(
        tap.zendesk.store.records["tickets"]
    )


UNREADABLE = {
    "null": "Expected `object`, got `null`",
    '{"id": 77, "subject": "\x01"}': "(id 77)",
    '{"id": "a7", "subject": "\\x"}': '(id "a7")',
    '{"id": 77, "subject": "\xff"}': "(id 77): 'utf-8' codec",
    '{"id": 77, "deep": %s}' % ("[" * 5000 + "]" * 5000): "(id 77): it is nested too deep",
    '{"id": 77, "number": 01}': "(id 77)",
}


@pytest.mark.parametrize("raw", UNREADABLE)
def test_a_page_that_stays_unreadable_names_the_record(tap: FastTap, raw: str) -> None:
    tap.zendesk.faults.add("raw", path=TICKETS, times=99, after=1, index=3, raw=raw)
    run = tap.run(per_page=10)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    state = run.state
    assert state
    cursor = state["bookmarks"]["tickets"]["cursor"]
    assert f"tickets: the page at cursor={cursor} cannot be read" in line
    assert "record 3" in line
    assert UNREADABLE[raw] in line
    assert len(tap.zendesk.faults.met) == 3
    assert len(run.records["tickets"]) == 10
    tap.zendesk.clear()
    again = tap.run(per_page=10, state=state)
    assert again.exit_code == 0
    check_complete([run, again], tap.zendesk, once=True)


@pytest.mark.parametrize("raw", UNREADABLE)
def test_a_page_that_is_unreadable_once_is_requested_again(tap: FastTap, raw: str) -> None:
    tap.zendesk.faults.add("raw", path=TICKETS, raw=raw)
    run = tap.run(per_page=10)
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    (line,) = run.log("WARNING")
    assert "record 1" in line


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ('{"tickets": [{"id": 1}], "next_page": "http://[::1"}', "next_page is not an address"),
        ('{"tickets": [{"id": 1}], "after_cursor": 7}', "$.after_cursor"),
    ],
)
def test_the_error_says_why_a_page_stays_unreadable(tap: FastTap, answer: str, says: str) -> None:
    tap.zendesk.faults.add("status", path=TICKETS, times=99, code=200, body=answer)
    run = tap.run()
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "tickets: the page at start_time=0 cannot be read" in line
    assert says in line
    assert len(tap.zendesk.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nnogzip",
        b"HTTP/1.1 000 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
    ids=["lengths", "chunk below zero", "chunk", "gzip", "status", "header", "continue"],
)
def test_invalid_http_is_retried(tap: FastTap, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT_SECONDS)
        front = threading.Thread(target=_answer_once, args=(listening, answer, tap.zendesk.port))
        front.start()
        run = tap.run(api_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        front.join()
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    assert len(run.log("WARNING")) == 1


def _answer_once(listening: socket.socket, answer: bytes, port: int) -> None:
    """Send an answer to the first request, and let the simulator answer the second."""
    connection, _ = listening.accept()
    # The tap closes the connection once the answer is invalid, perhaps before all is sent.
    with connection, contextlib.suppress(OSError):
        connection.recv(1 << 16)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
    connection, _ = listening.accept()
    with connection, socket.create_connection(("127.0.0.1", port), timeout=10) as upstream:
        request = connection.recv(1 << 16)
        upstream.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
        while data := upstream.recv(1 << 16):
            connection.sendall(data)


@pytest.mark.parametrize(
    ("stream", "product"),
    [
        ("help_center_sections", "a help center"),
        ("community_posts", "a community"),
        ("talk_calls", "Talk"),
    ],
)
@pytest.mark.parametrize("code", [403, 404])
def test_a_missing_product_is_not_blamed_on_the_login(
    zendesk: Simulator, tmp_path: Path, stream: str, product: str, code: int
) -> None:
    zendesk.faults.add("status", code=code, path="/help_center/|/community/|/voice/", times=99)
    run = FastTap(zendesk, tmp_path, "brands", stream).run()
    assert run.exit_code == 0, run.stderr
    (line,) = run.log("WARNING")
    assert f"this account may not have {product}, or has not enabled it" in line
    assert "login" not in line
    assert "subdomain" not in line


@pytest.mark.parametrize("code", [402, 403, 404])
def test_a_stream_that_the_account_lacks_is_skipped(
    zendesk: Simulator, tmp_path: Path, code: int
) -> None:
    catalog = select("articles", "groups")
    zendesk.settings.denied = {"articles": code}
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 0
    [line] = run.log("WARNING")
    assert line.endswith("; the stream is skipped")
    assert "articles" not in run.records
    assert run.records["groups"]
    zendesk.settings.denied["groups"] = 404
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 1
    assert len(run.log("WARNING")) == 2
    [line] = run.log("ERROR")
    assert "Zendesk has refused every selected stream" in line


def test_an_error_in_a_200_answer_shows_the_message_from_zendesk(tap: FastTap) -> None:
    body = '{"error": {"title": "Sorry", "message": "Database unavailable"}}'
    tap.zendesk.faults.add("status", path=TICKETS, code=200, body=body)
    run = tap.run()
    assert run.exit_code == 0, run.stderr
    (line,) = run.log("WARNING")
    assert "Sorry: Database unavailable" in line


@pytest.mark.parametrize("held", ['"text"', "[1]", "7", "null", '{"a": 1}'])
@pytest.mark.parametrize("unknown", [True, False])
def test_a_property_that_zendesk_calls_rescued_data_is_kept(
    tap: FastTap, held: str, *, unknown: bool
) -> None:
    tap.zendesk.faults.add("raw", path=TICKETS, name="_rescued_data", raw=held)
    if unknown:
        tap.zendesk.faults.add("unknown_field", path=TICKETS, name="new", value=1)
    run = tap.run(per_page=25)
    assert run.exit_code == 0, run.stderr
    value = json.loads(held)
    first = run.records["tickets"][1]
    kept = value if held[0] in "{n" else {"_rescued_data": value}
    assert first["_rescued_data"] == kept


@pytest.mark.parametrize("raw", ["1" * 30, "-" + "9" * 15, '"9999-12-31T23:59:59-01:00"', "1e99"])
def test_times_outside_the_calendar_move_no_bookmark(tap: FastTap, raw: str) -> None:
    tap.zendesk.faults.add("raw", path=TICKETS, name="generated_timestamp", raw=raw)
    run = tap.run(per_page=10)
    assert run.exit_code == 0, run.stderr
    assert len(run.records["tickets"]) == len(tap.zendesk.store.records["tickets"])


@pytest.mark.parametrize("stream", ["tickets", "ticket_metric_events", "articles"])
def test_a_redirect_skips_no_stream(zendesk: Simulator, tmp_path: Path, stream: str) -> None:
    zendesk.faults.add("redirect", times=9, path=stream)
    run = FastTap(zendesk, tmp_path, stream).run()
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert f"{stream}: HTTP 302" in line
    assert "another address" in line


def test_a_304_is_no_redirect(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=304, body="", path=TICKETS)
    run = tap.run()
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert line.endswith("tickets: HTTP 304")


@pytest.mark.parametrize(
    ("retry_after", "is_understood"),
    [
        ("10000000000", True),
        ("9" * 5000, True),
        ("Fri, 01 Jan 2999 00:00:00 GMT", True),
        ("Wed, 21 Oct 2026 07:28:00 +99999999999999", False),
    ],
    ids=["seconds", "digits", "date", "zone"],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_wait_for_retry_after_is_bounded(
    tap: FastTap, code: int, retry_after: str, *, is_understood: bool
) -> None:
    headers = {"Retry-After": retry_after}
    tap.zendesk.faults.add("status", code=code, path=TICKETS, headers=headers)
    run = tap.run()
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    waits = re.findall(r"(?:waiting|next try in) ([\d.]+) s", run.stderr)
    assert len(waits) == 1
    assert 0 <= float(waits[0]) <= 900
    assert ("the server asks for" in run.stderr) is is_understood
    assert float(waits[0]) == 900 or not is_understood


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit-remaining": "0", "ratelimit-reset": "1790000000"},
        {"zendesk-ratelimit-brand-new": "total=10; remaining=0; resets=99999999999"},
        {"zendesk-ratelimit-brand-new": "total=10; remaining=0; resets=" + "9" * 5000},
    ],
    ids=["epoch", "huge", "digits"],
)
def test_the_wait_for_a_limit_is_bounded(tap: FastTap, headers: dict[str, str]) -> None:
    tap.zendesk.faults.add("status", code=500, path=TICKETS, headers=headers)
    run = tap.run()
    assert run.exit_code == 0, run.stderr
    check_complete([run], tap.zendesk, once=True)
    (line,) = [line for line in run.stderr.splitlines() if "Zendesk's limit is reached" in line]
    assert "the server asks for" in line
    assert "waiting 900 s" in line


def test_the_waits_before_giving_up_are_about_ten_minutes(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=500, times=100)
    waits = [float(wait) for wait in re.findall(r"next try in ([\d.]+) s", tap.run().stderr)]
    assert len(waits) == 24
    assert max(waits) <= 60
    assert len(set(waits)) > 12
    # Full jitter: 570 s on average, with a standard deviation of 75.
    assert 200 < sum(waits) < 940


def test_a_port_without_a_server(tap: FastTap) -> None:
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
    [(401, "check the login settings"), (403, "admin"), (404, "check subdomain")],
)
def test_refusals_are_reported_in_one_line(
    tap: FastTap, shape: str, code: int, advice: str
) -> None:
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
def test_a_refused_cursor_is_replaced_by_the_replication_key(tap: FastTap, code: int) -> None:
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


def test_a_cursor_refused_in_the_middle_of_a_run_is_replaced_too(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=400, shape="description", path="cursor=", after=2)
    run = tap.run(per_page=5)
    assert run.exit_code == 0, run.stderr
    (line,) = run.log("WARNING")
    assert "goes on from a day before the last page" in line
    assert {record["id"] for record in run.records["tickets"]} == set(
        tap.zendesk.store.records["tickets"]
    )


def test_a_cursor_that_is_always_refused_ends_the_run(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", times=99, code=400, shape="description", path="cursor=")
    run = tap.run(per_page=5)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "Zendesk no longer accepts the cursor" in line
    assert len(tap.zendesk.requests) < 10


def test_dates_are_understood_in_retry_after(tap: FastTap) -> None:
    later = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=10), usegmt=True)
    tap.zendesk.faults.add("status", path=TICKETS, code=503, headers={"Retry-After": later})
    run = tap.run()
    assert run.exit_code == 0
    (wait,) = re.findall(r"next try in ([\d.]+) s", run.stderr)
    assert 590 < float(wait) <= 600
