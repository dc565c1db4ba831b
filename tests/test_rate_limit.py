"""Waits that follow from rate-limit headers, as Zendesk sends them and as it might."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from tap_zendesk_incremental.http.rate_limit import (
    Pace,
    RateLimits,
    Turn,
    Wait,
    account_remaining,
    limit_waits,
    retry_after_seconds,
)

EXPORTS = "zendesk-ratelimit-incremental-exports"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 0),
        ({EXPORTS: "total=10; remaining=9; resets=2"}, 0),
        ({EXPORTS: "total=10; remaining=0; resets=37"}, 37),
        ({EXPORTS.title(): "total=10;remaining = 0;resets = 5"}, 5),
        ({f"{EXPORTS}-cursor": "total=20; remaining=0; resets=12"}, 12),
        ({EXPORTS: "total=10; remaining=0"}, 60),
        ({EXPORTS: "nonsense"}, 0),
        ({"x-rate-limit-remaining": "0"}, 0),
    ],
)
def test_export_limit(headers: dict[str, str], wait: float) -> None:
    assert max(limit_waits(headers).values(), default=0) == wait


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({}, (None, 0)),
        ({"ratelimit-remaining": "699", "ratelimit-reset": "9"}, (699, 9)),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}, (0, 9)),
        ({"x-rate-limit-remaining": "0", "ratelimit-reset": "4"}, (0, 4)),
        ({"x-rate-limit-remaining": "3", "ratelimit-remaining": "5"}, (3, 60)),
        ({"ratelimit-remaining": "0"}, (0, 60)),
        ({"ratelimit-remaining": "soon", "ratelimit-reset": "9"}, (None, 0)),
        ({EXPORTS: "total=10; remaining=0; resets=37"}, (None, 0)),
        ({"ratelimit-remaining": "9" * 400, "ratelimit-reset": "9" * 400}, (math.inf, math.inf)),
    ],
)
def test_account_limit(headers: dict[str, str], left: tuple[float | None, float]) -> None:
    assert account_remaining(CaseInsensitiveDict(headers)) == left


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Rate limits with a clock that stands still."""
    limits = Limits()
    monkeypatch.setattr("time.monotonic", lambda: limits.now)
    return limits


class Limits(RateLimits):
    """Rate limits with a few shortcuts."""

    now = 1000.0

    def seconds(self, limit: str) -> float:
        """Return how long a request has to wait. If it does not have to, it counts as sent."""
        return self.take_turn(limit).wait.seconds

    def send(self, limit: str) -> Turn:
        """Send a request, which must not have to wait."""
        turn = self.take_turn(limit)
        assert not turn.wait.seconds
        return turn

    def answer(self, limit: str, headers: dict[str, str], pace: Pace | None = None) -> None:
        """Send a request and process its answer at once."""
        self.observe(limit, headers, self.send(limit), pace)


def account(left: int, resets: int = 30) -> dict[str, str]:
    """Return the headers of the account-wide limit."""
    return {"ratelimit-remaining": str(left), "ratelimit-reset": str(resets)}


def test_limits_are_distinguished_by_their_headers(limits: Limits) -> None:
    limits.answer("tickets", {EXPORTS: "total=10; remaining=0; resets=37"})
    limits.answer("lists", {"zendesk-ratelimit-index": "total=10; remaining=1; resets=5"})
    assert limits.seconds("tickets") == 37
    assert limits.seconds("lists") == 0
    limits.answer("events", {EXPORTS: "total=10; remaining=9; resets=60"})
    assert limits.seconds("tickets") == 0


def test_the_limit_of_the_account_applies_to_all_requests(limits: Limits) -> None:
    limits.answer("lists", account(0, 99_999_999_999))
    for limit in ("tickets", "lists", "never asked"):
        wait = limits.take_turn(limit).wait
        assert wait.seconds == 900
        assert "99999999999" in wait.remark
    limits.now += 900
    assert limits.seconds("tickets") == 0


def test_requests_under_way_count_as_used(limits: Limits) -> None:
    """Three requests run at once, and the first answer leaves three for the account."""
    turns = [limits.send(limit) for limit in ("a", "b", "c")]
    limits.observe("a", account(3), turns[0])
    limits.send("a")  # two others are under way, so only one is left for certain
    assert limits.seconds("a") == 30
    limits.observe("b", account(2), turns[1])
    assert limits.seconds("b") == 30
    limits.now += 30
    limits.send("b")


def test_a_late_answer_does_not_raise_the_remaining_count(limits: Limits) -> None:
    early, late = limits.send("a"), limits.send("b")
    limits.observe("b", account(0), late)
    limits.observe("a", account(1), early)
    assert limits.seconds("a") == 30


