"""Response headers in, seconds to wait out.

Zendesk counts export requests an account and minute (10, or 30 with the High Volume add-on;
the users cursor export apart) beside an account-wide limit, and says on good responses what
is left. Some responses carry none of these headers.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RETRY_AFTER_SECONDS = 60.0
"""What a 429 without `Retry-After` is waited out with: the limits are per minute."""

_EXPORT_LIMIT_PREFIX = "zendesk-ratelimit-"
_ACCOUNT_LIMITS = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("rate-limit-remaining", "rate-limit-reset"),
    ("x-rate-limit-remaining", "ratelimit-reset"),
)
_PARTS = re.compile(r"(\w+)\s*=\s*(\d+)")


def export_requests_left(headers: Mapping[str, str]) -> int | None:
    """Give the export requests left in this minute, None where Zendesk does not say.

    Args:
        headers: Headers of a response, names in any case.
    """
    left = [parts["remaining"] for parts in _export_limits(headers) if "remaining" in parts]
    return min(left, default=None)


def export_wait_seconds(headers: Mapping[str, str]) -> float:
    """Give the seconds until the next export request: 0 unless none is left.

    Args:
        headers: Headers of a response, with parts such as
            `zendesk-ratelimit-incremental-exports: total=10; remaining=9; resets=2`.
    """
    waits = [
        float(parts.get("resets", DEFAULT_RETRY_AFTER_SECONDS))
        for parts in _export_limits(headers)
        if parts.get("remaining") == 0
    ]
    return max(waits, default=0.0)


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


def _export_limits(headers: Mapping[str, str]) -> list[dict[str, int]]:
    return [
        {key: int(number) for key, number in _PARTS.findall(value)}
        for name, value in headers.items()
        if name.lower().startswith(_EXPORT_LIMIT_PREFIX)
    ]


def _seconds(value: str | None) -> float | None:
    return float(value) if value and re.fullmatch(r"\s*\d+(\.\d+)?\s*", value) else None


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
