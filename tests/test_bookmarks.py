"""Bookmarks: where an export starts, where it is after a page, and which states are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zendesk_incremental import bookmarks
from tap_zendesk_incremental.bookmarks import CURSOR, END_TIME

Json = dict[str, Any]
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
    assert bookmarks.epoch(value) == second


@given(st.integers(0, 1 << 34))
def test_iso_and_back(second: int) -> None:
    assert bookmarks.epoch(bookmarks.iso(second)) == second


@pytest.mark.parametrize(
    ("bookmark", "token", "start_date", "start"),
    [
        ({}, CURSOR, None, {"start_time": 0}),
        ({}, END_TIME, "2023-09-18T18:45:24Z", {"start_time": AT}),
        (TICKETS, CURSOR, None, {"cursor": "MTY5"}),
        (TICKETS, CURSOR, "2020-01-01", {"cursor": "MTY5"}),
        (TICKETS, CURSOR, "2023-09-18T18:45:24Z", {"cursor": "MTY5"}),
        (TICKETS, CURSOR, "2023-09-18T18:45:25Z", {"start_time": AT + 1}),
        (TICKETS, END_TIME, None, {"start_time": AT}),
        (TICKETS | {"replication_key": "updated_at"}, END_TIME, None, {"start_time": 0}),
        ({"cursor": "MTY5"}, CURSOR, None, {"cursor": "MTY5"}),
        ({"cursor": "MTY5"}, CURSOR, "2023-09-18", {"cursor": "MTY5"}),
    ],
)
def test_start_of_tickets(bookmark: Json, token: str, start_date: str | None, start: Json) -> None:
    key = "generated_timestamp"
    assert bookmarks.start(bookmark, key, token, start_date) == start


@pytest.mark.parametrize(
    ("bookmark", "token", "start_date", "start"),
    [
        (USERS, END_TIME, None, {"start_time": AT + 1}),
        (USERS, END_TIME, "2023-09-18T18:45:24Z", {"start_time": AT + 1}),
        (USERS, END_TIME, "2023-09-18T18:45:30Z", {"start_time": AT + 6}),
        (USERS, CURSOR, None, {"start_time": AT}),
        ({"end_time": AT}, END_TIME, None, {"start_time": AT}),
        ({"end_time": AT}, END_TIME, "2023-09-18T18:45:25Z", {"start_time": AT + 1}),
    ],
)
def test_start_of_users(bookmark: Json, token: str, start_date: str | None, start: Json) -> None:
    assert bookmarks.start(bookmark, "updated_at", token, start_date) == start


def test_after_a_page() -> None:
    key = "generated_timestamp"
    after = bookmarks.after({}, key, AT, {"cursor": "MTY5"}, cursor=True)
    assert after == TICKETS
    # An empty page moves the token alone, whatever else an old state held.
    old = TICKETS | {"progress_markers": {}, "starting_replication_value": 1, "end_time": 5}
    after = bookmarks.after(old, key, None, {"cursor": "Mg=="}, cursor=True)
    assert after == TICKETS | {"cursor": "Mg=="}
    after = bookmarks.after({}, "updated_at", None, {"start_time": AT, "per_page": 7}, cursor=False)
    assert after == {"end_time": AT}
    # The value of another replication key does not become this one's.
    after = bookmarks.after(TICKETS, "updated_at", None, {"start_time": AT}, cursor=False)
    assert after == {"end_time": AT}


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
def test_good_bookmarks(bookmark: Json) -> None:
    assert bookmarks.problem(bookmark) is None


@pytest.mark.parametrize(
    ("bookmark", "problem"),
    [
        ({"cursor": 5}, "has a cursor of a wrong type: 5"),
        ({"end_time": "5"}, "has a end_time of a wrong type: '5'"),
        ({"end_time": True}, "has a end_time of a wrong type: True"),
        ({"replication_key_value": 1.5}, "has a replication_key_value of a wrong type: 1.5"),
        ({"replication_key_value": "late"}, "has a replication_key_value that is no date: 'late'"),
        ({"page_token_v2": 1}, "has the unknown key 'page_token_v2'; a later version"),
    ],
)
def test_bad_bookmarks(bookmark: Json, problem: str) -> None:
    assert str(bookmarks.problem(bookmark)).startswith(problem)
