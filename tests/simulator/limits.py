"""Counts requests in fixed windows, and says so in headers, or with a 429."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from .settings import Settings

EXPORTS = "incremental-exports"
USERS_CURSOR = "incremental-exports-cursor"
SAMPLES = "samples"
TICKET_EXPORTS = "ticket-exports"
_ACCOUNT = "account"
_MESSAGES = {
    EXPORTS: "Number of allowed incremental export API requests per minute exceeded",
    USERS_CURSOR: "Number of allowed incremental export API requests per minute exceeded",
    SAMPLES: "Number of allowed sample export API requests per 20 minutes exceeded",
    TICKET_EXPORTS: "Number of allowed API requests per 5 minutes exceeded",
    _ACCOUNT: "Number of allowed API requests per minute exceeded",
}


class Limits:
    """The account's rate limits; a window starts with its first request."""

    def __init__(self, settings: Settings) -> None:
        """Starts with nothing used."""
        self._settings = settings
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def clear(self) -> None:
        """Forgets what was used."""
        with self._lock:
            self._windows.clear()

    def take(self, bucket: str) -> dict[str, str]:
        """Counts one request.

        Args:
            bucket: `EXPORTS`, `USERS_CURSOR`, `SAMPLES`, `TICKET_EXPORTS`, or "" for a request
                that only the account's own limit counts.

        Returns:
            The rate-limit headers of its response.

        Raises:
            ApiError: 429, when nothing remains; such a request is not counted.
        """
        settings = self._settings
        headers = {"x-rate-limit": "700", "x-rate-limit-remaining": "699"}
        headers |= {"ratelimit-limit": "700", "ratelimit-remaining": "699", "ratelimit-reset": "9"}
        with self._lock:
            if settings.account_limit is not None:
                left, reset = self._count(_ACCOUNT, settings.account_limit, settings.window)
                total = str(settings.account_limit)
                headers = {"x-rate-limit": total, "x-rate-limit-remaining": str(left)}
                headers |= {"ratelimit-limit": total, "ratelimit-remaining": str(left)}
                headers["ratelimit-reset"] = str(reset)
            if settings.limit is not None and bucket:
                total_calls, windows = {
                    EXPORTS: (settings.limit, 1),
                    USERS_CURSOR: (2 * settings.limit, 1),
                    SAMPLES: (settings.limit, 20),
                    TICKET_EXPORTS: (1, 5),
                }[bucket]
                left, reset = self._count(bucket, total_calls, windows * settings.window)
                value = f"total={total_calls}; remaining={left}; resets={reset}"
                if bucket in {EXPORTS, USERS_CURSOR}:
                    headers[f"zendesk-ratelimit-{bucket}"] = value
        return headers if settings.limit_headers else {}

    def _count(self, bucket: str, total: int, window: float) -> tuple[int, int]:
        now = time.monotonic()
        start, used = self._windows.get(bucket, (now, 0))
        if now >= start + window:
            start, used = now, 0
        reset = math.ceil(start + window - now)
        if used >= total:
            error = ApiError(429, "description", "APIRateLimitExceeded", _MESSAGES[bucket])
            error.headers = {"Retry-After": str(reset)}
            raise error
        self._windows[bucket] = (start, used + 1)
        return total - used - 1, reset
