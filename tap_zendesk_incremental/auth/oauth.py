"""OAuth: tokens that the tap gets, keeps and renews by itself."""

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
"""The waits after each refusal of a request in a row: another token, then time for Zendesk's
replicas to hear of it. One more refusal is final."""


class Answer(msgspec.Struct):
    """What Zendesk's token endpoint answers.

    Attributes:
        access_token: For requests.
        refresh_token: For the next pair; None if the one that was used stays.
        expires_in: Seconds that the access token lives; nothing if it does not end.
        scope: What was granted, words in one text.
    """

    access_token: Token
    refresh_token: Token | None = None
    expires_in: object = None
    scope: object = None


class RenewingAuthenticator(OAuthAuthenticator):
    """OAuth with client credentials: gets its own token, and a new one before that ends.

    Attributes:
        max_tries: How often it may ask for a token until it gives up.
    """

    def __init__(self, config: Mapping[str, Any], api_url: str, session: requests.Session) -> None:
        """Remember what a token is asked for with; none is asked for yet.

        Args:
            config: The tap's settings.
            api_url: The base of Zendesk's API.
            session: Sends the requests.
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
        """What Zendesk's token endpoint takes."""
        body = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.oauth_scopes,
            "expires_in": MAX_TOKEN_SECONDS,
        }
        return {name: value for name, value in body.items() if value}

    def is_token_valid(self) -> bool:
        """Count a token as ended a little early: an answer can take minutes."""
        if self.last_refreshed is None or not self.expires_in:
            return self.last_refreshed is not None
        age = datetime.now(timezone.utc) - self.last_refreshed
        margin_seconds = min(300.0, self.expires_in / 10)
        return age.total_seconds() < self.expires_in - margin_seconds

    def authenticate_request(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token into a request; threads that find it ended get one new token together."""
        with self._lock:
            return super().authenticate_request(request)

    def wait_before_resending(self, response: requests.Response, times: int) -> float | None:
        """Decide whether a request is sent again, with `authenticate_request`.

        After a 401, its token may have ended, or may be so new that not all of Zendesk's servers
        know it.

        Args:
            response: What the request got.
            times: How often it has been sent.

        Returns:
            The seconds to wait before, None if the response stands.
        """
        sent = response.request.headers.get("Authorization")
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            self._accepted = sent  # without the lock, so that no answer waits for a new token
            return None
        if times > len(REFUSAL_WAITS_SECONDS):
            return None
        with self._lock:
            # Or another thread has renewed it, or is about to.
            is_current = sent == f"Bearer {self.access_token}" and self.last_refreshed is not None
            # What has replaced another is new, not ended, until it was accepted.
            has_ended = sent == self._accepted or not self._has_renewed
            if times == 1 and is_current and has_ended:
                self.logger.info("Zendesk says that the access token has ended; getting a new one")
                self.last_refreshed = None
                self._has_renewed = True
        wait = REFUSAL_WAITS_SECONDS[times - 1]
        if wait:
            self.logger.warning(
                "Zendesk refuses an access token that it has just given; next try in %d s", wait
            )
        return wait

    def update_access_token(self) -> None:
        """Get a token.

        Overridden because the SDK's sends a form, follows redirects with the secret and logs
        the answer.

        Raises:
            FatalAPIError: If Zendesk gives none that can read.
        """
        answer = self._request_token(self._post)
        self._take(answer.access_token, answer.expires_in, answer.scope)

    def _take(self, access_token: str, expires_in: object, scope: object = None) -> None:
        # A rotated pair is stored by now: the old one is void, whatever the new one may do.
        if isinstance(scope, str) and "read" not in scope.replace(",", " ").split():
            msg = (
                f"The OAuth client was granted the scope {one_line(scope)!r}, which cannot "
                "read exports; allow it the scope read in Zendesk's Admin Center"
            )
            raise FatalAPIError(msg)
        self.access_token = access_token
        self.expires_in = _seconds(expires_in)
        self.last_refreshed = datetime.now(timezone.utc)

    def _request_token(self, post: Callable[[], Answer]) -> Answer:
        try:
            return retry.with_retries(post, self.max_tries, self._log_retry)()
        except retry.RETRIABLE_ERRORS as error:
            msg = f"No access token from {self.auth_endpoint}: {retry.describe(error)}"
            if not isinstance(error, RetriableAPIError):  # nothing has answered
                msg += "; check subdomain (or api_url) and the network"
            raise FatalAPIError(msg) from error

    def _post(self) -> Answer:
        response = self._http.post(
            self.auth_endpoint,
            json=self.oauth_request_body,
            auth=lambda request: request,  # or requests looks for credentials in ~/.netrc
            timeout=TOKEN_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        )
        with response:
            body = read_body(response, MAX_ANSWER_BYTES)
        status = response.status_code
        says = f"HTTP {status} {error_message(body)}".rstrip()
        if retry.is_retriable(status) or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RetriableAPIError(says, response)
        if status == HTTPStatus.NOT_FOUND or response.is_redirect:
            msg = f"No Zendesk account at {self._api_url} ({says}); check subdomain (or api_url)"
            raise FatalAPIError(msg)
        if not response.ok:
            msg = (
                f"Zendesk gave no access token: {says}; check client_id, client_secret and, if "
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
        """Remember where the current pair is kept; see `RenewingAuthenticator`."""
        super().__init__(config, api_url, session)
        self._file = file
        self._setting = str(config["refresh_token"])
        self._account = api_url.lower()
        self._client = fingerprint(str(config["client_id"]))
        self._seed = fingerprint(self._setting)

    @property
    def oauth_request_body(self) -> dict[str, Any]:
        """What Zendesk's token endpoint takes."""
        return {
            **super().oauth_request_body,
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
        }

    def update_access_token(self) -> None:
        """Take the pair of another run if there is a newer one, or exchange the one there is.

        Raises:
            FatalAPIError: If the file or Zendesk refuses.
        """
        with contextlib.ExitStack() as opened:
            try:
                slots = opened.enter_context(self._file.locked())
                kept = slots.read()
                self._check_owner(kept)
                current = kept if kept and kept.seed == self._seed else None  # or a new setting
                if current and current.access_token != self.access_token and _is_alive(current):
                    self._take(current.access_token, _seconds_left(current))
                    return
                slots.reserve()
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                msg = (
                    f"oauth_token_path {self._file.path} cannot be used: {one_line(str(error))}; "
                    "it must be a file that this tap wrote, an empty one or none yet, and the tap "
                    "must be allowed to write it"
                )
                raise FatalAPIError(msg) from error
            self.refresh_token = current.refresh_token if current else self._setting
            number = kept.number + 1 if kept else 1

            def exchange() -> Answer:
                # The old pair is void once there is an answer: nothing may end the process then.
                with shutdown.held_off(for_answer=True) as answered:
                    answer = self._post()
                    answered()
                    self._keep(slots, answer, number)
                return answer

            answer = self._request_token(exchange)
        self._take(answer.access_token, answer.expires_in, answer.scope)

    def _keep(self, slots: Slots, answer: Answer, number: int) -> None:
        expires_in = _seconds(answer.expires_in)
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
                f"The new refresh token could not be kept in {self._file.path}: "
                f"{one_line(str(error))}; the old one is used up: a new authorization is needed"
            )
            raise FatalAPIError(msg) from error

    def _check_owner(self, kept: TokenPair | None) -> None:
        """Refuse the pair of another account or client, which would be sent to this one."""
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


def _seconds(expires_in: object) -> int | None:
    """Give a token's life, None if it has no end; a life that makes no sense is a short one."""
    if not expires_in:
        return None
    try:
        seconds = int(float(str(expires_in)))
    except (ValueError, OverflowError):
        return MIN_TOKEN_SECONDS
    return min(seconds, MAX_TOKEN_SECONDS) if seconds > 0 else MIN_TOKEN_SECONDS


def _seconds_left(pair: TokenPair) -> float | None:
    """Give what is left of a kept token's life, None if it has no end."""
    return None if pair.expires_at is None else pair.expires_at - time.time()


def _is_alive(pair: TokenPair) -> bool:
    left_seconds = _seconds_left(pair)
    return left_seconds is None or left_seconds > TOKEN_TIMEOUT_SECONDS
