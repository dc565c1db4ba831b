"""The sync loop: threads fetch the pages of many streams, and this one writes them."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk.exceptions import FatalAPIError, FatalSyncError

from tap_zendesk_incremental.errors import GivenUpError, RefusedError, StreamMapError
from tap_zendesk_incremental.schedule import Schedule

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Generator, Iterator, Sequence

    from tap_zendesk_incremental.schedule import Arrival

REPORT_SECONDS = 1.0
"""How often the loop reports while no page arrives."""


class PagedStream(Protocol):
    """A stream that is fetched and written page by page."""

    @property
    def logger(self) -> logging.Logger:
        """The stream's logger."""

    @property
    def line(self) -> tuple[str, int]:
        """The line of streams that take turns, and how many of them are fetched at once."""

    def fetched_pages(self) -> Iterator[Any]:
        """Fetch the pages, in a thread of their own."""

    def written_pages(self) -> Generator[None, Any, None]:
        """Write the pages: a coroutine that takes each page, and None after the last one."""


def export_concurrently(
    streams: Sequence[PagedStream],
    report: Callable[[], None] = lambda: None,
    may_run_concurrently: Callable[[], bool] = lambda: True,
    finish: Callable[[], None] = lambda: None,
) -> None:
    """Export streams: many threads fetch pages, and this one writes them.

    Only this thread writes messages and the state, so neither needs a lock. A stream that fails
    makes the run fail, but only after the other streams are exported. An error that concerns all
    of them, such as a refused login, ends the run once the fetched pages are written.

    Args:
        streams: The streams; each has written its SCHEMA message.
        report: Called after each page, and once a second.
        may_run_concurrently: Returns False while one stream has to find out whether Zendesk answers
            and takes the login, so that the others do not fail for the same reason.
        finish: Called once all pages that were fetched are written.

    Raises:
        BaseException: The last error of a stream. Errors of single streams before it are warnings.
    """
    schedule: Schedule[PagedStream, Any] = Schedule()
    writers: dict[PagedStream, Generator[None, Any, None]] = {}
    failure: BaseException | None = None
    with contextlib.ExitStack() as stack:
        for stream in streams:
            writers[stream] = writer = stream.written_pages()
            stack.callback(writer.close)
            next(writer)
            line, threads = stream.line
            schedule.add(stream, stream.fetched_pages(), line, threads)
        arrivals = schedule.arrivals(REPORT_SECONDS, may_run_concurrently)
        for arrival in stack.enter_context(contextlib.closing(arrivals)):
            error = arrival and _write(writers, arrival)
            if arrival and error and not schedule.is_stopped:
                failure = error
                schedule.drop(arrival.key)
                if not concerns_one_stream(error):
                    schedule.stop()
                elif writers:
                    arrival.key.logger.warning(
                        "%s; the other streams are exported before the run fails", error
                    )
            report()
        finish()
        if failure is not None:
            raise failure


def _write(
    writers: dict[PagedStream, Generator[None, Any, None]], arrival: Arrival[PagedStream, Any]
) -> BaseException | None:
    """Write what has arrived. A stream that has ended is removed from the writers.

    Returns:
        The error that ended the stream, None if it goes on or is complete.
    """
    writer, failure = writers[arrival.key], None
    try:
        if arrival.error is None:
            writer.send(next(iter(arrival.items), None))
        else:
            writer.throw(arrival.error)
    except StopIteration:
        pass
    except BaseException as error:
        if error is not arrival.error and not isinstance(error, StreamMapError):
            raise
        failure = error
    else:
        return None
    del writers[arrival.key]
    return failure


def concerns_one_stream(error: BaseException) -> bool:
    """Return whether other streams can still be exported after an error of one stream.

    Args:
        error: The error.
    """
    if isinstance(error, RefusedError):
        return error.status != HTTPStatus.UNAUTHORIZED
    if isinstance(error, (StreamMapError, GivenUpError)):
        return True
    # Any other API error is the same for all streams: there is no answer, or no token.
    return isinstance(error, FatalSyncError) and not isinstance(error, FatalAPIError)
