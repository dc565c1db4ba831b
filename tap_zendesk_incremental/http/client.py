"""The client: sends requests with their login, obeys limits, retries faults, and returns pages."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import requests
from singer_sdk import metrics
from singer_sdk.exceptions import FatalAPIError, FatalSyncError, RetriableAPIError

from tap_zendesk_incremental.auth.login import login_problem, new_authenticator, token_authenticator
from tap_zendesk_incremental.auth.oauth import RenewingAuthenticator
from tap_zendesk_incremental.errors import (
    GivenUpError,
    RateLimitedError,
    UnreadablePageError,
    brief,
    error_message,
)
from tap_zendesk_incremental.http import rate_limit, retry, status
from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE
from tap_zendesk_incremental.http.session import (
    CONNECT_TIMEOUT_SECONDS,
    ZendeskSession,
    read_body,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping

    from singer_sdk.authenticators import APIAuthenticatorBase

    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Params

    ReadPage = Callable[[bytes, Params], Page[Any]]

SAME_BODIES = 3
"""How often the same unreadable bytes have to arrive before the client gives the page up."""

MIN_LOGGED_SECONDS = 0.5
"""The log does not mention shorter waits."""


@dataclass
class _Tries:
    """The tries of one page."""

    began_at: float = field(default_factory=time.monotonic)
    count: int = 0
    size: int = 0
    limited_seconds: float = 0.0
    unreadable_bodies: deque[bytes] = field(default_factory=lambda: deque(maxlen=SAME_BODIES))


class Account:
    """The state that the clients of a run share.

    Attributes:
        config: The tap's settings.
        api_url: The base of Zendesk's API.
        expects_answers: Whether requests are likely to succeed. False without a login, and after a
            client gave up on a request early.
        has_answered: Whether any request has been answered, even with an error.
        has_backed_off: Whether any page had to be retried, or had to wait for a limit, although
            Zendesk had answered. Such waits can be long, so other streams start in the meantime.
        is_down: Whether a page was given up after all tries, and no other page has been served
            since these tries began. Zendesk may then be down for everyone, so the tap gives up
            other pages sooner.
        served: The products that have served a page; None stands for what every account has.
        served_at: When the last page was served, by `time.monotonic`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Prepare the session and the login; send nothing yet.

        Args:
            config: The tap's settings. They may lack a login, because discovery needs none.
        """
        self.config = config
        self.api_url = str(
            config.get("api_url") or f"https://{config.get('subdomain')}.zendesk.com"
        ).rstrip("/")
        self.session = ZendeskSession(self.api_url)
        self.session.headers["User-Agent"] = config.get("user_agent", "")
        self.authenticator = new_authenticator(config, self.api_url, self.session)
        self.limits = rate_limit.RateLimits()
        self.expects_answers = login_problem(config) is None
        self.has_answered = self.has_backed_off = self.is_down = False
        self.served_at = 0.0
        self.served: set[str | None] = set()


class Client:
    """Requests pages from Zendesk, one at a time.

    Only one thread may use a client at a time. Clients of the same account may run in parallel.

    Attributes:
        account: The state that it shares with other clients.
        name: The name of its stream, for messages.
        logger: Logs retries and waits.
        is_hurried: Whether someone is waiting for the answer, so that the client gives up soon.
        query: Query parameters of all its requests.
        requests: How many requests it has sent, retries included.
        waited_seconds: How long limits and faults made it wait.
        waits_until: When the current wait ends, by `time.monotonic`; 0 while it is not waiting.
    """

    def __init__(
        self, account: Account, name: str, logger: logging.Logger, *, is_hurried: bool = False
    ) -> None:
        """Start without any request; for the arguments, see the attributes."""
        self.account = account
        self.name = name
        self.logger = logger
        self.is_hurried = is_hurried
        self.query: Params = {}
        self.requests = 0
        self.waited_seconds = self.waits_until = 0.0
        self._size = retry.PageSize(account.config.get("per_page", MAX_PAGE_SIZE))
        self._tries = _Tries()
        self._is_in_use = True

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Allow requests to be repeated only until the end of the block.

        Nobody needs the page after that. A thread that went on retrying would block its rate
        limit, and outlive the run.
        """
        self._is_in_use = True
        try:
            yield
        finally:
            self._is_in_use = False

    def named(self, name: str, logger: logging.Logger, *, is_hurried: bool = False) -> Client:
        """Return another client of the same account; for the arguments, see the attributes."""
        return type(self)(self.account, name, logger, is_hurried=is_hurried)

    def fetch(self, endpoint: Endpoint, params: Params, read: ReadPage) -> Page[Any]:
        """Fetch one page, with waits for rate limits and retries after faults.

        Args:
            endpoint: The list that the page belongs to.
            params: The page's token.
            read: Turns a body and the parameters of its request into a page. Raises a
                `msgspec.MsgspecError` if the body is not a page of this list, and an
                `UnreadablePageError` if it is one but has unreadable content.

        Raises:
            RefusedError: If Zendesk refuses the request.
            GivenUpError: If all tries have failed.
            FatalAPIError: If another try is pointless for other reasons, or Zendesk serves nothing.
            FatalSyncError: If the page cannot be read, and further tries bring the same bytes, or
                if a limit takes too long while someone is waiting.
        """
        self._tries = _Tries()
        attempt = retry.with_retries(
            self._attempt, retry.MAX_TRIES, self._before_next_try, self._is_final
        )
        while True:
            try:
                return attempt(endpoint, params, read)
            except RateLimitedError as error:  # noqa: PERF203 (a try takes seconds)
                if not self._is_in_use:
                    raise
                self.account.has_backed_off = True
                wait = rate_limit.Wait.of(error.wait_seconds)
                self._wait(wait, "Zendesk says 429, too many requests")
            except retry.RETRIABLE_ERRORS as error:
                raise self._give_up(params, error) from error

    @property
    def _is_patient(self) -> bool:
        """Whether to use all tries. Only a server that has answered once is likely to come back.

        During an outage, one page that used all its tries is enough.
        """
        account = self.account
        return account.has_answered and not account.is_down and not self.is_hurried

    @property
    def _max_tries(self) -> int:
        if self._is_patient:
            return retry.MAX_TRIES
        is_hopeful = self.account.expects_answers or self.account.is_down
        return retry.HURRIED_TRIES if is_hopeful else retry.GIVEN_UP_TRIES

    def _is_final(self, error: Exception) -> bool:
        if not self._is_in_use or retry.is_final(error):
            return True
        if self._is_patient:
            return False
        if self._tries.count >= self._max_tries:
            return True
        # Here only the tries count, not the time: a slow page may succeed with fewer records, and
        # a page that is requested during an outage may have spent the time waiting for limits.
        is_slow = isinstance(error, requests.exceptions.ReadTimeout) or self.account.is_down
        if is_slow and not self.is_hurried:
            return False
        asked = retry.asked_wait(error)
        next_try_at = time.monotonic() + (asked.seconds if asked else 0.0)
        return next_try_at - self._tries.began_at >= retry.HURRIED_SECONDS

    def _give_up(self, params: Params, error: Exception) -> FatalAPIError:
        """Return the error that ends the stream, or the run if Zendesk serves no other stream."""
        account, was_patient = self.account, self._is_patient
        account.expects_answers = was_patient
        if not account.has_answered:
            msg = (
                f"{self.name}: no answer from {account.api_url}: {retry.describe(error)}; "
                "check subdomain (or api_url) and the network"
            )
            return FatalAPIError(msg)
        msg = (
            f"{self.name}: gave up on the page at {_position(params)} with per_page="
            f"{self._tries.size}: {retry.describe(error)}. The last state is safe: run again with "
            "it to resume at this page."
        )
        if account.is_down:  # another page has used all its tries already
            return FatalAPIError(msg)
        account.is_down = was_patient and account.served_at < self._tries.began_at
        return GivenUpError(msg)

    def _before_next_try(self, details: Any) -> None:  # noqa: ANN401 (backoff's type is private)
        """Log what failed and when the next try is."""
        self.account.has_backed_off |= self._is_patient
        self.waited_seconds += details["wait"]
        self.waits_until = time.monotonic() + details["wait"]
        self.logger.warning(
            "%s: try %d of a page failed (%s); next try in %.1f s",
            self.name,
            details["tries"],
            retry.describe(details["exception"]),
            details["wait"],
        )

    def _attempt(self, endpoint: Endpoint, params: Params, read: ReadPage) -> Page[Any]:
        """Request a page once and read it."""
        self.waits_until = 0.0
        tries = self._tries
        tries.count += 1
        size = tries.size = min(self._size.next(int(params.get("per_page", 0))), endpoint.max_size)
        params = {name: value for name, value in params.items() if name != "per_page"}
        if endpoint.size_parameter:
            params["per_page"] = size
        body, sent_at = b"", int(time.time())
        try:
            with self._send(endpoint, params) as response:
                self._size.observe(response.status_code, size)
                status.check(response, self.name, endpoint, params, self.account.served)
                body = read_body(response)
            page = read(body, params)
            if page.end_time is not None:
                page.end_time, page.after_cursor = endpoint.from_ticks(
                    page.end_time, page.after_cursor
                )
        except requests.exceptions.ReadTimeout:
            self._size.shrink(size)
            raise
        except UnreadablePageError as error:
            tries.unreadable_bodies.append(body)
            if tries.unreadable_bodies.count(body) < SAME_BODIES:
                msg = f"the page cannot be read: {error}"
                raise RetriableAPIError(msg, response) from error
            msg = (
                f"{self.name}: the page at {_position(params)} cannot be read, and Zendesk sends "
                f"the same bytes each time: {error}. The last state is safe. Ask Zendesk support "
                "to correct the page, or deselect the stream to go on without it."
            )
            raise FatalSyncError(msg) from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            why = error_message(body) or brief(str(error))
            msg = f"the answer is not a page of {self.name}: {why}"
            raise RetriableAPIError(msg, response) from error
        if dated := rate_limit.date_seconds(response.headers):
            # Zendesk dates an answer when it sends it, seconds after it has looked for records.
            sent_at = dated - math.ceil(response.elapsed.total_seconds())
        page.newest = sent_at - endpoint.newest_seconds
        self._size.count_good_page()
        self.account.served.add(status.product_of(endpoint))
        self.account.served_at, self.account.is_down = time.monotonic(), False
        return page

    def _send(self, endpoint: Endpoint, params: Params) -> requests.Response:
        """Send a request. After a refused login, send it again if a token may still be accepted."""
        authenticator = self._authenticator_of(endpoint)
        for attempt in itertools.count(1):
            response = self._send_once(endpoint, params, authenticator)
            if not isinstance(authenticator, RenewingAuthenticator):
                break
            wait_seconds = authenticator.wait_before_resending(response, attempt)
            if wait_seconds is None:
                break
            response.close()
            self._sleep(wait_seconds)
        return response

    def _send_once(
        self, endpoint: Endpoint, params: Params, authenticator: APIAuthenticatorBase
    ) -> requests.Response:
        """Wait for the limits, then send a request with the login."""
        account = self.account
        turn = self._wait_for_turn(endpoint)
        timeout_seconds = float(account.config["request_timeout"])
        if self.is_hurried:
            timeout_seconds = min(timeout_seconds, retry.HURRIED_SECONDS)
        try:
            response = account.session.get(
                account.api_url + endpoint.path,
                params=endpoint.query({**self.query, **params}),
                auth=partial(self._log_in, authenticator),
                timeout=(min(CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds),
                allow_redirects=False,  # credentials are sent to api_url only
                stream=True,
            )
        except BaseException:
            account.limits.count_unanswered()
            raise
        account.has_answered = True
        self._measure(endpoint, response)
        account.limits.observe(endpoint.limit, response.headers, turn, endpoint.pace)
        return response

    def _authenticator_of(self, endpoint: Endpoint) -> APIAuthenticatorBase:
        if endpoint.token_setting:
            return token_authenticator(self.account.config, endpoint.token_setting)
        return self.account.authenticator

    def _log_in(
        self, authenticator: APIAuthenticatorBase, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        """Add the login to a request that is about to be sent."""
        if isinstance(authenticator, RenewingAuthenticator):
            authenticator.max_tries = self._max_tries
        try:
            request = authenticator(request)
        except FatalAPIError as error:
            if isinstance(error.__cause__, retry.RETRIABLE_ERRORS):
                self.account.expects_answers = self._is_patient
            raise
        self.requests += 1
        return request

    def _measure(self, endpoint: Endpoint, response: requests.Response) -> None:
        """Log the duration of a request as a metric of the SDK."""
        is_good = response.status_code < HTTPStatus.BAD_REQUEST
        point = metrics.Point(
            "timer",
            metric=metrics.Metric.HTTP_REQUEST_DURATION,
            value=response.elapsed.total_seconds(),
            tags={
                metrics.Tag.STREAM: self.name,
                metrics.Tag.ENDPOINT: endpoint.path,
                metrics.Tag.HTTP_STATUS_CODE: response.status_code,
                metrics.Tag.STATUS: metrics.Status.SUCCEEDED if is_good else metrics.Status.FAILED,
            },
        )
        metrics.log(metrics.get_metrics_logger(), point)

    def _wait_for_turn(self, endpoint: Endpoint) -> rate_limit.Turn:
        limits = self.account.limits
        turn = limits.take_turn(endpoint.limit)
        while turn.wait.seconds:
            self._wait(turn.wait, "Zendesk's limit is reached")
            turn = limits.take_turn(endpoint.limit, turn.until)
        return turn

    def _wait(self, wait: rate_limit.Wait, why: str) -> None:
        self._tries.limited_seconds += wait.seconds
        if self.is_hurried and self._tries.limited_seconds > retry.HURRIED_LIMIT_SECONDS:
            msg = (
                f"{self.name}: {why}, and the next request has to wait {wait.asked_seconds:.0f} s. "
                "Run again later."
            )
            raise FatalSyncError(msg)
        if wait.seconds >= MIN_LOGGED_SECONDS:
            self.logger.info("%s: %s%s; waiting %.0f s", self.name, why, wait.remark, wait.seconds)
        self._sleep(wait.seconds)

    def _sleep(self, seconds: float) -> None:
        self.waited_seconds += seconds
        self.waits_until = time.monotonic() + seconds
        time.sleep(seconds)
        self.waits_until = 0.0


def _position(params: Params) -> str:
    token = (f"{name}={value}" for name, value in params.items() if name != "per_page")
    return ", ".join(token) or "the start"
