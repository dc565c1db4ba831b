"""Response headers in, seconds to wait out.

Zendesk counts export requests an account and minute (10, or 30 with the High Volume add-on;
the users cursor export apart) beside an account-wide limit, and says on good responses what
is left. Some responses carry none of these headers.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RETRY_AFTER_SECONDS = 60.0
"""What a 429 without `Retry-After` is waited out with: the limits are per minute."""

MAX_WAIT_SECONDS = 900.0
"""No wait is longer, whatever a server asks for; after it, the server is asked again."""

_PREFIX = "zendesk-ratelimit-"
_ACCOUNT_LIMITS = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("rate-limit-remaining", "rate-limit-reset"),
    ("x-rate-limit-remaining", "ratelimit-reset"),
)
_ACCOUNT = ""
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
        """What is to be said of a wait that is shorter than what the server asked for."""
        if self.asked_seconds <= MAX_WAIT_SECONDS:
            return ""
        return f" (it asks to wait {self.asked_seconds:.0f} s, which is more than the tap waits)"


class RateLimits:
    """When the next request of each limit may go out, as the headers of responses say.

    The account's own headers bind all requests. Every `zendesk-ratelimit-…` header, whatever its
    name, binds the requests of the limits in whose answers it came.
    """

    def __init__(self) -> None:
        """Start with nothing known."""
        self._free_at: dict[str, float] = {}
        self._waits: dict[str, Wait] = {}
        self._headers_of: dict[str, set[str]] = defaultdict(set)
        self.requests_left: int | None = None

    def observe(
        self, limit: str, headers: Mapping[str, str], interval_seconds: float = 0.0
    ) -> None:
        """Learn from a response.

        Args:
            limit: What its request counted against.
            headers: Its headers.
            interval_seconds: What has to lie between two such requests at least.
        """
        now = time.monotonic()
        waits = limit_waits(headers)
        self._headers_of[limit].update(waits)
        waits[limit] = max(waits.get(limit, 0.0), interval_seconds)
        waits[_ACCOUNT] = account_wait_seconds(headers)
        for name, seconds in waits.items():
            self._waits[name] = wait = Wait.of(seconds)
            self._free_at[name] = now + wait.seconds
        self.requests_left = export_requests_left(headers)

    def wait(self, limit: str) -> Wait:
        """Give the wait until a request that counts against this limit may go out."""
        names = {limit, _ACCOUNT, *self._headers_of[limit]}
        last = max(names, key=lambda name: self._free_at.get(name, 0.0))
        seconds = max(0.0, self._free_at.get(last, 0.0) - time.monotonic())
        return Wait(seconds, self._waits[last].asked_seconds if seconds else 0.0)


def export_requests_left(headers: Mapping[str, str]) -> int | None:
    """Give the export requests left in this minute, None where Zendesk does not say.

    Args:
        headers: Headers of a response, names in any case.
    """
    left = [parts["remaining"] for parts in _limits(headers).values() if "remaining" in parts]
    return int(min(left)) if left else None


def limit_waits(headers: Mapping[str, str]) -> dict[str, float]:
    """Give the seconds until the next request of each limit: 0 unless none is left.

    Args:
        headers: Headers of a response, with parts such as
            `zendesk-ratelimit-incremental-exports: total=10; remaining=9; resets=2`.

    Returns:
        The seconds by the limits' names, such as `incremental-exports`.
    """
    return {
        name: parts.get("resets", DEFAULT_RETRY_AFTER_SECONDS) if parts["remaining"] == 0 else 0.0
        for name, parts in _limits(headers).items()
        if "remaining" in parts
    }


def account_wait_seconds(headers: Mapping[str, str]) -> float:
    """Give the seconds until the account may send any request: 0 unless none is left.

    Args:
        headers: Headers of a response, such as `ratelimit-remaining` and `ratelimit-reset`.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    waits = [
        _seconds(lower.get(reset))
        for remaining, reset in _ACCOUNT_LIMITS
        if _seconds(lower.get(remaining)) == 0
    ]
    return max(
        (DEFAULT_RETRY_AFTER_SECONDS if wait is None else wait for wait in waits), default=0.0
    )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Give the seconds that `Retry-After` asks for, None where it is absent or unreadable.

    Args:
        headers: Headers of a response; `Retry-After` is in seconds or an HTTP date (RFC 9110),
            the latter taken against the response's own `Date` where it has one.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    value = lower.get("retry-after")
    if value is None or (seconds := _seconds(value)) is not None:
        return None if value is None else seconds
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date(lower.get("date", "")) or datetime.now(timezone.utc)
    return max(0.0, (until - now).total_seconds())


def _limits(headers: Mapping[str, str]) -> dict[str, dict[str, float]]:
    return {
        name.lower().removeprefix(_PREFIX): {
            key.lower(): float(number) for key, number in _PARTS.findall(value)
        }
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX)
    }


def _seconds(value: str | None) -> float | None:
    return float(value) if value and re.fullmatch(r"\s*\d+(\.\d+)?\s*", value) else None


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
