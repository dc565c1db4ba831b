"""The client: a request's address, login, limits and faults; what answers becomes a page."""

from __future__ import annotations

import copy
import threading
import time
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import requests
from singer_sdk import metrics
from singer_sdk.exceptions import FatalAPIError, FatalSyncError, RetriableAPIError

from tap_zendesk_incremental.auth.login import login_problem, new_authenticator
from tap_zendesk_incremental.auth.oauth import RenewingAuthenticator
from tap_zendesk_incremental.errors import (
    CursorRefusedError,
    GivenUpError,
    RateLimitedError,
    RefusedError,
    UnreadablePageError,
    brief,
    zendesk_says,
)
from tap_zendesk_incremental.http import rate_limit, retry
from tap_zendesk_incremental.http.endpoint import MAX_PAGE_SIZE, PageSize
from tap_zendesk_incremental.http.session import (
    CONNECT_TIMEOUT_SECONDS,
    ZendeskSession,
    read_body,
    read_error,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from singer_sdk.authenticators import APIAuthenticatorBase

    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Params

    ReadPage = Callable[[bytes, Params], Page[Any]]

TOO_RECENT = "Too recent start_time"
CURSOR_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the settings to log in; a token may have ended",
    HTTPStatus.FORBIDDEN: (
        "the exports need an admin's login (OAuth: a token of an admin with the scope read), and "
        "some need a plan that has them"
    ),
    HTTPStatus.NOT_FOUND: "check subdomain (or api_url), and whether the account has this export",
}

PRODUCTS = {
    "/help_center/": "a help center",
    "/community/": "a community",
    "/channels/voice/": "Talk",
}
"""What an account may be without, by a part of the paths of its endpoints."""

GIVEN_UP_TRIES = 2
"""Where an earlier request of the run, such as discovery's, has been given up already."""

CLOSED_STATUSES = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
"""What a closed export may answer; what it really is, is not known yet."""

CLOSED = (
    "Zendesk closes incremental exports to third parties in December 2026: export_method list does "
    "without them"
)

SERVER_ERRORS_TO_SHRINK = 3
"""5xx in a row for one page, after each of which a smaller page is asked for."""

SAME_BODIES = 3
"""How often an unreadable page has to come, byte for byte, to be given up."""


MIN_SAID_SECONDS = 0.5
"""Waits that are shorter are not worth a line."""


