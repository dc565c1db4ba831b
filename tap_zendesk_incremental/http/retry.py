"""How faults are tried again: the waits, and how many of them."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import backoff
import requests
from singer_sdk.exceptions import RetriableAPIError

from tap_zendesk_incremental.errors import brief
from tap_zendesk_incremental.http.rate_limit import Wait, retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

P = ParamSpec("P")
T = TypeVar("T")

MAX_WAIT_SECONDS = 60
"""No wait between two tries is longer, unless Zendesk's `Retry-After` says so."""

MAX_TRIES = 25
"""With full jitter the 24 waits between them add up to 9.5 minutes on average."""

HURRIED_TRIES = 6
"""Where somebody waits or nothing has answered yet: the waits add up to 15 s on average."""

HURRIED_SECONDS = 30.0
"""After which no other try is made there."""

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
    """Yield the seconds before each next try: `Retry-After`, or exponential with full jitter.

    backoff sends the exception of the failed try.
    """
    steps = backoff.expo(max_value=MAX_WAIT_SECONDS)
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
    return isinstance(error, requests.exceptions.SSLError) and any(
        isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)
    )


def retried(
    func: Callable[P, T],
    max_tries: int,
    on_backoff: Callable[[Any], None],
    is_final: Callable[[Exception], bool] = is_final,
) -> Callable[P, T]:
    """Wrap a function so that faults are tried again.

    Args:
        func: What to try.
        max_tries: After how many tries the last fault is raised.
        on_backoff: Is given backoff's details before each wait.
        is_final: Says whether another try is pointless after a fault.
    """
    decorated: Callable[P, T] = backoff.on_exception(
        waits,
        RETRIABLE_ERRORS,
        max_tries=max_tries,
        giveup=is_final,
        jitter=None,  # `waits` has put it in
        on_backoff=on_backoff,
        logger=None,  # or backoff says each retry once more, with its arguments
    )(func)
    return decorated


def _asked(error: Any) -> Wait | None:  # noqa: ANN401 (what backoff sends)
    """Give the wait that the response of a fault asks for, if any."""
    response = error.response if isinstance(error, RetriableAPIError) else None
    seconds = None if response is None else retry_after_seconds(response.headers)
    return None if seconds is None else Wait.of(seconds)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and those it wraps, as requests and urllib3 wrap them."""
    yield error
    for cause in (*error.args, getattr(error, "reason", None)):
        if isinstance(cause, BaseException) and cause is not error:
            yield from _causes(cause)
