"""The client: a request's address, login, limits and faults; the answer becomes a page."""

from __future__ import annotations

import contextlib
import itertools
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
    zendesk_says,
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
"""How often an unreadable page has to come, byte for byte, to be given up."""

MIN_SAID_SECONDS = 0.5
"""The log does not mention shorter waits."""


@dataclass
class _Tries:
    """The tries of one page."""

    began_at: float = field(default_factory=time.monotonic)
    count: int = 0
    size: int = 0
    unreadable_bodies: deque[bytes] = field(default_factory=lambda: deque(maxlen=SAME_BODIES))


class Account:
    """What the clients of a run share.

    Attributes:
        config: The tap's settings.
        api_url: The base of Zendesk's API.
        is_worth_asking: Whether there is a login to ask with, and nothing was given up for want of
            an answer.
        has_answered: Whether any request has been answered, be it with an error.
        is_sitting_out: Whether some page was asked for again, or has to wait for a limit: what is
            there can come back.
        is_down: Whether a page was given up after all tries, and no page was served meanwhile or
            since: Zendesk may be down for all, so that no other stream is waited for as long.
        served: The products that have served a page, None for what every account has.
        served_at: When the last page was served, by `time.monotonic`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Prepare for requests; none is sent yet.

        Args:
            config: The tap's settings; discovery needs no login.
        """
        self.config = config
        self.api_url = str(
            config.get("api_url") or f"https://{config.get('subdomain')}.zendesk.com"
        ).rstrip("/")
        self.session = ZendeskSession(self.api_url)
        self.session.headers["User-Agent"] = config.get("user_agent", "")
        self.authenticator = new_authenticator(config, self.api_url, self.session)
        self.limits = rate_limit.RateLimits()
        self.is_worth_asking = login_problem(config) is None
        self.has_answered = self.is_sitting_out = self.is_down = False
        self.served_at = 0.0
        self.served: set[str | None] = set()


