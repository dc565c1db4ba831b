"""Logins: Basic credentials, OAuth tokens, and `/oauth/tokens`, which issues them."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from . import credentials
from .errors import ApiError, forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings

EXPIRES_IN = range(300, 172_801)


@dataclass
class Token:
    """A pair of tokens that was issued to a client.

    Attributes:
        client_id: the client.
        scope: the scopes that were granted.
        access_token: the token for requests.
        refresh_token: the token for the next pair.
        expires_at: monotonic second at which the access token expires; None for never.
        known_at: monotonic second from which all servers accept the access token.
    """

    client_id: str
    scope: str
    access_token: str
    refresh_token: str
    expires_at: float | None = None
    known_at: float = 0.0


class Auth:
    """The account's logins.

    Attributes:
        basic: accepted `user:password` pairs, including `{email}/token:{api_token}`.
        clients: OAuth client ids and their secrets; None for a public client.
        tokens: the pairs that are valid now.
    """

    def __init__(self, settings: Settings) -> None:
        """Accept the credentials of `credentials.py`."""
        known = credentials
        self._settings = settings
        self._lock = threading.Lock()
        self.basic = {
            f"{known.EMAIL}/token:{known.API_TOKEN}",
            f"{known.EMAIL}:{known.PASSWORD}",
        }
        self.clients = {known.CLIENT_ID: known.CLIENT_SECRET, known.PUBLIC_CLIENT_ID: None}
        self.tokens = [
            Token(known.CLIENT_ID, "read", known.ACCESS_TOKEN, known.REFRESH_TOKEN),
            Token(
                known.PUBLIC_CLIENT_ID, "read", secrets.token_hex(32), known.PUBLIC_REFRESH_TOKEN
            ),
        ]

    def check(self, authorization: str) -> None:
        """Check the login of a request.

        Args:
            authorization: the `Authorization` header.

        Raises:
            ApiError: 401 for unknown or expired credentials, 403 for a token without `read`.
        """
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic" and self._decode(value) in self.basic:
            return
        with self._lock:
            token = next((t for t in self.tokens if t.access_token == value), None)
        if scheme.lower() != "bearer" or token is None:
            raise ApiError(401, "plain", "", "Couldn't authenticate you")
        now = time.monotonic()
        if token.known_at > now or (token.expires_at is not None and token.expires_at <= now):
            message = "The access token provided is expired, revoked, malformed or invalid."
            raise ApiError(401, "description", "invalid_token", message)
        if "read" not in token.scope.split():
            raise forbidden()

    @staticmethod
    def check_chat(authorization: str) -> None:
        """Check the login of a request to Chat.

        Args:
            authorization: the `Authorization` header.

        Raises:
            ApiError: 401 for anything but Chat's own token.
        """
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or value != credentials.CHAT_ACCESS_TOKEN:
            message = "The access token is missing, expired or invalid"
            raise ApiError(401, "description", "Unauthorized", message)

    def expire(self) -> None:
        """Let every access token expire now. Refresh tokens stay valid."""
        with self._lock:
            for token in self.tokens:
                token.expires_at = time.monotonic()

    def grant(self, request: Mapping[str, Any]) -> bytes:
        """Answer `POST /oauth/tokens`.

        Args:
            request: the JSON body.

        Returns:
            The new pair, as JSON.

        Raises:
            ApiError: 401 for an unknown client or a wrong secret, 400 for any other mistake.
        """
        client_id = str(request.get("client_id"))
        secret = self.clients.get(client_id, "")
        if client_id not in self.clients or (secret and secret != request.get("client_secret")):
            message = "Client authentication failed due to unknown client or wrong secret."
            raise _refusal(401, "invalid_client", message)
        expires_in = request.get("expires_in")
        if expires_in is not None and expires_in not in EXPIRES_IN:
            raise _refusal(400, "invalid_request", "expires_in must be between 300 and 172800.")
        scope = str(request.get("scope", "read"))
        with self._lock:
            if request.get("grant_type") == "refresh_token":
                self._spend(client_id, request.get("refresh_token"))
            elif request.get("grant_type") != "client_credentials":
                raise _refusal(400, "unsupported_grant_type", "The grant type is not supported.")
            elif secret is None:
                message = "The client is not authorized for the client credentials grant."
                raise _refusal(400, "unauthorized_client", message)
            token = Token(client_id, scope, secrets.token_hex(32), secrets.token_hex(32))
            lifetime = self._settings.token_lifetime
            lifetime = expires_in if lifetime is None else lifetime
            token.expires_at = None if lifetime is None else time.monotonic() + lifetime
            token.known_at = time.monotonic() + self._settings.token_lag
            self.tokens.append(token)
        answer = {
            "access_token": token.access_token,
            "refresh_token": token.refresh_token,
            "token_type": "bearer",
            "scope": scope,
        }
        return msgspec.json.encode(answer | ({"expires_in": expires_in} if expires_in else {}))

    def _spend(self, client_id: str, refresh_token: object) -> None:
        for token in self.tokens:
            if token.refresh_token == refresh_token and token.client_id == client_id:
                # Both tokens of the old pair are void at once.
                self.tokens.remove(token)
                return
        message = "The refresh token is invalid, expired, revoked or was issued to another client."
        raise _refusal(400, "invalid_grant", message)

    @staticmethod
    def _decode(value: str) -> str:
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""


def _refusal(status: int, error: str, message: str) -> ApiError:
    refusal = ApiError(status, "description", error, message)
    refusal.body = msgspec.json.encode({"error": error, "error_description": message})
    return refusal