def test_an_unanswered_request_is_no_longer_under_way(limits: Limits) -> None:
    limits.send("a")
    limits.count_unanswered()
    limits.answer("b", account(1))
    limits.send("b")
    assert limits.seconds("b") == 30


def test_a_wait_is_not_repeated(limits: Limits) -> None:
    limits.answer("a", account(0))
    turn = limits.take_turn("a")
    assert turn.wait == Wait(30, 30)
    assert limits.take_turn("a", turn.until).wait.seconds == 0


def test_a_pace_allows_a_burst_and_limits_the_requests_in_any_period(limits: Limits) -> None:
    pace = Pace(requests=3, seconds=60)
    for _ in range(3):
        limits.answer("talk", {}, pace)
        limits.now += 5
    assert limits.seconds("talk") == 45
    assert limits.seconds("tickets") == 0
    limits.now += 45
    limits.answer("talk", {}, pace)
    assert limits.seconds("talk") == 5
    limits = Limits()
    limits.answer("old", {}, Pace(1, 300))
    assert limits.seconds("old") == 300


def test_requests_of_other_clients_count_too(limits: Limits) -> None:
    limits.answer("a", account(100))
    limits.answer("a", account(2))
    limits.send("a")
    limits.send("b")
    assert limits.seconds("a") == 30


def test_a_slow_answer_does_not_delay_other_requests(limits: Limits) -> None:
    slow = limits.send("exports")
    for left in range(30, 10, -1):
        limits.answer("lists", account(left))
    limits.observe("exports", account(10), slow)
    for _ in range(10):
        limits.send("lists")
    assert limits.seconds("lists") == 30


def test_an_answer_from_an_earlier_window_is_ignored(limits: Limits) -> None:
    slow = limits.send("exports")
    limits.now += 40
    limits.answer("lists", account(90, resets=50))
    limits.observe("exports", account(0, resets=9), slow)
    assert limits.seconds("lists") == 0


class Account:
    """An account that counts requests as Zendesk does, in windows that start with a request."""

    window = 10.0

    def __init__(self, limit: int) -> None:
        """Start without any requests."""
        self.limit = limit
        self.began = -self.window
        self.used = 0

    def take(self, now: float) -> dict[str, str]:
        """Count a request, and return the headers of its answer."""
        if now >= self.began + self.window:
            self.began, self.used = now, 0
        self.used += 1
        assert self.used <= self.limit, "Zendesk answers 429"
        return account(self.limit - self.used, math.ceil(self.began + self.window - now))


class Asker:
    """A thread that runs one step at a time."""

    def __init__(self, name: str, limits: Limits, account: Account) -> None:
        """Send requests to one account, under limits that all threads share."""
        self.limits, self.account = limits, account
        self.limit = name
        self.until = 0.0
        self.turn: Turn | None = None
        self.headers: dict[str, str] | None = None

    def go_on(self) -> None:
        """Take a turn, let the account count the request, or process its answer."""
        if self.turn is None:
            turn = self.limits.take_turn(self.limit, self.until)
            assert turn.wait.seconds <= self.account.window + 1
            if turn.wait.seconds:
                self.until = turn.until
            else:
                self.turn = turn
        elif self.headers is None:
            self.headers = self.account.take(self.limits.now)
        else:
            self.limits.observe(self.limit, self.headers, self.turn)
            self.turn = self.headers = None


@given(
    limit=st.integers(4, 25),
    moves=st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2)), min_size=80, max_size=150),
)
@settings(max_examples=100)
def test_an_account_never_gets_too_many_requests(
    limit: int, moves: list[tuple[int, float]]
) -> None:
    """Four threads interleave at random: requests are counted and answered in any order."""
    limits, counted = Limits(), Account(limit)
    askers = [Asker(name, limits, counted) for name in "abcd"]
    with mock.patch("time.monotonic", side_effect=lambda: limits.now):
        for number, seconds in moves:
            limits.now += seconds
            if limits.now >= askers[number].until:
                askers[number].go_on()


def test_threads_never_take_the_same_turn() -> None:
    limits = Limits()
    limits.answer("a", account(50, 60))
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(limits.seconds, ["a", "b", "c", "d"] * 50))
    assert waits.count(0) == 50


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "93"}, 93),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-4"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "in a while"}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:30 GMT",
            },
            0,
        ),
    ],
)
def test_retry_after(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after_seconds(CaseInsensitiveDict(headers)) == wait


def test_a_retry_after_date_without_a_date_header() -> None:
    until = datetime.now(timezone.utc) + timedelta(minutes=5)
    wait = retry_after_seconds({"retry-after": format_datetime(until, usegmt=True)})
    assert wait is not None
    assert 200 < wait <= 300