class Client:
    """Asks Zendesk for pages, one at a time.

    A client is for one thread at a time; clients of one account may be used at once.

    Attributes:
        account: What it shares with other clients.
        name: Names it in messages: that of its stream.
        logger: Says what is waited for.
        is_hurried: Whether somebody waits for an answer, so that faults are not sat out.
        query: Parameters of all its requests.
        requests: How many it has sent, those for pages that had to be asked for again too.
        waited_seconds: How long limits and faults made it wait.
        waits_until: When the wait that it is in ends, by `time.monotonic`; 0 in none.
    """

    def __init__(
        self, account: Account, name: str, logger: logging.Logger, *, is_hurried: bool = False
    ) -> None:
        """Prepare for requests; see the attributes."""
        self.account = account
        self.name = name
        self.logger = logger
        self.is_hurried = is_hurried
        self.query: Params = {}
        self.requests = 0
        self.waited_seconds = self.waits_until = 0.0
        self._size = retry.PageSize(account.config.get("per_page", MAX_PAGE_SIZE))
        self._tries = _Tries()
        self._is_wanted = True

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Ask for a page again only until the end of the block: nobody waits for it after that.

        A thread that did would hold up its limit, and outlive the run.
        """
        self._is_wanted = True
        try:
            yield
        finally:
            self._is_wanted = False

    def named(self, name: str, logger: logging.Logger, *, is_hurried: bool = False) -> Client:
        """Give a client of the same account; see the attributes."""
        return type(self)(self.account, name, logger, is_hurried=is_hurried)

    def fetch(self, endpoint: Endpoint, params: Params, read: ReadPage) -> Page[Any]:
        """Get one page, however long its limits and faults make it take.

        Args:
            endpoint: Where it is.
            params: The page's token.
            read: Makes a page of a body and the parameters it was asked with; raises a
                `msgspec.MsgspecError` if the body is not such a page, and an
                `UnreadablePageError` if it is, but for something that it holds.

        Raises:
            RefusedError: If Zendesk refuses.
            GivenUpError: If the tries are used up.
            FatalAPIError: If another try is pointless for other reasons, or Zendesk serves nothing.
            FatalSyncError: If the page cannot be read, and comes again as it is.
        """
        self._tries = _Tries()
        attempt = retry.retried(
            self._attempt, retry.MAX_TRIES, self._before_next_try, self._is_final
        )
        while True:
            try:
                return attempt(endpoint, params, read)
            except RateLimitedError as error:  # noqa: PERF203 (a try takes seconds)
                self.account.is_sitting_out = True
                wait = rate_limit.Wait.of(error.wait_seconds)
                self._wait(wait, "Zendesk says 429, too many requests")
            except retry.RETRIABLE_ERRORS as error:
                raise self._given_up(params, error) from error

    @property
    def _is_patient(self) -> bool:
        """Whether to sit faults out: only what is there can come back, and once is enough."""
        account = self.account
        return account.has_answered and not account.is_down and not self.is_hurried

    @property
    def _max_tries(self) -> int:
        if self._is_patient:
            return retry.MAX_TRIES
        is_hopeful = self.account.is_worth_asking or self.account.is_down
        return retry.HURRIED_TRIES if is_hopeful else retry.GIVEN_UP_TRIES

    def _is_final(self, error: Exception) -> bool:
        if not self._is_wanted or retry.is_final(error):
            return True
        if self._is_patient:
            return False
        if self._tries.count >= self._max_tries:
            return True
        # What takes long to answer may do with a smaller page; a page may have waited for limits.
        is_slow = isinstance(error, requests.exceptions.ReadTimeout) or self.account.is_down
        if is_slow and not self.is_hurried:
            return False
        return time.monotonic() - self._tries.began_at >= retry.HURRIED_SECONDS

    def _given_up(self, params: Params, error: Exception) -> FatalAPIError:
        """Give the error that ends the stream, or the run if Zendesk serves no other stream."""
        account, was_patient = self.account, self._is_patient
        account.is_worth_asking = was_patient
        if not account.has_answered:
            msg = (
                f"{self.name}: no answer from {account.api_url}: {retry.describe(error)}; "
                "check subdomain (or api_url) and the network"
            )
            return FatalAPIError(msg)
        msg = (
            f"{self.name}: gave up on the page at {_position(params)} with per_page="
            f"{self._tries.size}: {retry.describe(error)}. The last state is safe: run again with "
            "it to go on from this page."
        )
        if account.is_down:  # since another page was given up, for which the tap has waited
            return FatalAPIError(msg)
        account.is_down = was_patient and account.served_at < self._tries.began_at
        return GivenUpError(msg)

    def _before_next_try(self, details: Any) -> None:  # noqa: ANN401 (backoff's type is private)
        """Say once what failed and what happens next."""
        self.account.is_sitting_out |= self._is_patient
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
        """Ask for a page and read it, once."""
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
                self._size.answered(response.status_code, size)
                status.check(response, self.name, endpoint, params, self.account.served)
                body = read_body(response)
            page = read(body, params)
            if page.end_time is not None:
                page.end_time, page.after_cursor = endpoint.place(page.end_time, page.after_cursor)
        except requests.exceptions.ReadTimeout:
            self._size.too_much(size)
            raise
        except UnreadablePageError as error:
            tries.unreadable_bodies.append(body)
            if tries.unreadable_bodies.count(body) < SAME_BODIES:
                msg = f"the page cannot be read: {error}"
                raise RetriableAPIError(msg, response) from error
            msg = (
                f"{self.name}: the page at {_position(params)} cannot be read, and Zendesk sends "
                f"it again byte for byte: {error}. The last state is safe. Have Zendesk support "
                "correct what the page holds, or deselect the stream to go on without it."
            )
            raise FatalSyncError(msg) from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            why = zendesk_says(body) or brief(str(error))
            msg = f"the answer is not a page of {self.name}: {why}"
            raise RetriableAPIError(msg, response) from error
        made_at = rate_limit.date_seconds(response.headers) or sent_at
        page.newest = made_at - endpoint.newest_seconds
        self._size.good_page()
        self.account.served.add(status.product(endpoint))
        self.account.served_at, self.account.is_down = time.monotonic(), False
        return page

    def _send(self, endpoint: Endpoint, params: Params) -> requests.Response:
        """Send a request, and again while a login that was refused may still be taken."""
        authenticator = self._authenticator_of(endpoint)
        for times in itertools.count(1):
            response = self._send_once(endpoint, params)
            if not isinstance(authenticator, RenewingAuthenticator):
                break
            wait_seconds = authenticator.wait_before_resending(response, times)
            if wait_seconds is None:
                break
            response.close()
            self._sleep(wait_seconds)
        return response

    def _send_once(self, endpoint: Endpoint, params: Params) -> requests.Response:
        """Wait for a request's turn, log in and send it."""
        account = self.account
        turn = self._wait_for_turn(endpoint)
        timeout_seconds = float(account.config["request_timeout"])
        if self.is_hurried:
            timeout_seconds = min(timeout_seconds, retry.HURRIED_SECONDS)
        try:
            response = account.session.get(
                account.api_url + endpoint.path,
                params=endpoint.query({**self.query, **params}),
                auth=partial(self._log_in, self._authenticator_of(endpoint)),
                timeout=(min(CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds),
                allow_redirects=False,  # credentials go to api_url alone
                stream=True,
            )
        except BaseException:
            account.limits.lost()
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
        """Put the login into a request that is about to be sent."""
        if isinstance(authenticator, RenewingAuthenticator):
            authenticator.max_tries = self._max_tries
        try:
            request = authenticator(request)
        except FatalAPIError as error:
            if isinstance(error.__cause__, retry.RETRIABLE_ERRORS):
                self.account.is_worth_asking = self._is_patient
            raise
        self.requests += 1
        return request

    def _measure(self, endpoint: Endpoint, response: requests.Response) -> None:
        """Log the SDK's metric of a request."""
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
        if wait.seconds >= MIN_SAID_SECONDS:
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
