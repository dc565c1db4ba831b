"""How requests are retried after faults: when, how often, and with how large a page."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import backoff
import requests
from singer_sdk.exceptions import RetriableAPIError

from tap_zendesk_incremental.errors import brief
from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE
from tap_zendesk_incremental.http.rate_limit import Wait, retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

F = TypeVar("F", bound="Callable[..., Any]")

MAX_BACKOFF_SECONDS = 60
"""The longest wait between two tries, unless Zendesk's `Retry-After` asks for more."""

MAX_TRIES = 25
"""With full jitter, the 24 waits between the tries add up to 9.5 minutes on average."""

HURRIED_TRIES = 6
"""Tries while someone is waiting or nothing has answered. The waits average 15 s in total."""

GIVEN_UP_TRIES = 2
"""Tries after an earlier request of the run, such as discovery's, has been given up."""

HURRIED_SECONDS = 30.0
"""How long after the first of `HURRIED_TRIES` another one may begin."""

HURRIED_LIMIT_SECONDS = 120.0
"""How long to wait for limits, most of which are per minute, while someone is waiting."""

MIN_PAGE_SIZE = 50
GOOD_PAGES_TO_GROW = 3
"""Good pages before the page size grows again. Doubles each time the larger size fails."""

SERVER_ERRORS_TO_SHRINK = 3
"""The page size shrinks each time this many 5xx responses have come in a row."""

_RETRIABLE_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT})

RETRIABLE_ERRORS = (
    RetriableAPIError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.InvalidHeader,
)
"""Faults of the network or the server that another try may overcome."""


def waits() -> Generator[float, Any, None]:
    """Yield the seconds before each further try: exponential with full jitter, or `Retry-After`.

    The longer one counts. backoff sends the exception of each failed try into the generator.
    """
    steps = backoff.expo(max_value=MAX_BACKOFF_SECONDS)
    next(steps)
    error = yield 0.0
    while True:
        step = backoff.full_jitter(next(steps))
        asked = asked_wait(error)
        error = yield step if asked is None else max(step, asked.seconds)


def describe(error: BaseException) -> str:
    """Describe a fault in a few words; the text of a requests exception can fill many lines."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return "no answer in time"
    asked = asked_wait(error)
    return (brief(str(reason or error)) or type(error).__name__) + (asked.remark if asked else "")


def is_retriable(status: int) -> bool:
    """Return whether the fault behind an HTTP status may pass by itself. Does not include 429."""
    return status in _RETRIABLE_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def is_final(error: Exception) -> bool:
    """Return whether a retry is pointless, because a TLS certificate does not verify.

    All other TLS errors can come from the network, or from a server that is being replaced.
    """
    cause: BaseException | None = error
    if isinstance(error, requests.exceptions.SSLError):
        while cause and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__context__
    return isinstance(cause, ssl.SSLCertVerificationError)


def with_retries(
    func: F,
    max_tries: int,
    on_backoff: Callable[[Any], None],
    is_final: Callable[[Exception], bool] = is_final,
) -> F:
    """Wrap a function so that it is called again after a fault.

    Args:
        func: The function to try.
        max_tries: How many tries there are before the last fault is raised.
        on_backoff: Called with backoff's details before each wait.
        is_final: Returns whether another try is pointless after a fault.
    """
    return backoff.on_exception(
        waits,
        RETRIABLE_ERRORS,
        max_tries=max_tries,
        giveup=is_final,
        jitter=None,  # `waits` includes it
        on_backoff=on_backoff,
        logger=None,  # backoff would log each retry once more, with the arguments
    )(func)


def asked_wait(error: Any) -> Wait | None:  # noqa: ANN401 (what backoff sends)
    """Return the wait that the response behind a fault asks for, if any."""
    response = error.response if isinstance(error, RetriableAPIError) else None
    seconds = None if response is None else retry_after_seconds(response.headers)
    return None if seconds is None else Wait.of(seconds)


class PageSize:
    """The number of records to request per page: shrinks after failures, then grows again.

    Zendesk advises lowering `per_page` after a time-out. Some accounts answer 500 instead.
    """

    def __init__(self, wanted: int) -> None:
        """Start with the size from the settings.

        Args:
            wanted: Records per page, 1 to 1000.
        """
        self._wanted = wanted
        self._ceiling = MAX_PAGE_SIZE
        self._good_pages = self._server_errors = 0
        self._patience = GOOD_PAGES_TO_GROW

    def next(self, preferred: int | None = None) -> int:
        """Return the size to request next.

        Args:
            preferred: The size that a paginator needs instead of the wanted one.
        """
        # Converted only here, because discovery without a login does not check the settings.
        return min(preferred or int(self._wanted), self._ceiling)

    def shrink(self, size: int) -> None:
        """Halve a size that was too large, down to 50."""
        self._ceiling = max(min(MIN_PAGE_SIZE, size), size // 2)
        if self._good_pages:
            self._patience *= 2
        self._good_pages = 0

    def observe(self, status: int, size: int) -> None:
        """Shrink if the page may be too large: at once after 504, after some other 5xx in a row.

        Args:
            status: The HTTP status of a response.
            size: The number of records that its request asked for.
        """
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            self.shrink(size)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._server_errors += 1
            if self._server_errors % SERVER_ERRORS_TO_SHRINK == 0:
                self.shrink(size)
        else:
            self._server_errors = 0

    def count_good_page(self) -> None:
        """Double the size after enough good pages."""
        self._good_pages += 1
        if self._good_pages % self._patience == 0:
            self._ceiling = min(MAX_PAGE_SIZE, self._ceiling * 2)
