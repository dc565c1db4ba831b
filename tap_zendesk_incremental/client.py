"""One request: URL, login, limits, faults; a response becomes a page."""

from __future__ import annotations

import time
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import requests
from singer_sdk import RESTStream
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError

from tap_zendesk_incremental import rate_limit, retry
from tap_zendesk_incremental.body import read_body, read_error
from tap_zendesk_incremental.errors import CursorRefusedError, RateLimitedError, UnavailableError
from tap_zendesk_incremental.oauth import RenewingAuthenticator
from tap_zendesk_incremental.page_size import PageSize
from tap_zendesk_incremental.pagination import MAX_PER_PAGE, Page, Params

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk import Tap
    from singer_sdk.authenticators import APIAuthenticatorBase

    from tap_zendesk_incremental.account import Account
    from tap_zendesk_incremental.endpoint import Endpoint

    ReadPage = Callable[[bytes, Params], Page[Any]]

TOO_RECENT = "Too recent start_time"
CURSOR_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
UNAVAILABLE_STATUSES = frozenset(
    {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
)
ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the settings to log in; a token may have ended",
    HTTPStatus.FORBIDDEN: (
        "the exports need an admin's login (OAuth: a token of an admin with the scope read), and "
        "some need a plan that has them"
    ),
    HTTPStatus.NOT_FOUND: "check subdomain (or api_url), and whether the account has this export",
}


class ZendeskStream(RESTStream[Params]):
    """A stream that asks Zendesk for pages, one at a time."""

    # Credentials go to api_url alone.
    allow_redirects = False

    endpoint: Endpoint
    """Where the stream's pages are."""

    max_tries = retry.MAX_TRIES

    def __init__(self, tap: Tap, account: Account, name: str | None = None) -> None:
        """Make a stream of an account.

        Args:
            tap: The tap.
            account: What all streams share.
            name: The stream's name, where its class does not say.
        """
        super().__init__(tap, name=name)
        self.account = account
        self.query: Params = {}
        self.requests = 0
        self.waited_seconds = 0.0

    @property
    def url_base(self) -> str:
        """The only address that requests go to."""
        return self.account.api_url

    @property
    def authenticator(self) -> APIAuthenticatorBase:
        """The login, shared by all streams."""
        return self.account.authenticator

    @property
    def requests_session(self) -> requests.Session:
        """The session, shared by all streams."""
        return self.account.session

    @property
    def timeout(self) -> int:
        """Seconds to wait for an answer."""
        return int(self.config["request_timeout"])

    @cached_property
    def _size(self) -> PageSize:
        return PageSize(int(self.config.get("per_page") or MAX_PER_PAGE))

    def fetch(self, params: Params, read: ReadPage) -> Page[Any]:
        """Get one page, however long its limits and faults make it take.

        Args:
            params: The page's token.
            read: Makes a page of a body and the parameters it was asked with; raises a
                `msgspec.MsgspecError` if the body is not such a page.

        Raises:
            FatalAPIError: If another try is pointless, or the tries are used up.
        """
        attempt = retry.retried(self._attempt, self.max_tries, self.backoff_handler)
        while True:
            try:
                page: Page[Any] = attempt(params, read)
            except RateLimitedError as error:  # noqa: PERF203 (a try takes seconds)
                self._wait(error.wait_seconds, "Zendesk says 429, too many requests")
            except retry.RETRIABLE_ERRORS as error:
                msg = (
                    f"{self.name}: gave up on the page at {_position(params)}: "
                    f"{retry.describe(error)}. The last state is safe: run again with it to go "
                    "on from this page."
                )
                raise FatalAPIError(msg) from error
            else:
                return page

    def backoff_handler(self, details: Any) -> None:  # noqa: ANN401 (backoff's type is private)
        """Say once what failed and what happens next."""
        self.waited_seconds += details["wait"]
        self.logger.warning(
            "%s: try %d of a page failed (%s); next try in %.1f s",
            self.name,
            details["tries"],
            retry.describe(details["exception"]),
            details["wait"],
        )

    def _attempt(self, params: Params, read: ReadPage) -> Page[Any]:
        """Ask once, or twice if the login has to be renewed."""
        endpoint = self.endpoint
        size = min(self._size.next(int(params.get("per_page", 0))), endpoint.max_size)
        asked: Params = {**self.query, **params, endpoint.size_parameter: size}
        try:
            with self._send(asked) as response:
                if response.status_code == HTTPStatus.GATEWAY_TIMEOUT:
                    self._size.timed_out(size)
                self.validate_response(response)
                page = read(read_body(response, self.timeout), asked)
        except requests.exceptions.ReadTimeout:
            self._size.timed_out(size)
            raise
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            msg = f"the answer is not a page of {self.name}: {error}"
            raise RetriableAPIError(msg, response) from error
        self._size.good_page()
        return page

    def _send(self, asked: Params, refusals: int = 0) -> requests.Response:
        self._wait(self.account.wait_seconds(self.endpoint.limit), "Zendesk's limit is reached")
        if isinstance(self.authenticator, RenewingAuthenticator):
            self.authenticator.max_tries = self.max_tries
        request = self.build_prepared_request(
            method="GET",
            url=self.url_base + self.endpoint.path,
            params=asked,
            headers=self.http_headers,
        )
        # Session.send alone ignores REQUESTS_CA_BUNDLE.
        settings = self.requests_session.merge_environment_settings(
            request.url, {}, stream=True, verify=None, cert=None
        )
        self.requests += 1
        response = self.requests_session.send(
            request, timeout=self.timeout, allow_redirects=self.allow_redirects, **settings
        )
        # Private, but the SDK has no other way to its metric http_request_duration.
        self._write_request_duration_log(self.endpoint.path, response, None, None)
        self.account.observe(self.endpoint, response.headers)
        if response.status_code == HTTPStatus.UNAUTHORIZED and isinstance(
            self.authenticator, RenewingAuthenticator
        ):
            wait = self.authenticator.refused(response.request, refusals + 1)
            if wait is not None:
                response.close()
                self.waited_seconds += wait
                time.sleep(wait)
                return self._send(asked, refusals + 1)
        return response

    def validate_response(self, response: requests.Response) -> None:
        """Sort a response into good, to be tried again, and final.

        Raises:
            RateLimitedError: On 429.
            RetriableAPIError: On what may pass.
            CursorRefusedError: If Zendesk does not take a cursor.
            UnavailableError: On 402, 403, 404 and redirects.
            FatalAPIError: On everything else that is not a page.
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
            raise UnavailableError(msg)
        if status in CURSOR_STATUSES and "cursor=" in str(response.request.url):
            msg = f"{self.name}: {what}; Zendesk does not take the cursor any more"
            raise CursorRefusedError(msg)
        msg = "; ".join(filter(None, (f"{self.name}: {what}", ADVICE.get(status))))
        if status in UNAVAILABLE_STATUSES:
            raise UnavailableError(msg)
        raise FatalAPIError(msg)

    def _wait(self, seconds: float, why: str) -> None:
        if seconds <= 0:
            return
        self.waited_seconds += seconds
        self.logger.info("%s: %s; waiting %.0f s", self.name, why, seconds)
        time.sleep(seconds)


def _position(params: Params) -> str:
    token = (f"{name}={value}" for name, value in params.items() if name != "per_page")
    return ", ".join(token) or "the start"
