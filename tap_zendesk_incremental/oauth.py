"""OAuth: tokens that the tap gets, keeps and renews by itself."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.authenticators import OAuthAuthenticator
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.errors import one_line, zendesk_says
from tap_zendesk_incremental.http import retry
from tap_zendesk_incremental.http.session import read_body
from tap_zendesk_incremental.redaction import hide
from tap_zendesk_incremental.token_file import TokenPair, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from tap_zendesk_incremental.token_file import TokenFile

MIN_TOKEN_SECONDS = 300
MAX_TOKEN_SECONDS = 172_800
"""The longest life that Zendesk gives an access token: two days."""

TOKEN_TIMEOUT_SECONDS = 60
MAX_ANSWER_BYTES = 1024 * 1024


class RenewingAuthenticator(OAuthAuthenticator):
    """OAuth with client credentials: gets its own token, and a new one before that ends."""

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
        self._session = session
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
        margin = min(300.0, self.expires_in / 10)
        return (
            datetime.now(timezone.utc) - self.last_refreshed
        ).total_seconds() < self.expires_in - margin

    def renew(self) -> None:
        """Get another token: Zendesk refused the one at hand."""
        self.last_refreshed = None

    def update_access_token(self) -> None:
        """Get a token.

        Overridden because the SDK's sends a form, follows redirects with the secret and logs
        the answer.

        Raises:
            FatalAPIError: If Zendesk gives none that can read.
        """
        self._take(self._request_token())

    def _take(self, answer: dict[str, Any]) -> None:
        # A rotated pair is stored by now: the old one is void, whatever the new one may do.
        scope = answer.get("scope")
        if scope is not None and "read" not in str(scope).replace(",", " ").split():
            msg = (
                f"The OAuth client was granted the scope {one_line(str(scope))!r}, which cannot "
                "read exports; allow it the scope read in Zendesk's admin centre"
            )
            raise FatalAPIError(msg)
        self.access_token = str(answer["access_token"])
        self.expires_in = _seconds(answer)
        self.last_refreshed = datetime.now(timezone.utc)

    def _request_token(self) -> dict[str, Any]:
        post = retry.retried(self._post, self.max_tries, self._log_retry)
        try:
            answer = post()
        except retry.RETRIABLE_ERRORS as error:
            msg = f"No access token from {self.auth_endpoint}: {retry.describe(error)}"
            raise FatalAPIError(msg) from error
        hide(answer.get("access_token"), answer.get("refresh_token"))
        return answer

    def _post(self) -> dict[str, Any]:
        response = self._session.post(
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
        if retry.is_retriable(status) or status == HTTPStatus.TOO_MANY_REQUESTS:
            msg = f"HTTP {status} {zendesk_says(body)}".rstrip()
            raise RetriableAPIError(msg, response)
        if not response.ok or response.is_redirect:
            msg = (
                f"Zendesk gave no access token: HTTP {status} "
                f"{zendesk_says(body)}; check client_id, client_secret and, if "
                "used, refresh_token: a used or expired one needs a new authorization"
            )
            raise FatalAPIError(msg)
        try:
            answer = msgspec.json.decode(body, type=dict[str, Any])
            answer["access_token"]
        except (msgspec.DecodeError, KeyError) as error:
            msg = "the answer is not JSON with an access_token"
            raise RetriableAPIError(msg, response) from error
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
        self._held = contextlib.ExitStack()

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
        seed = fingerprint(self._setting)
        try:
            with self._file.locked(), self._held:
                pair = self._file.read(seed)
                if pair and pair.access_token != self.access_token and _is_alive(pair):
                    self._take(_answer(pair))
                    return
                self.refresh_token = pair.refresh_token if pair else self._setting
                with self._file.replacement() as replacement:
                    answer = self._request_token()
                    expires_in = _seconds(answer)
                    replacement.write(
                        TokenPair(
                            access_token=str(answer["access_token"]),
                            refresh_token=str(answer.get("refresh_token") or self.refresh_token),
                            expires_at=time.time() + expires_in if expires_in else None,
                            seed=seed,
                        )
                    )
        except (OSError, msgspec.MsgspecError) as error:
            msg = (
                f"oauth_token_path {self._file.path} cannot be used: {one_line(str(error))}; it "
                "must be a file that this tap wrote, or none yet, in a folder it can write to"
            )
            raise FatalAPIError(msg) from error
        self._take(answer)

    def _post(self) -> dict[str, Any]:
        """Ask, and let nothing end the process until the new pair is kept: the old one is void."""
        with contextlib.ExitStack() as held:
            held.enter_context(shutdown.held_off(to_the_end=True))
            answer = super()._post()
            self._held.enter_context(held.pop_all())
        return answer


def _seconds(answer: dict[str, Any]) -> int | None:
    """Give the token's life, None if it has no end; a life that makes no sense is a short one."""
    expires_in = answer.get("expires_in")
    if not expires_in:
        return None
    try:
        return int(float(expires_in))
    except (TypeError, ValueError, OverflowError):
        return MIN_TOKEN_SECONDS


def _is_alive(pair: TokenPair) -> bool:
    return pair.expires_at is None or pair.expires_at - time.time() > TOKEN_TIMEOUT_SECONDS


def _answer(pair: TokenPair) -> dict[str, Any]:
    """Give a kept pair the shape of Zendesk's answer."""
    left = None if pair.expires_at is None else int(pair.expires_at - time.time())
    return {"access_token": pair.access_token, "expires_in": left}
