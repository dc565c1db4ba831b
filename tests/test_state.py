"""Bookmarks: where an export starts, where it is after a page, and which states are invalid."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zendesk_incremental import state
from tap_zendesk_incremental.http.endpoint import cursor_export, time_export
from tap_zendesk_incremental.state import SAFE_SECONDS, epoch
from tap_zendesk_incremental.streams.chat import Chats
from tap_zendesk_incremental.streams.support import RoutingAttributes, Tickets, Users

Json = dict[str, Any]
CURSOR_EXPORT = cursor_export("/cursor")
TIME_EXPORT = time_export("/time")
AT = 1_695_062_724
TICKETS: Json = {
    "replication_key": "generated_timestamp",
    "replication_key_value": AT,
    "cursor": "MTY5",
}
USERS: Json = {
    "replication_key": "updated_at",
    "replication_key_value": "2023-09-18T18:45:24Z",
    "end_time": AT + 1,
}


@pytest.mark.parametrize(
    ("value", "second"),
    [
        (AT, AT),
        ("2023-09-18T18:45:24Z", AT),
        ("2023-09-18T20:45:24+02:00", AT),
        ("2023-09-18T18:45:24", AT),
        ("2023-09-18T18:45:24.999Z", AT),
        ("2023-09-18", AT - AT % 86_400),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_epoch(value: str | int, second: int) -> None:
    assert state.epoch(value) == second


@given(st.integers(epoch("0001-01-01T00:00:00Z"), epoch("9999-12-31T23:59:59Z")))
def test_iso_and_back(second: int) -> None:
    assert state.epoch(state.iso(second)) == second


@pytest.mark.parametrize(
    ("bookmark", "by_cursor", "start_date", "start"),
    [
        ({}, True, None, {"start_time": 0}),
        ({}, False, "2023-09-18T18:45:24Z", {"start_time": AT}),
        (TICKETS, True, None, {"cursor": "MTY5"}),
        (TICKETS, True, "2020-01-01", {"cursor": "MTY5"}),
        (TICKETS, True, "2023-09-18T18:45:24Z", {"cursor": "MTY5"}),
        (TICKETS, True, "2023-09-18T18:45:25Z", {"start_time": AT + 1}),
        # The time of a record is not an exact position in the export.
        (TICKETS, False, None, {"start_time": AT - SAFE_SECONDS}),
        (TICKETS, False, "2023-09-18T18:45:20Z", {"start_time": AT - 4}),
        (
            TICKETS | {"replication_key": "updated_at"},
            False,
            None,
            {"start_time": AT - SAFE_SECONDS},
        ),
        ({"cursor": "MTY5"}, True, None, {"cursor": "MTY5"}),
        ({"cursor": "MTY5"}, True, "2023-09-18", {"cursor": "MTY5"}),
    ],
)
def test_the_start_of_tickets(
    *, bookmark: Json, by_cursor: bool, start_date: str | None, start: Json
) -> None:
    endpoint = Tickets.cursor if by_cursor else Tickets.time
    begun, _ = state.start(bookmark, endpoint, start_date)
    assert begun == start


@pytest.mark.parametrize(
    ("bookmark", "by_cursor", "start_date", "start"),
    [
        (USERS, False, None, {"start_time": AT + 1}),
        (USERS, False, "2023-09-18T18:45:24Z", {"start_time": AT + 1}),
        (USERS, False, "2023-09-18T18:45:30Z", {"start_time": AT + 6}),
        (USERS, True, None, {"start_time": AT + 1}),
        ({"end_time": AT}, False, None, {"start_time": AT}),
        ({"end_time": AT}, False, "2023-09-18T18:45:25Z", {"start_time": AT + 1}),
        ({"end_time": AT}, True, None, {"start_time": AT}),
    ],
)
def test_the_start_of_users(
    *, bookmark: Json, by_cursor: bool, start_date: str | None, start: Json
) -> None:
    endpoint = Users.cursor if by_cursor else Users.time
    assert state.start(bookmark, endpoint, start_date) == (start, True)


@pytest.mark.parametrize("start_date", [None, "2030-01-01"])
def test_an_export_without_times_starts_at_its_cursor(start_date: str | None) -> None:
    for bookmark, start in (({}, {}), (TICKETS, {"cursor": "MTY5"}), (USERS, {})):
        begun = state.start(bookmark, RoutingAttributes.cursor, start_date)
        assert begun == (start, True)


def test_a_cursor_within_a_second_needs_the_second() -> None:
    for end_time, start in ((None, {"start_time": 0}), (5, {"start_time": 5, "cursor": "x"})):
        bookmark = {"after_cursor": "x", "end_time": end_time}
        assert state.start(bookmark, Chats.time, None) == (start, True)


def test_the_bookmark_after_a_page() -> None:
    key = "generated_timestamp"
    assert state.after({}, CURSOR_EXPORT, key, AT, {"cursor": "MTY5"}) == TICKETS
    # An empty page moves only the token. Keys that only old states have are dropped.
    old = TICKETS | {"progress_markers": {}, "starting_replication_value": 1, "end_time": 5}
    after = state.after(old, CURSOR_EXPORT, key, None, {"cursor": "Mg=="})
    assert after == TICKETS | {"cursor": "Mg=="}
    after = state.after({}, TIME_EXPORT, "updated_at", None, {"start_time": AT, "per_page": 7})
    assert after == {"end_time": AT}
    # The value of another replication key is dropped.
    after = state.after(TICKETS, TIME_EXPORT, "updated_at", None, {"start_time": AT})
    assert after == {"end_time": AT}


def test_a_bookmark_never_moves_back() -> None:
    assert (
        state.after(USERS, TIME_EXPORT, "updated_at", "2001-01-01T00:00:00Z", {"start_time": 5})
        == USERS
    )
    later = state.after(
        USERS, TIME_EXPORT, "updated_at", "2030-01-01T00:00:00Z", {"start_time": AT + 9}
    )
    assert later == USERS | {
        "replication_key_value": "2030-01-01T00:00:00Z",
        "end_time": AT + 9,
    }


@pytest.mark.parametrize(
    "bookmark",
    [
        {},
        TICKETS,
        USERS,
        {"replication_key": None, "cursor": None},
        {"starting_replication_value": None, "progress_markers": {}},
    ],
)
def test_valid_bookmarks(bookmark: Json) -> None:
    assert state.problem_of(bookmark) is None


@pytest.mark.parametrize(
    ("bookmark", "problem"),
    [
        ({"cursor": 5}, "has a value of the wrong type in cursor: 5"),
        ({"end_time": "5"}, "has a value of the wrong type in end_time: '5'"),
        ({"end_time": True}, "has a value of the wrong type in end_time: True"),
        (
            {"replication_key_value": 1.5},
            "has a value of the wrong type in replication_key_value: 1.5",
        ),
        (
            {"replication_key_value": "late"},
            "has a value in replication_key_value that is not a date: '",
        ),
        ({"end_time": 4_102_444_800}, "is at 2100-01-01T00:00:00Z, which is in the future"),
        (
            USERS | {"end_time": None, "replication_key_value": "2100-01-01T00:00:00Z"},
            "is at 2100-01-01T00:00:00Z, which is in the future",
        ),
        (
            TICKETS | {"replication_key_value": 4_102_444_800},
            "is at 2100-01-01T00:00:00Z, which is in the future",
        ),
        ({"page_token_v2": 1}, "has the unknown key 'page_token_v2'; a later version"),
    ],
)
def test_invalid_bookmarks(bookmark: Json, problem: str) -> None:
    assert str(state.problem_of(bookmark)).startswith(problem)
