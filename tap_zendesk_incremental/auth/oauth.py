"""OAuth: the tap requests, stores and renews its own tokens."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.authenticators import OAuthAuthenticator
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.auth.redaction import hide
from tap_zendesk_incremental.auth.token_file import Token, TokenPair, fingerprint
from tap_zendesk_incremental.errors import error_message, one_line
from tap_zendesk_incremental.http import retry
from tap_zendesk_incremental.http.session import read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from tap_zendesk_incremental.auth.token_file import Slots, TokenFile

MIN_TOKEN_SECONDS = 300
MAX_TOKEN_SECONDS = 172_800
"""The longest life that Zendesk gives an access token: two days."""

TOKEN_TIMEOUT_SECONDS = 60
MAX_ANSWER_BYTES = 1024 * 1024

REFUSAL_WAITS_SECONDS = (0, 1, 2, 4, 8)
"""The wait after each 401 to the same request. The first one leads to a new token; the others give
Zendesk's replicas time to learn of it. One more 401 is final."""


class Answer(msgspec.Struct):
    """The answer of Zendesk's token endpoint.

    Attributes:
        access_token: The token for requests.
        refresh_token: The token for the next pair, None if the old one stays valid.
        expires_in: The lifetime of the access token in seconds, None if it does not expire.
        scope: The scopes that Zendesk granted, separated by spaces or commas.
    """

    access_token: Token
    refresh_token: Token | None = None
    expires_in: object = None
    scope: object = None


