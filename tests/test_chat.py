"""The streams of Zendesk Chat: their own login, and servers that behave in different ways."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.state import iso
from tap_zendesk_incremental.streams import chat

from .accounts import KEYS, asked, holds, lines_about, whole
from .processes import FastTap
from .running import config_for, run_tap, select
from .simulator import Simulator, credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .running import Json, Run

STREAMS = ("chats", "chat_agent_timeline", "chat_conversions", "chat_department_events")
PATH = "/chat/incremental/"
TOKEN = "chat_access_token"
OLD = 400
"""Records this many seconds old can be requested: the limit, and some margin."""


@pytest.fixture
def few() -> Iterator[Simulator]:
    """An account with few records."""
    with Simulator(extras=12) as simulator:
        yield simulator


def run(
    zendesk: Simulator, folder: Path, *streams: str, state: Json | None = None, **settings: object
) -> Run:
    zendesk.requests.clear()
    config = config_for(zendesk, **settings)
    return run_tap(folder, config, catalog=select(*(streams or STREAMS)), state=state)


def bearers(zendesk: Simulator, path: str) -> set[str]:
    """Return the tokens that were sent with requests for a path."""
    requests = [request for request in zendesk.requests if re.search(path, request.path)]
    return {request.headers["authorization"].partition("Bearer ")[2] for request in requests}


@pytest.mark.parametrize("per_page", [1, 4, 1000])
def test_all_records_come_once_and_then_only_changes(
    zendesk: Simulator, tmp_path: Path, per_page: int
) -> None:
    first = run(zendesk, tmp_path, per_page=per_page)
    assert first.exit_code == 0, first.stderr
    for stream in STREAMS:
        assert whole(first, stream) == holds(zendesk, stream)
    assert not first.log("WARNING")
    nothing = run(zendesk, tmp_path, per_page=per_page, state=first.state)
    assert not any(nothing.records.values())
    assert len(asked(zendesk, PATH)) == len(STREAMS)
    assert nothing.state == first.state
    at = int(time.time()) - OLD
    zendesk.store.update("chats", max(zendesk.store.records["chats"]), at=at, tags=["late"])
    new = {stream: zendesk.store.create(stream, at=at + 1) for stream in STREAMS[1:]}
    second = run(zendesk, tmp_path, per_page=per_page, state=nothing.state)
    assert second.exit_code == 0, second.stderr
    assert [record["tags"] for record in second.records["chats"]] == [["late"]]
    for stream, record in new.items():
        assert whole(second, stream) == {record[KEYS[stream]]: record}


def test_requests_and_bookmarks(zendesk: Simulator, tmp_path: Path) -> None:
    start = int(time.time()) - 1_000_000
    first = run(zendesk, tmp_path, start_date=iso(start))
    assert first.exit_code == 0, first.stderr
    for name in ("chats", "agent_timeline", "conversions", "department_events"):
        begin, *more = asked(zendesk, f"{PATH}{name}")
        unit = 1_000_000 if name == "agent_timeline" else 1
        assert begin == {
            "fields": f"{name}(*)",
            "limit": "1000",
            "start_time": str(start * unit),
        }
        for params in more:
            assert params.keys() == {"fields", "limit", "start_time", "start_id"}
            assert int(params["start_time"]) // unit > start
    assert first.state
    timeline = asked(zendesk, "agent_timeline")[-1]
    second = int(timeline["start_time"]) // 1_000_000
    assert first.state["bookmarks"]["chat_agent_timeline"] == {
        "replication_key": "start_time",
        "replication_key_value": iso(second),
        "end_time": second,
        "after_cursor": f"{timeline['start_time']}/{timeline['start_id']}",
        "until": None,
    }


def test_a_second_that_holds_more_than_a_page(zendesk: Simulator, tmp_path: Path) -> None:
    at = int(time.time()) - 100_000
    for stream in STREAMS:
        zendesk.store.fill(stream, [*[at] * 30, at + 5])
    done = run(zendesk, tmp_path, per_page=4)
    assert done.exit_code == 0, done.stderr
    for stream in STREAMS:
        assert whole(done, stream).keys() == holds(zendesk, stream).keys()


@pytest.mark.parametrize("cap", [3, 1000])
def test_a_server_that_caps_pages(zendesk: Simulator, tmp_path: Path, cap: int) -> None:
    zendesk.settings.cap = cap
    done = run(zendesk, tmp_path)
    for stream in STREAMS:
        assert whole(done, stream) == holds(zendesk, stream)


def test_a_server_that_ignores_start_id(few: Simulator, tmp_path: Path) -> None:
    few.settings.chat_start_id = False
    done = run(few, tmp_path)
    assert done.exit_code == 0, done.stderr
    for stream in STREAMS:
        assert whole(done, stream) == holds(few, stream)
    again = run(few, tmp_path, state=done.state)
    assert again.exit_code == 0, again.stderr
    for stream in STREAMS:
        newest = few.store.records[stream].index[-1][0]
        seconds = {id_: second for second, id_ in few.store.records[stream].index}
        assert {seconds[id_] for id_ in whole(again, stream)} == {newest}


def test_a_server_that_ignores_start_id_cannot_pass_a_full_second(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.settings.chat_start_id = False
    at = int(time.time()) - 100_000
    zendesk.store.fill("chats", [*[at] * 30, at + 5])
    done = run(zendesk, tmp_path, "chats", "groups", per_page=4)
    assert done.exit_code == 1
    assert len(done.records["chats"]) == 4
    assert done.records["groups"]
    [line] = done.log("ERROR")
    assert f"chats: Zendesk repeats a page of 4 records at start_time {at}" in line
    zendesk.settings.chat_start_id = True
    rest = run(zendesk, tmp_path, "chats", state=done.state)
    assert len(rest.records["chats"]) == 27


def test_an_end_time_in_the_future(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.last_end_time = "future"
    done = run(zendesk, tmp_path)
    assert done.exit_code == 0, done.stderr
    for stream in STREAMS:
        assert whole(done, stream) == holds(zendesk, stream)
    new = {stream: zendesk.store.create(stream, at=int(time.time()) - OLD) for stream in STREAMS}
    second = run(zendesk, tmp_path, state=done.state)
    for stream, record in new.items():
        assert record[KEYS[stream]] in whole(second, stream)


def test_records_too_recent_for_a_start_time_come_again(zendesk: Simulator, tmp_path: Path) -> None:
    """Zendesk serves records of the last five minutes, but refuses a start time among them."""
    new = zendesk.store.create("chats", at=int(time.time()) - 100)
    runs = [run(zendesk, tmp_path, "chats")]
    zendesk.store.create("chats", at=int(time.time()) - 200, id="late")
    runs.append(run(zendesk, tmp_path, "chats", state=runs[0].state))
    assert all(one.exit_code == 0 for one in runs)
    assert new["id"] in whole(runs[0], "chats")
    assert whole(runs[1], "chats").keys() == {new["id"], "late"}


def test_slices_stop_at_their_end_date(zendesk: Simulator, tmp_path: Path) -> None:
    seconds = {
        stream: {id_: second for second, id_ in zendesk.store.records[stream].index}
        for stream in STREAMS
    }
    state: Json | None = None
    came: dict[str, set[object]] = {stream: set() for stream in STREAMS}
    for place in (8, 15):
        end = sorted(seconds["chats"].values())[place] + 1
        done = run(zendesk, tmp_path, per_page=4, state=state, end_date=iso(end))
        assert done.exit_code == 0, done.stderr
        state = done.state
        for stream in STREAMS:
            came[stream] |= whole(done, stream).keys()
            assert came[stream] == {id_ for id_, at in seconds[stream].items() if at < end}
    rest = run(zendesk, tmp_path, per_page=4, state=state)
    for stream in STREAMS:
        assert came[stream] | whole(rest, stream).keys() == seconds[stream].keys()


def test_each_login_is_sent_only_to_its_own_api(zendesk: Simulator, tmp_path: Path) -> None:
    done = run(zendesk, tmp_path, *STREAMS, "tickets", "talk_calls")
    assert done.exit_code == 0, done.stderr
    assert bearers(zendesk, PATH) == {credentials.CHAT_ACCESS_TOKEN}
    assert bearers(zendesk, f"^(?!.*{PATH})") == {credentials.ACCESS_TOKEN}


@pytest.mark.parametrize("token", ["wrong-token", credentials.ACCESS_TOKEN])
def test_a_wrong_chat_token_fails_only_chat(zendesk: Simulator, tmp_path: Path, token: str) -> None:
    done = run(zendesk, tmp_path, "chats", "tickets", "groups", chat_access_token=token)
    assert done.exit_code == 1
    assert not done.records["chats"]
    for stream in ("tickets", "groups"):
        assert whole(done, stream) == holds(zendesk, stream)
    [line] = done.log("ERROR")
    assert "chats: HTTP 401, Unauthorized" in line
    assert f"check {TOKEN}" in line
    assert "export_method" not in done.stderr
    assert token not in done.stderr


@pytest.mark.parametrize("setting", [None, "", " "])
def test_chat_is_skipped_with_one_line_without_a_token(
    zendesk: Simulator, tmp_path: Path, setting: str | None
) -> None:
    done = run(zendesk, tmp_path, "chats", "groups", chat_access_token=setting)
    assert done.exit_code == 0
    assert whole(done, "groups") == holds(zendesk, "groups")
    [line] = [line for line in done.stderr.splitlines() if TOKEN in line]
    assert f"chats needs the setting {TOKEN}; it is skipped" in line
    assert not asked(zendesk, PATH)


@pytest.mark.parametrize("status", [402, 403, 404])
def test_an_account_without_chat(zendesk: Simulator, tmp_path: Path, status: int) -> None:
    zendesk.settings.denied = {"chats": status}
    done = run(zendesk, tmp_path, "chats", "groups")
    assert done.exit_code == 0
    [line] = lines_about(done, "chats")
    assert "the stream is skipped" in line
    assert ("this account may not have Chat" in line) is (status != 402)


def test_the_token_is_never_written(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.faults.add("status", code=401, path=PATH, message=credentials.CHAT_ACCESS_TOKEN)
    tap = FastTap(zendesk, tmp_path, *STREAMS)
    for settings in ({}, {TOKEN: [credentials.CHAT_ACCESS_TOKEN]}):
        done = tap.run(debug=True, **settings)
        assert done.exit_code == 1
        assert "(hidden)" in done.stderr or f"{TOKEN} must be of type string" in done.stderr


def test_a_record_with_an_incomplete_key_has_no_key(few: Simulator, tmp_path: Path) -> None:
    """Records without a key are never taken for one another."""
    at = int(time.time()) - 100_000
    body = (
        '{"agent_timeline": [{"start_time": "2026-01-01T00:00:00.000001Z", "status": "away"},'
        '{"start_time": "2026-01-01T00:00:00.000001Z", "status": "online", "agent_id": null}],'
        f'"end_time": {at}000000, "end_id": 5, "next_page": "https://x.example/?start_time=1"}}'
    )
    few.store.fill("chat_agent_timeline", [at - 10])
    few.faults.add("status", code=200, path=PATH, body=body, times=2)
    done = run(few, tmp_path, "chat_agent_timeline")
    assert [one["status"] for one in done.records["chat_agent_timeline"]][:4] == [
        *("away", "online", "away", "online")
    ]
    [line] = done.log("WARNING")
    assert "chat_agent_timeline: Zendesk sends records without agent_id and start_time" in line
    assert asked(few, PATH)[1]["start_id"] == "5"


def test_times_are_in_the_unit_of_the_endpoint() -> None:
    endpoint = chat.ChatAgentTimeline.time
    second, cursor = endpoint.from_ticks(1_607_918_912_301_292, "abc/d")
    assert (second, cursor) == (1_607_918_912, "1607918912301292/abc/d")
    asked_for = dict(endpoint.query({"start_time": second, "cursor": str(cursor), "per_page": 7}))
    assert asked_for == {
        "fields": "agent_timeline(*)",
        "start_time": 1_607_918_912_301_292,
        "start_id": "abc/d",
        "limit": 7,
    }
    assert dict(endpoint.query({"start_time": 5}))["start_time"] == 5_000_000
    assert chat.Chats.time.from_ticks(5, "abc") == (5, "abc")