class _Account:
    """What the clients of a run share.

    Attributes:
        worth_asking: Whether there is a login to ask with, and nothing was given up for want of an
            answer.
        has_answered: Whether anything has answered.
        is_sitting_out: Whether some page was asked for again, as what is there can come back.
        is_down: Whether a page was given up after all tries, and no page was served meanwhile or
            since: Zendesk may be down for all, so that no other stream is waited for as long.
        served: Products of which a page was served, None for what all accounts have.
        served_at: When the last page was served, by `time.monotonic`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.api_url = str(
            config.get("api_url") or f"https://{config.get('subdomain')}.zendesk.com"
        ).rstrip("/")
        self.session = ZendeskSession(self.api_url)
        self.limits = rate_limit.RateLimits()
        self.worth_asking = login_problem(config) is None
        self.has_answered = self.is_sitting_out = self.is_down = False
        self.served_at = 0.0
        self.served: set[str | None] = set()
        self._login_lock = threading.Lock()

    @property
    def authenticator(self) -> APIAuthenticatorBase:
        """The login, made at the first request so that discovery needs no credentials."""
        with self._login_lock:  # two threads with a login each would void each other's tokens
            return self._authenticator

    @cached_property
    def _authenticator(self) -> APIAuthenticatorBase:
        return new_authenticator(self._config, self.api_url, self.session)


class _Tries:
    """The tries of one page."""

    def __init__(self) -> None:
        self.started_at = time.monotonic()
        self.count = 0
        self.server_errors = 0
        self.size = 0
        self._body = b""
        self._same_bodies = 0

    @property
    def seconds(self) -> float:
        """Since the first of them began."""
        return time.monotonic() - self.started_at

    def same_bodies(self, body: bytes) -> int:
        """Give how often in a row an unreadable body has come, this time included."""
        self._same_bodies = self._same_bodies + 1 if body == self._body else 1
        self._body = body
        return self._same_bodies


class Client:
    """Asks Zendesk for pages, one at a time.

    The clients of a run, one a stream, share a session, a login and rate limits. A client is for
    one thread at a time; clients may be used at once.

    Attributes:
        name: Names it in messages: that of its stream.
        logger: Says what is waited for.
        query: Parameters of all its requests.
        requests: How many it has sent, those for pages that had to be asked for again too.
        waited_seconds: How long limits and faults made it wait.
        waits_until: When the wait that it is in ends, by `time.monotonic`; 0 in none.
    """

    def __init__(self, config: Mapping[str, Any], logger: logging.Logger) -> None:
        """Prepare for requests; none is sent yet.

        Args:
            config: The tap's settings.
            logger: Says what is waited for.
        """
        self._config = config
        self._account = _Account(config)
        self._start("discovery", logger, is_hurried=True)

    def named(self, name: str, logger: logging.Logger, *, is_hurried: bool = False) -> Client:
        """Give a client of the same account.

        Args:
            name: Names it in messages: that of its stream.
            logger: Says what is waited for.
            is_hurried: Whether somebody waits for an answer, so that faults are not sat out.
        """
        client = copy.copy(self)
        client._start(name, logger, is_hurried=is_hurried)  # noqa: SLF001 (the same class)
        return client

    def _start(self, name: str, logger: logging.Logger, *, is_hurried: bool) -> None:
        self.name = name
        self.is_hurried = is_hurried
        self.query: Params = {}
        self.requests = 0
        self.waited_seconds = self.waits_until = 0.0
        self.logger = logger
        self._size = PageSize(int(self._config.get("per_page") or MAX_PAGE_SIZE))
        self._tries = _Tries()

    @property
    def has_served(self) -> bool:
        """Whether Zendesk has served any page to this run."""
        return bool(self._account.served)

    @property
    def is_sitting_out(self) -> bool:
        """Whether some page of this run is, or was, worth being asked for again and again."""
        return self._account.is_sitting_out

    @property
    def is_worth_asking(self) -> bool:
        """Whether there is a login to ask with, and nothing was given up for want of an answer."""
        return self._account.worth_asking

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
        """
        self._tries = _Tries()
        attempt = retry.retried(
            self._attempt, retry.MAX_TRIES, self._before_next_try, self._is_final
        )
        while True:
            try:
                page: Page[Any] = attempt(endpoint, params, read)
            except RateLimitedError as error:  # noqa: PERF203 (a try takes seconds)
                self._wait(
                    rate_limit.Wait.of(error.wait_seconds), "Zendesk says 429, too many requests"
                )
            except retry.RETRIABLE_ERRORS as error:
                raise self._given_up(params, error) from error
            else:
                return page

    @property
    def _is_patient(self) -> bool:
        """Whether to sit faults out: only what is there can come back, and once is enough."""
        account = self._account
        return account.has_answered and not account.is_down and not self.is_hurried

    def _is_final(self, error: Exception) -> bool:
        if retry.is_final(error):
            return True
        if self._is_patient:
            return False
        account = self._account
        # What takes long to answer may do with a smaller page; a page may have waited for limits.
        may_take_long = not self.is_hurried and (
            isinstance(error, requests.exceptions.ReadTimeout) or account.is_down
        )
        tries = retry.HURRIED_TRIES if account.worth_asking or account.is_down else GIVEN_UP_TRIES
        return self._tries.count >= tries or (
            self._tries.seconds >= retry.HURRIED_SECONDS and not may_take_long
        )

    def _given_up(self, params: Params, error: Exception) -> FatalAPIError:
        """Give the error that ends the stream, or the run if Zendesk serves no other stream."""
        account, was_patient = self._account, self._is_patient
        account.worth_asking = was_patient
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
        account.is_down = was_patient and account.served_at < self._tries.started_at
        return GivenUpError(msg)

    def _before_next_try(self, details: Any) -> None:  # noqa: ANN401 (backoff's type is private)
        """Say once what failed and what happens next."""
        self._account.is_sitting_out |= self._is_patient
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
        """Ask once, or twice if the login has to be renewed."""
        tries, self.waits_until = self._tries, 0.0
        size = min(self._size.next(int(params.get("per_page", 0))), endpoint.max_size)
        tries.count, tries.size = tries.count + 1, size
        params = {name: value for name, value in params.items() if name != "per_page"}
        if endpoint.size_parameter:
            params["per_page"] = size
        body, sent_at = b"", int(time.time())
        try:
            with self._send(endpoint, params) as response:
                self._look_at_status(response.status_code, size)
                self._validate(response, endpoint, params)
                body = read_body(response)
            page = read(body, params)
            answered_at = rate_limit.date_seconds(response.headers)
            page.newest = (answered_at or sent_at) - endpoint.newest_seconds
        except requests.exceptions.ReadTimeout:
            self._size.too_much(size)
            raise
        except UnreadablePageError as error:
            if tries.same_bodies(body) < SAME_BODIES:
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
        self._size.good_page()
        self._account.served.add(_product(endpoint))
        self._account.served_at, self._account.is_down = time.monotonic(), False
        return page

    def _look_at_status(self, status: int, size: int) -> None:
        """Ask for less where a page may be too much: at once after 504, soon after other 5xx."""
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            self._size.too_much(size)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._tries.server_errors += 1
            if self._tries.server_errors % SERVER_ERRORS_TO_SHRINK == 0:
                self._size.too_much(size)
        else:
            self._tries.server_errors = 0

    @property
    def _timeout_seconds(self) -> float:
        """For a whole answer."""
        seconds = float(self._config.get("request_timeout") or retry.HURRIED_SECONDS)
        return min(seconds, retry.HURRIED_SECONDS) if self.is_hurried else seconds

    def _send(self, endpoint: Endpoint, params: Params, refusals: int = 0) -> requests.Response:
        account = self._account
        turn = self._wait_for_turn(endpoint)
        try:
            request, response = self._send_now(endpoint, params)
        except BaseException:
            account.limits.lost()
            raise
        account.has_answered = True
        self._measure(endpoint, response)
        account.limits.observe(endpoint.limit, response.headers, turn, endpoint.pace)
        authenticator = account.authenticator
        if not isinstance(authenticator, RenewingAuthenticator):
            return response
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            authenticator.accepted(request)
            return response
        wait_seconds = authenticator.refused(request, refusals + 1)
        if wait_seconds is None:
            return response
        response.close()
        self.waited_seconds += wait_seconds
        self._sleep(wait_seconds)
        return self._send(endpoint, params, refusals + 1)

    def _send_now(
        self, endpoint: Endpoint, params: Params
    ) -> tuple[requests.PreparedRequest, requests.Response]:
        """Log in, and send a request whose turn it is."""
        account = self._account
        authenticator = account.authenticator
        if isinstance(authenticator, RenewingAuthenticator):
            authenticator.max_tries = retry.MAX_TRIES if self._is_patient else retry.HURRIED_TRIES
        user_agent = self._config.get("user_agent")
        request = account.session.prepare_request(
            requests.Request(
                "GET",
                account.api_url + endpoint.path,
                params=endpoint.query({**self.query, **params}),
                headers={"User-Agent": str(user_agent)} if user_agent else {},
                auth=authenticator,
            )
        )
        # Session.send alone ignores REQUESTS_CA_BUNDLE.
        settings = account.session.merge_environment_settings(
            request.url, {}, stream=True, verify=None, cert=None
        )
        self.requests += 1
        timeout_seconds = self._timeout_seconds
        response = account.session.send(
            request,
            timeout=(min(CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds),
            allow_redirects=False,  # credentials go to api_url alone
            **settings,
        )
        return request, response

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

    def _validate(self, response: requests.Response, endpoint: Endpoint, params: Params) -> None:
        """Sort a response into good, to be tried again, and final.

        Raises:
            RateLimitedError: On 429.
            RetriableAPIError: On what may pass.
            CursorRefusedError: If Zendesk does not take a cursor.
            RefusedError: On everything else that is not a page.
        """
        status = response.status_code
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = rate_limit.retry_after_seconds(response.headers)
            raise RateLimitedError(
                rate_limit.DEFAULT_RETRY_AFTER_SECONDS if wait is None else max(wait, 1.0)
            )
        says = read_error(response)
        what = f"HTTP {status}{f', {says}' if says else ''}"
        if retry.is_retriable(status) or TOO_RECENT in says:
            raise RetriableAPIError(what, response)
        if status < HTTPStatus.BAD_REQUEST:
            msg = (
                f"{self.name}: HTTP {status}: Zendesk sends requests to another address, which "
                "are not followed; set subdomain (or api_url) to the account's own address"
            )
            raise RefusedError(msg, status)
        if status in CURSOR_STATUSES and "cursor" in params:
            msg = f"{self.name}: {what}; Zendesk does not take the cursor any more"
            raise CursorRefusedError(msg, status)
        is_closed = endpoint.is_incremental_export and status in CLOSED_STATUSES
        advice = (self._advice(status, endpoint), CLOSED if is_closed else None)
        msg = "; ".join(filter(None, (f"{self.name}: {what}", *advice)))
        raise RefusedError(msg, status)

    def _advice(self, status: int, endpoint: Endpoint) -> str | None:
        """Say what to do about a refusal: a login that is served elsewhere is not what lacks."""
        product, served = _product(endpoint), self._account.served
        is_missing = status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND} and product
        if is_missing and served and product not in served:
            return f"this account may not have {product}, or has not enabled it"
        return ADVICE.get(status)

    def _wait_for_turn(self, endpoint: Endpoint) -> rate_limit.Turn:
        turn = self._account.limits.take_turn(endpoint.limit)
        while turn.wait.seconds:
            self._wait(turn.wait, "Zendesk's limit is reached")
            turn = self._account.limits.take_turn(endpoint.limit, turn.until)
        return turn

    def _wait(self, wait: rate_limit.Wait, why: str) -> None:
        if wait.seconds <= 0:
            return
        self.waited_seconds += wait.seconds
        if wait.seconds >= MIN_SAID_SECONDS:
            self.logger.info("%s: %s%s; waiting %.0f s", self.name, why, wait.remark, wait.seconds)
        self._sleep(wait.seconds)

    def _sleep(self, seconds: float) -> None:
        self.waits_until = time.monotonic() + seconds
        time.sleep(seconds)
        self.waits_until = 0.0


def _product(endpoint: Endpoint) -> str | None:
    return next((name for part, name in PRODUCTS.items() if part in endpoint.path), None)


def _position(params: Params) -> str:
    token = (f"{name}={value}" for name, value in params.items() if name != "per_page")
    return ", ".join(token) or "the start"
