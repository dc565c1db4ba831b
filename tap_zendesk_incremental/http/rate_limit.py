"""Rate limits: reads the headers of responses, and decides when the next request may be sent.

Zendesk limits the export requests of an account to 10 a minute, or 30 with the High Volume add-on
(the cursor export of users has its own limit), and limits all requests together as well. Successful
responses say how many requests remain, but some have none of these headers.
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
"""How long to wait after a 429 without `Retry-After`, since the limits are per minute."""

MAX_WAIT_SECONDS = 900.0
"""The longest wait, even if a server asks for more. After it, the tap sends the request again."""

_PREFIX = "zendesk-ratelimit-"
_ACCOUNT_HEADERS = ("ratelimit-remaining", "x-rate-limit-remaining")
_PARTS = re.compile(r"([a-z]+)\s*=\s*(\d+)", re.ASCII | re.IGNORECASE)


class Wait(NamedTuple):
    """A wait that a server asked for.

    Attributes:
        seconds: How long the tap waits.
        asked_seconds: How long the server asked it to wait.
    """

    seconds: float
    asked_seconds: float

    @classmethod
    def of(cls, asked_seconds: float) -> Wait:
        """Limit the wait that a server asks for to `MAX_WAIT_SECONDS`."""
        return cls(min(asked_seconds, MAX_WAIT_SECONDS), asked_seconds)

    @property
    def remark(self) -> str:
        """A note for the log if the server asked for a longer wait, otherwise ""."""
        if self.asked_seconds <= MAX_WAIT_SECONDS:
            return ""
        return f" (the server asks for {self.asked_seconds:.0f} s, more than the tap ever waits)"


class Pace(NamedTuple):
    """A limit that no header mentions: this many requests in this many seconds, bursts allowed."""

    requests: int
    seconds: float


class Turn(NamedTuple):
    """The permission to send a request, or the wait before the next attempt to get it.

    Attributes:
        wait: How long to wait; 0 s means that the request may be sent and is counted as sent.
        until: When the wait ends, by `time.monotonic`.
        ended: How many requests had ended at that time.
        sent_at: When the request was sent, by `time.monotonic`.
    """

    wait: Wait
    until: float
    ended: int
    sent_at: float


class RateLimits:
    """Decides when the next request of each limit may be sent, from the headers of responses.

    The account's headers apply to all requests. A `zendesk-ratelimit-…` header, whatever its name,
    applies to every limit whose responses have had it. Threads may share an instance. Requests of
    one limit are sent one after the other, but requests of different limits overlap. So the
    remaining requests in an account header may be too many by the time it is read.
    """

    def __init__(self) -> None:
        """Start without any known limit."""
        self._lock = threading.Lock()
        # When each limit allows a request, by `time.monotonic`, and the wait the server asked for.
        self._free_at: dict[str, tuple[float, float]] = {}
        self._headers_of: dict[str, set[str]] = defaultdict(set)
        self._ends_of: dict[str, deque[float]] = defaultdict(deque)
        self._sent = self._ended = 0
        self._account_remaining = 0.0  # a float, because a header may hold any number
        self._account_free_at = (0.0, 0.0)
        self._account_resets_after = 0.0

    def take_turn(self, limit: str, waited_until: float = 0.0) -> Turn:
        """Allow a request and count it as sent, or return how long to wait before asking again.

        Args:
            limit: The limit that the request counts against.
            waited_until: When the last wait for this request was to end. A sleep that ended a
                little early causes no second wait.
        """
        with self._lock:
            until, asked_seconds = self._next_turn(limit)
            now = max(time.monotonic(), waited_until)
            if until > now:
                return Turn(Wait(until - now, asked_seconds), until, self._ended, now)
            self._sent += 1
            self._account_remaining -= 1
            return Turn(Wait(0.0, 0.0), until, self._ended, now)

    def _next_turn(self, limit: str) -> tuple[float, float]:
        """Return when a limit allows the next request, and the wait that the server asked for."""
        names = {limit, *self._headers_of[limit]}
        turns = [self._free_at[name] for name in names if name in self._free_at]
        if self._account_remaining <= 0:
            turns.append(self._account_free_at)
        return max(turns, default=(0.0, 0.0))

    def observe(
        self, limit: str, headers: Mapping[str, str], turn: Turn, pace: Pace | None = None
    ) -> None:
        """Update the limits from a response.

        Args:
            limit: The limit that its request counted against.
            headers: Its headers.
            turn: The turn of its request.
            pace: The part of the limit that no header mentions, if any.
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
        """Update how many requests the account has left at least, and when its limit resets.

        Responses overtake each other, and Zendesk may have made each at any time since its request
        was sent. A response from an earlier window no longer counts.
        """
        left, asked_seconds = account_remaining(headers)
        reset_seconds = Wait.of(asked_seconds).seconds
        resets_at = now + reset_seconds
        if left is None or resets_at < self._account_resets_after:
            return
        # Zendesk may or may not have counted the requests that overlapped with this one.
        at_least = left - max(0, self._sent - turn.ended - 1)
        # If fewer are left than our own requests can explain, other clients use the account, too.
        has_other_clients = left < self._account_remaining
        self._account_remaining = (
            at_least if has_other_clients else max(at_least, self._account_remaining)
        )
        self._account_free_at = (resets_at, asked_seconds)
        self._account_resets_after = turn.sent_at + reset_seconds - 1  # the header rounds seconds

    def _pace_wait_seconds(self, limit: str, pace: Pace | None, now: float) -> float:
        if pace is None:
            return 0.0
        ends = self._ends_of[limit]
        ends.append(now)
        if len(ends) < pace.requests:
            return 0.0
        return max(0.0, ends.popleft() + pace.seconds - now)

    def count_unanswered(self) -> None:
        """Count a request that ended without a response."""
        with self._lock:
            self._ended += 1


def limit_waits(headers: Mapping[str, str]) -> dict[str, float]:
    """Return how long to wait before the next request of each limit, 0 while requests are left.

    Args:
        headers: Headers of a response, such as
            `zendesk-ratelimit-incremental-exports: total=10; remaining=9; resets=2`.

    Returns:
        The seconds for each limit, by its name, such as `incremental-exports`.
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


def account_remaining(headers: Mapping[str, str]) -> tuple[float | None, float]:
    """Return how many requests the account has left, and in how many seconds the limit resets.

    Args:
        headers: Headers of a response, such as `ratelimit-remaining` and `ratelimit-reset`. Their
            names may be in any case.

    Returns:
        The smallest number in any of the headers, or None if there is none, and the seconds.
    """
    numbers = [_number(headers.get(name, "")) for name in _ACCOUNT_HEADERS]
    left = min((number for number in numbers if number is not None), default=None)
    if left is None:
        return None, 0.0
    reset_seconds = _number(headers.get("ratelimit-reset", ""))
    return left, DEFAULT_RETRY_AFTER_SECONDS if reset_seconds is None else reset_seconds


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for, None if it is absent or unreadable.

    Args:
        headers: Headers of a response. Their names may be in any case. `Retry-After` holds seconds
            or an HTTP date (RFC 9110). A date is compared with the response's own `Date`, or with
            this machine's clock if there is none.
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
    """Return when Zendesk made a response, in epoch seconds by its own clock, None if unknown.

    Args:
        headers: Headers of a response. Their names may be in any case.
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
