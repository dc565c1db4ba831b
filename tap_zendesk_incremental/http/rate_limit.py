"""Response headers in, seconds to wait out.

Zendesk limits the export requests of an account to 10 a minute, 30 with the High Volume add-on (the
users' cursor export apart), and all its requests as well. Good responses say what is left, but some
carry none of these headers.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RETRY_AFTER_SECONDS = 60.0
"""How long to wait after a 429 without `Retry-After`: the limits are per minute."""

MAX_WAIT_SECONDS = 900.0
"""The longest wait, whatever a server asks for; after it, the tap asks again."""

_PREFIX = "zendesk-ratelimit-"
_ACCOUNT_REMAINING = ("ratelimit-remaining", "x-rate-limit-remaining")
_PARTS = re.compile(r"([a-z]+)\s*=\s*(\d+)", re.ASCII | re.IGNORECASE)


class Wait(NamedTuple):
    """A wait that a server asked for.

    Attributes:
        seconds: What is waited.
        asked_seconds: What the server asked for.
    """

    seconds: float
    asked_seconds: float

    @classmethod
    def of(cls, asked_seconds: float) -> Wait:
        """Bound what a server asks for."""
        return cls(min(asked_seconds, MAX_WAIT_SECONDS), asked_seconds)

    @property
    def remark(self) -> str:
        """What to add in the log where the wait is shorter than what the server asked for."""
        if self.asked_seconds <= MAX_WAIT_SECONDS:
            return ""
        return f" (it asks to wait {self.asked_seconds:.0f} s, which is more than the tap waits)"


class Pace(NamedTuple):
    """A limit that no header mentions: so many requests in so many seconds, in bursts or not."""

    requests: int
    seconds: float


class Turn(NamedTuple):
    """Whether a request may be sent.

    Attributes:
        wait: What to wait before; 0 s means that the request counts as sent.
        until: When that wait is over, by `time.monotonic`.
        ended: How many requests had ended when this one was sent.
        sent_at: When that was, by `time.monotonic`.
    """

    wait: Wait
    until: float
    ended: int
    sent_at: float


class RateLimits:
    """When the next request of each limit may go out, as the headers of responses say.

    The account's own headers bind all requests. Every `zendesk-ratelimit-…` header, whatever its
    name, binds the requests of the limits in whose answers it came. Threads may share it: requests
    of one limit are sent one after the other, but the account's are under way at the same time, so
    what its headers say may be too much already when it is read.
    """

    def __init__(self) -> None:
        """Start with nothing known."""
        self._lock = threading.Lock()
        # When each limit is free, by `time.monotonic`, and the wait that was asked for until then.
        self._free_at: dict[str, tuple[float, float]] = {}
        self._headers_of: dict[str, set[str]] = defaultdict(set)
        self._ends_of: dict[str, deque[float]] = defaultdict(deque)
        self._sent = self._ended = 0
        self._account_left = 0.0  # a float takes whatever number a header says
        self._account_free_at = (0.0, 0.0)
        self._account_resets_after = 0.0

    def take_turn(self, limit: str, waited_until: float = 0.0) -> Turn:
        """Let a request be sent, or say what to wait before.

        Args:
            limit: What it counts against.
            waited_until: When the last wait for this request was over: no second wait for that.
        """
        with self._lock:
            until, asked_seconds = self._next_turn(limit)
            now = max(time.monotonic(), waited_until)
            if until > now:
                return Turn(Wait(until - now, asked_seconds), until, self._ended, now)
            self._sent += 1
            self._account_left -= 1
            return Turn(Wait(0.0, 0.0), until, self._ended, now)

    def _next_turn(self, limit: str) -> tuple[float, float]:
        """Give when the next request of a limit may go out, and the wait that was asked for."""
        names = {limit, *self._headers_of[limit]}
        turns = [self._free_at[name] for name in names if name in self._free_at]
        if self._account_left <= 0:
            turns.append(self._account_free_at)
        return max(turns, default=(0.0, 0.0))

    def observe(
        self, limit: str, headers: Mapping[str, str], turn: Turn, pace: Pace | None = None
    ) -> None:
        """Learn from a response.

        Args:
            limit: What its request counted against.
            headers: Its headers.
            turn: The request's.
            pace: What no header says of the limit.
        """
        with self._lock:
            now = time.monotonic()
            waits = limit_waits(headers)
            self._headers_of[limit].update(waits)
            waits[limit] = max(waits.get(limit, 0.0), self._pace_wait_seconds(limit, pace, now))
            for name, asked_seconds in waits.items():
                self._free_at[name] = (now + Wait.of(asked_seconds).seconds, asked_seconds)
            self._observe_account(headers, turn, now)
            self._ended += 1

    def _observe_account(self, headers: Mapping[str, str], turn: Turn, now: float) -> None:
        """Learn how many requests the account has left at least, and when it has all of them.

        Answers overtake each other, and each of them was made at some time since its request was
        sent. An answer from a window that is over says nothing any more.
        """
        left, asked_seconds = account_left(headers)
        reset_seconds = Wait.of(asked_seconds).seconds
        resets_at = now + reset_seconds
        if left is None or resets_at < self._account_resets_after:
            return
        # Those that were sent and had not ended when this one was may have been counted or not.
        at_least = left - max(0, self._sent - turn.ended - 1)
        # If it is less than was sure to be left, other clients have asked, too.
        others_asked = left < self._account_left
        self._account_left = at_least if others_asked else max(at_least, self._account_left)
        self._account_free_at = (resets_at, asked_seconds)
        self._account_resets_after = turn.sent_at + reset_seconds - 1  # it says whole seconds

    def _pace_wait_seconds(self, limit: str, pace: Pace | None, now: float) -> float:
        if pace is None:
            return 0.0
        ends = self._ends_of[limit]
        ends.append(now)
        if len(ends) < pace.requests:
            return 0.0
        return max(0.0, ends.popleft() + pace.seconds - now)

    def lost(self) -> None:
        """Count a request that got no response."""
        with self._lock:
            self._ended += 1


def limit_waits(headers: Mapping[str, str]) -> dict[str, float]:
    """Give the seconds until the next request of each limit: 0 unless none is left.

    Args:
        headers: Headers of a response, with parts such as
            `zendesk-ratelimit-incremental-exports: total=10; remaining=9; resets=2`.

    Returns:
        The seconds by the limits' names, such as `incremental-exports`.
    """
    waits: dict[str, float] = {}
    for name, value in headers.items():
        if not name.lower().startswith(_PREFIX):
            continue
        parts = {key.lower(): float(number) for key, number in _PARTS.findall(value)}
        if "remaining" in parts:
            resets = parts.get("resets", DEFAULT_RETRY_AFTER_SECONDS)
            waits[name.lower().removeprefix(_PREFIX)] = 0.0 if parts["remaining"] else resets
    return waits


def account_left(headers: Mapping[str, str]) -> tuple[float | None, float]:
    """Give the requests of any kind that the account has left, and for how many seconds.

    Args:
        headers: Headers of a response, such as `ratelimit-remaining` and `ratelimit-reset`,
            found by their names in any case.

    Returns:
        The least that a header says, None where none does; the seconds go with it.
    """
    said = [_number(headers.get(name, "")) for name in _ACCOUNT_REMAINING]
    left = min((number for number in said if number is not None), default=None)
    if left is None:
        return None, 0.0
    reset_seconds = _number(headers.get("ratelimit-reset", ""))
    return left, DEFAULT_RETRY_AFTER_SECONDS if reset_seconds is None else reset_seconds


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Give the seconds that `Retry-After` asks for, None where it is absent or unreadable.

    Args:
        headers: Headers of a response, found by their names in any case. `Retry-After` is in
            seconds or an HTTP date (RFC 9110), the latter taken against the response's own `Date`
            where it has one.
    """
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date(headers.get("date", "")) or datetime.now(timezone.utc)
    return max(0.0, (until - now).total_seconds())


def date_seconds(headers: Mapping[str, str]) -> int | None:
    """Give when a response was made, in epoch seconds by Zendesk's own clock, if it says so.

    Args:
        headers: Headers of a response, found by their names in any case.
    """
    date = _http_date(headers.get("date", ""))
    return None if date is None else int(date.timestamp())


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value) else None


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
