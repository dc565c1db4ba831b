"""How faults are tried again: after what waits, how often, and with how large a page."""

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
"""With full jitter the 24 waits between them add up to 9.5 minutes on average."""

HURRIED_TRIES = 6
"""Where somebody waits or nothing has answered yet: the waits add up to 15 s on average."""

GIVEN_UP_TRIES = 2
"""Where an earlier request of the run, such as discovery's, has been given up already."""

HURRIED_SECONDS = 30.0
"""How long after the first try another one may begin there."""

MIN_PAGE_SIZE = 50
GOOD_PAGES_TO_GROW = 3
"""Good pages before more is asked for again; twice as many each time that was too early."""

SERVER_ERRORS_TO_SHRINK = 3
"""5xx in a row for one page, after each of which a smaller page is asked for."""

_RETRIABLE_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT})

RETRIABLE_ERRORS = (
    RetriableAPIError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.InvalidHeader,
)
"""Faults of the network or the server that another try may get past."""


def waits() -> Generator[float, Any, None]:
    """Yield the seconds before each further try: `Retry-After`, or exponential with full jitter.

    backoff sends the exception of the failed try.
    """
    steps = backoff.expo(max_value=MAX_BACKOFF_SECONDS)
    next(steps)
    error = yield 0.0
    while True:
        step = backoff.full_jitter(next(steps))
        asked = _asked(error)
        error = yield step if asked is None else max(step, asked.seconds)


def describe(error: BaseException) -> str:
    """Say in a few words what a fault was; what requests says of one fills lines."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return "no answer in time"
    asked = _asked(error)
    return (brief(str(reason or error)) or type(error).__name__) + (asked.remark if asked else "")


def is_retriable(status: int) -> bool:
    """Say whether what an HTTP status stands for may pass by itself; 429 is apart."""
    return status in _RETRIABLE_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def is_final(error: Exception) -> bool:
    """Say whether trying again is pointless: a certificate does not become valid.

    Every other trouble with TLS may be the network's, or a server's that is being replaced.
    """
    cause: BaseException | None = error
    if isinstance(error, requests.exceptions.SSLError):
        while cause and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__context__
    return isinstance(cause, ssl.SSLCertVerificationError)


def retried(
    func: F,
    max_tries: int,
    on_backoff: Callable[[Any], None],
    is_final: Callable[[Exception], bool] = is_final,
) -> F:
    """Wrap a function so that faults are tried again.

    Args:
        func: What to try.
        max_tries: After how many tries the last fault is raised.
        on_backoff: Is given backoff's details before each wait.
        is_final: Says whether another try is pointless after a fault.
    """
    return backoff.on_exception(
        waits,
        RETRIABLE_ERRORS,
        max_tries=max_tries,
        giveup=is_final,
        jitter=None,  # `waits` has put it in
        on_backoff=on_backoff,
        logger=None,  # or backoff says each retry once more, with its arguments
    )(func)


def _asked(error: Any) -> Wait | None:  # noqa: ANN401 (what backoff sends)
    """Give the wait that the response of a fault asks for, if any."""
    response = error.response if isinstance(error, RetriableAPIError) else None
    seconds = None if response is None else retry_after_seconds(response.headers)
    return None if seconds is None else Wait.of(seconds)


class PageSize:
    """How many records to ask for: fewer where a page is too much, then more again.

    Zendesk advises to lower `per_page` after a time-out; some accounts answer 500 instead.
    """

    def __init__(self, wanted: int) -> None:
        """Start with what the settings ask for.

        Args:
            wanted: Records a page, 1 to 1000.
        """
        self._wanted = wanted
        self._ceiling = MAX_PAGE_SIZE
        self._good_pages = self._server_errors = 0
        self._patience = GOOD_PAGES_TO_GROW

    def next(self, preferred: int | None = None) -> int:
        """Give the size to ask for.

        Args:
            preferred: What a paginator needs instead of the wanted size.
        """
        # Only here: discovery without a login makes one of whatever the settings say.
        return min(preferred or int(self._wanted), self._ceiling)

    def too_much(self, size: int) -> None:
        """Halve a size that was too much, down to 50."""
        self._ceiling = max(min(MIN_PAGE_SIZE, size), size // 2)
        if self._good_pages:
            self._patience *= 2
        self._good_pages = 0

    def answered(self, status: int, size: int) -> None:
        """Ask for less where a page may be too much: at once after 504, soon after other 5xx.

        Args:
            status: The HTTP status.
            size: The records that were asked for.
        """
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            self.too_much(size)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._server_errors += 1
            if self._server_errors % SERVER_ERRORS_TO_SHRINK == 0:
                self.too_much(size)
        else:
            self._server_errors = 0

    def good_page(self) -> None:
        """Double the size again after some good pages."""
        self._good_pages += 1
        if self._good_pages % self._patience == 0:
            self._ceiling = min(MAX_PAGE_SIZE, self._ceiling * 2)
