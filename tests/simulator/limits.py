"""Rate limits: counts requests in fixed windows, and reports them in headers or with a 429."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from .settings import Settings

_EXPORTS = "Number of allowed incremental export API requests per minute exceeded"
_REQUESTS = "Number of allowed API requests per minute exceeded"


@dataclass(frozen=True)
class Limit:
    """A rate limit that an endpoint has in addition to the account's.

    Attributes:
        bucket: the name of the counter, and the end of the header's name.
        share: requests per window, as a multiple of `Settings.limit`, which stands for Zendesk's 10
            a minute; the result is at least one request.
        windows: the length of this limit's window, as a multiple of `Settings.window`.
        message: the message of a 429.
        header: whether responses have a header with the remaining requests.
    """

    bucket: str
    share: int = 1
    windows: int = 1
    message: str = _REQUESTS
    header: bool = True


EXPORTS = Limit("incremental-exports", message=_EXPORTS)
USERS_CURSOR = Limit("incremental-exports-cursor", share=2, message=_EXPORTS)
SAMPLES = Limit(
    "samples",
    windows=20,
    message="Number of allowed sample export API requests per 20 minutes exceeded",
    header=False,
)
TICKET_EXPORTS = Limit(
    "ticket-exports",
    share=0,
    windows=5,
    message="Number of allowed API requests per 5 minutes exceeded",
    header=False,
)
TICKETS_INDEX = Limit("tickets-index", share=10_000)
DELETED_TICKETS = Limit("deleted-tickets-index")
TALK = Limit("talk-exports", header=False)
CHAT = Limit("chat-exports", share=10, header=False)
SIDE_CONVERSATIONS = Limit("side-conversation-events", share=60, windows=10, header=False)
_ACCOUNT = Limit("account")


class Limits:
    """The account's rate limits; a window starts with its first request."""

    def __init__(self, settings: Settings) -> None:
        """Start with unused limits."""
        self._settings = settings
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def clear(self) -> None:
        """Reset all limits."""
        with self._lock:
            self._windows.clear()

    def take(self, limit: Limit | None) -> dict[str, str]:
        """Count one request.

        Args:
            limit: the endpoint's limit; None if only the account's limit counts the request.

        Returns:
            The rate-limit headers of the response.

        Raises:
            ApiError: 429, because no request remains. This request is not counted.
        """
        settings = self._settings
        headers = {"x-rate-limit": "700", "x-rate-limit-remaining": "699"}
        headers |= {"ratelimit-limit": "700", "ratelimit-remaining": "699", "ratelimit-reset": "9"}
        with self._lock:
            if settings.account_limit is not None:
                left, reset = self._count(_ACCOUNT, settings.account_limit)
                total = str(settings.account_limit)
                headers = {"x-rate-limit": total, "x-rate-limit-remaining": str(left)}
                headers |= {"ratelimit-limit": total, "ratelimit-remaining": str(left)}
                headers["ratelimit-reset"] = str(reset)
            if settings.limit is not None and limit:
                total_calls = max(1, limit.share * settings.limit)
                left, reset = self._count(limit, total_calls)
                if limit.header:
                    value = f"total={total_calls}; remaining={left}; resets={reset}"
                    headers[f"zendesk-ratelimit-{limit.bucket}"] = value
        return headers if settings.limit_headers else {}

    def _count(self, limit: Limit, total: int) -> tuple[int, int]:
        now = time.monotonic()
        window = limit.windows * self._settings.window
        start, used = self._windows.get(limit.bucket, (now, 0))
        if now >= start + window:
            start, used = now, 0
        reset = math.ceil(start - now + window)  # in this order, exact at the start of a window
        if used >= total:
            error = ApiError(429, "description", "APIRateLimitExceeded", limit.message)
            error.headers = {"Retry-After": str(reset)}
            raise error
        self._windows[limit.bucket] = (start, used + 1)
        return total - used - 1, reset