class RenewingAuthenticator(OAuthAuthenticator):
    """OAuth with client credentials: requests a token, and a new one before it expires.

    Attributes:
        max_tries: How many requests for a token it may send before it gives up.
    """

    def __init__(self, config: Mapping[str, Any], api_url: str, session: requests.Session) -> None:
        """Remember the credentials; request no token yet.

        Args:
            config: The tap's settings.
            api_url: The base of Zendesk's API.
            session: Sends the requests for tokens.
        """
        super().__init__(
            auth_endpoint=f"{api_url}/oauth/tokens",
            oauth_scopes="read",
            client_id=config.get("client_id"),
            client_secret=config.get("client_secret"),
        )
        self._http = session
        self._api_url = api_url
        self._lock = threading.Lock()
        self._accepted: str | None = None
        self._has_renewed = False
        self.max_tries = retry.MAX_TRIES

    @property
    def oauth_request_body(self) -> dict[str, Any]:
        """The body of a request to Zendesk's token endpoint."""
        body = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.oauth_scopes,
            "expires_in": MAX_TOKEN_SECONDS,
        }
        return {name: value for name, value in body.items() if value}

    def is_token_valid(self) -> bool:
        """Treat a token as expired a little early, because a response can take minutes."""
        if self.last_refreshed is None or not self.expires_in:
            return self.last_refreshed is not None
        age = datetime.now(timezone.utc) - self.last_refreshed
        margin_seconds = min(300.0, self.expires_in / 10)
        return age.total_seconds() < self.expires_in - margin_seconds

    def authenticate_request(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request. Threads that find it expired share one new token."""
        with self._lock:
            return super().authenticate_request(request)

    def wait_before_resending(self, response: requests.Response, attempt: int) -> float | None:
        """Decide whether to send a request again, with the token that is current then.

        After a 401, the token may have expired, or may be so new that not all of Zendesk's servers
        know it yet.

        Args:
            response: The response to the request.
            attempt: The number of the attempt, 1 for the first.

        Returns:
            The seconds to wait before the next attempt, None if the response is final.
        """
        sent = response.request.headers.get("Authorization")
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            self._accepted = sent  # without the lock, so that no response waits for a new token
            return None
        if attempt > len(REFUSAL_WAITS_SECONDS):
            return None
        with self._lock:
            # If it is not current, another thread has renewed it or is about to.
            is_current = sent == f"Bearer {self.access_token}" and self.last_refreshed is not None
            # A renewed token that Zendesk has not accepted yet is too new, not expired.
            has_expired = sent == self._accepted or not self._has_renewed
            if attempt == 1 and is_current and has_expired:
                self.logger.info(
                    "Zendesk says that the access token has expired; getting a new one"
                )
                self.last_refreshed = None
                self._has_renewed = True
        wait = REFUSAL_WAITS_SECONDS[attempt - 1]
        if wait:
            self.logger.warning(
                "Zendesk refuses an access token that it has just issued; next try in %d s", wait
            )
        return wait

    def update_access_token(self) -> None:
        """Request a token.

        Replaces the SDK's method, which sends a form, follows redirects with the secret, and logs
        the response.

        Raises:
            FatalAPIError: If Zendesk issues no token, or one without read access.
        """
        answer = self._request_token(self._post)
        self._use(answer.access_token, answer.expires_in, answer.scope)

    def _use(self, access_token: str, expires_in: object, scope: object = None) -> None:
        # A rotated pair is stored before this check, because the old pair is void in any case.
        if isinstance(scope, str) and "read" not in scope.replace(",", " ").split():
            msg = (
                f"The OAuth client was granted the scope {one_line(scope)!r}, which cannot "
                "read exports; give it the scope read in Zendesk's Admin Center"
            )
            raise FatalAPIError(msg)
        self.access_token = access_token
        self.expires_in = _lifetime_seconds(expires_in)
        self.last_refreshed = datetime.now(timezone.utc)

    def _request_token(self, post: Callable[[], Answer]) -> Answer:
        try:
            return retry.with_retries(post, self.max_tries, self._log_retry)()
        except retry.RETRIABLE_ERRORS as error:
            msg = f"No access token from {self.auth_endpoint}: {retry.describe(error)}"
            if not isinstance(error, RetriableAPIError):  # there was no response at all
                msg += "; check subdomain (or api_url) and the network"
            raise FatalAPIError(msg) from error

    def _post(self) -> Answer:
        response = self._http.post(
            self.auth_endpoint,
            json=self.oauth_request_body,
            auth=lambda request: request,  # without it, requests looks for a login in ~/.netrc
            timeout=TOKEN_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        )
        with response:
            body = read_body(response, MAX_ANSWER_BYTES)
        status = response.status_code
        what = f"HTTP {status} {error_message(body)}".rstrip()
        if retry.is_retriable(status) or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RetriableAPIError(what, response)
        if status == HTTPStatus.NOT_FOUND or response.is_redirect:
            msg = f"No Zendesk account at {self._api_url} ({what}); check subdomain (or api_url)"
            raise FatalAPIError(msg)
        if not response.ok:
            msg = (
                f"Zendesk issued no access token: {what}; check client_id, client_secret and, if "
                "used, refresh_token: a used or expired one needs a new authorization"
            )
            raise FatalAPIError(msg)
        try:
            answer = msgspec.json.decode(body, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            msg = f"the answer is not JSON with an access_token {error_message(body)}".rstrip()
            raise RetriableAPIError(msg, response) from error
        hide(answer.access_token, answer.refresh_token)
        return answer

    def _log_retry(self, details: Any) -> None:  # noqa: ANN401 (backoff's own type is private)
        self.logger.warning(
            "No access token yet (%s); next try in %.1f s",
            retry.describe(details["exception"]),
            details["wait"],
        )


class RefreshTokenAuthenticator(RenewingAuthenticator):
    """OAuth with a refresh token that Zendesk replaces at each use."""

    def __init__(
        self,
        config: Mapping[str, Any],
        api_url: str,
        session: requests.Session,
        file: TokenFile,
    ) -> None:
        """Remember the token file; for the other arguments, see `RenewingAuthenticator`."""
        super().__init__(config, api_url, session)
        self._file = file
        self._setting = str(config["refresh_token"])
        self._account = api_url.lower()
        self._client = fingerprint(str(config["client_id"]))
        self._seed = fingerprint(self._setting)

    @property
    def oauth_request_body(self) -> dict[str, Any]:
        """The body of a request to Zendesk's token endpoint."""
        return {
            **super().oauth_request_body,
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
        }

    def update_access_token(self) -> None:
        """Use the pair of another run if it is newer; otherwise, exchange the current one.

        Raises:
            FatalAPIError: If the file cannot be used, or Zendesk refuses the exchange.
        """
        with contextlib.ExitStack() as opened:
            try:
                slots = opened.enter_context(self._file.locked())
                kept = slots.read()
                self._check_owner(kept)
                # A pair from an earlier value of the setting does not count.
                current = kept if kept and kept.seed == self._seed else None
                if current and current.access_token != self.access_token and _is_alive(current):
                    self._use(current.access_token, _seconds_left(current))
                    return
                slots.reserve()
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                msg = (
                    f"oauth_token_path {self._file.path} cannot be used: {one_line(str(error))}; "
                    "it must name a file that this tap wrote, an empty file, or a new file, and "
                    "the tap must be allowed to write to it"
                )
                raise FatalAPIError(msg) from error
            self.refresh_token = current.refresh_token if current else self._setting
            number = kept.number + 1 if kept else 1

            def exchange() -> Answer:
                # Once Zendesk answers, the old pair is void: no signal may end the process before
                # the new pair is on the disk.
                with shutdown.held_off(for_answer=True) as answered:
                    answer = self._post()
                    answered()
                    self._keep(slots, answer, number)
                return answer

            answer = self._request_token(exchange)
        self._use(answer.access_token, answer.expires_in, answer.scope)

    def _keep(self, slots: Slots, answer: Answer, number: int) -> None:
        expires_in = _lifetime_seconds(answer.expires_in)
        pair = TokenPair(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token or str(self.refresh_token),
            expires_at=time.time() + expires_in if expires_in else None,
            seed=self._seed,
            account=self._account,
            client=self._client,
            number=number,
        )
        try:
            slots.write(pair)
        except OSError as error:
            msg = (
                f"The new refresh token could not be saved in {self._file.path}: "
                f"{one_line(str(error))}; the old one is void, so a new authorization is needed"
            )
            raise FatalAPIError(msg) from error

    def _check_owner(self, kept: TokenPair | None) -> None:
        """Refuse the pair of another account or client, so that it is not sent to this account."""
        if kept is None:
            return
        if kept.account in {"", self._account} and kept.client in {"", self._client}:
            return
        whose = kept.account if kept.account != self._account else "another OAuth client"
        msg = (
            f"oauth_token_path {self._file.path} holds the tokens of {one_line(whose)}; give each "
            "account and OAuth client a file of its own, or remove this one if it is not used"
        )
        raise FatalAPIError(msg)


def _lifetime_seconds(expires_in: object) -> int | None:
    """Return a token's lifetime in seconds, None if it does not expire.

    If the value makes no sense, the shortest lifetime is assumed.
    """
    if not expires_in:
        return None
    try:
        seconds = int(float(str(expires_in)))
    except (ValueError, OverflowError):
        return MIN_TOKEN_SECONDS
    return min(seconds, MAX_TOKEN_SECONDS) if seconds > 0 else MIN_TOKEN_SECONDS


def _seconds_left(pair: TokenPair) -> float | None:
    """Return the seconds until a stored token expires, None if it does not expire."""
    return None if pair.expires_at is None else pair.expires_at - time.time()


def _is_alive(pair: TokenPair) -> bool:
    left_seconds = _seconds_left(pair)
    return left_seconds is None or left_seconds > TOKEN_TIMEOUT_SECONDS
