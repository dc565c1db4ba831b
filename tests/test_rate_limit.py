"""Rate-limit headers, as observed and as they may come, give the seconds to wait."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from tap_zendesk_incremental.http.rate_limit import (
    RateLimits,
    account_wait_seconds,
    export_requests_left,
    limit_waits,
    retry_after_seconds,
)

EXPORTS = "zendesk-ratelimit-incremental-exports"


@pytest.mark.parametrize(
    ("headers", "left", "wait"),
    [
        ({}, None, 0),
        ({EXPORTS: "total=10; remaining=9; resets=2"}, 9, 0),
        ({EXPORTS: "total=10; remaining=0; resets=37"}, 0, 37),
        ({EXPORTS.title(): "total=10;remaining = 0;resets = 5"}, 0, 5),
        ({f"{EXPORTS}-cursor": "total=20; remaining=0; resets=12"}, 0, 12),
        ({EXPORTS: "total=10; remaining=0"}, 0, 60),
        ({EXPORTS: "nonsense"}, None, 0),
        ({"x-rate-limit-remaining": "0"}, None, 0),
    ],
)
def test_export_limit(headers: dict[str, str], left: int | None, wait: float) -> None:
    assert export_requests_left(headers) == left
    assert max(limit_waits(headers).values(), default=0) == wait


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 0),
        ({"ratelimit-remaining": "699", "ratelimit-reset": "9"}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}, 9),
        ({"x-rate-limit-remaining": "0", "ratelimit-reset": "4"}, 4),
        ({"ratelimit-remaining": "0"}, 60),
        ({"ratelimit-remaining": "soon", "ratelimit-reset": "9"}, 0),
        ({EXPORTS: "total=10; remaining=0; resets=37"}, 0),
    ],
)
def test_account_limit(headers: dict[str, str], wait: float) -> None:
    assert account_wait_seconds(headers) == wait


def test_limits_are_told_apart_by_their_headers() -> None:
    limits = RateLimits()
    limits.observe("tickets", {EXPORTS: "total=10; remaining=0; resets=37"})
    limits.observe("lists", {"zendesk-ratelimit-index": "total=10; remaining=1; resets=5"})
    assert 36 < limits.wait("tickets").seconds <= 37
    assert limits.wait("lists").seconds == 0
    limits.observe("events", {EXPORTS: "total=10; remaining=9; resets=60"})
    assert limits.wait("tickets").seconds == 0
    limits.observe("lists", {"ratelimit-remaining": "0", "ratelimit-reset": "99999999999"})
    for limit in ("tickets", "lists", "events", "never asked"):
        wait = limits.wait(limit)
        assert 899 < wait.seconds <= 900
        assert "99999999999" in wait.remark
    limits.observe("lists", {}, interval_seconds=300)
    assert 299 < limits.wait("lists").seconds <= 300
    assert limits.wait("tickets").seconds == 0


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
    assert retry_after_seconds(headers) == wait


def test_retry_after_date_without_the_servers_own() -> None:
    until = datetime.now(timezone.utc) + timedelta(minutes=5)
    wait = retry_after_seconds({"Retry-After": format_datetime(until, usegmt=True)})
    assert wait is not None
    assert 290 < wait <= 300
