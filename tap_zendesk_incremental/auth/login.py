"""Chooses the authenticator from the settings, and checks that they name exactly one login."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote
from urllib.request import getproxies

from singer_sdk.authenticators import (
    APIAuthenticatorBase,
    BasicAuthenticator,
    BearerTokenAuthenticator,
)

from tap_zendesk_incremental.auth.oauth import RefreshTokenAuthenticator, RenewingAuthenticator
from tap_zendesk_incremental.auth.redaction import hide
from tap_zendesk_incremental.auth.token_file import TokenFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

API_TOKENS_END = "2027-04-30"
"""The day Zendesk's API tokens stop working."""


class _Login(NamedTuple):
    required: frozenset[str]
    # A token file that the login does not use does no harm.
    optional: frozenset[str] = frozenset({"oauth_token_path"})

    def __str__(self) -> str:
        return " + ".join(sorted(self.required))


REFRESH = _Login(
    frozenset({"client_id", "refresh_token", "oauth_token_path"}), frozenset({"client_secret"})
)
CLIENT_CREDENTIALS = _Login(frozenset({"client_id", "client_secret"}))
ACCESS_TOKEN = _Login(frozenset({"access_token"}))
API_TOKEN = _Login(frozenset({"email", "api_token"}))
PASSWORD = _Login(frozenset({"email", "password"}))
LOGINS = (CLIENT_CREDENTIALS, REFRESH, ACCESS_TOKEN, API_TOKEN, PASSWORD)
"""The ways to log in, each with its settings. The recommended one comes first."""

LOGIN_SETTINGS = frozenset[str]().union(*(login.required for login in LOGINS))
SECRETS = {"chat_access_token", *LOGIN_SETTINGS} - {"client_id", "email", "oauth_token_path"}


def login_problem(config: Mapping[str, Any]) -> str | None:
    """Describe what is wrong with the login settings.

    Args:
        config: The tap's settings.

    Returns:
        The problem, or None if the settings name exactly one way to log in.
    """
    if damaged := sorted(name for name in LOGIN_SETTINGS if not _is_text(config.get(name))):
        return f"{', '.join(damaged)}: not UTF-8 text; copy it again"
    if _login(config):
        return None
    ways = "; ".join(map(str, LOGINS))
    given = sorted(name for name in LOGIN_SETTINGS if config.get(name))
    if not given:
        return f"No credentials: set one of these: {ways}"
    if "refresh_token" in given and "oauth_token_path" not in given:
        return (
            "refresh_token needs oauth_token_path, a file to keep the new token in: "
            "Zendesk voids the old one at its first use"
        )
    enough = [
        " + ".join(sorted(login.required.difference(given)))
        for login in LOGINS
        if login.required.issuperset(given)
    ]
    if enough:
        return f"{', '.join(given)}: not enough to log in; add {' or '.join(enough)}"
    return f"{', '.join(given)} belong to several ways to log in; set exactly one of these: {ways}"


def _is_text(value: object) -> bool:
    """Return whether a setting is valid text; an environment variable may hold any bytes."""
    text = str(value or "")
    return "\0" not in text and text == text.encode(errors="ignore").decode()


def _login(config: Mapping[str, Any]) -> _Login | None:
    given = {name for name in LOGIN_SETTINGS if config.get(name)}
    fits = (one for one in LOGINS if one.required <= given <= one.required | one.optional)
    return next(fits, None)


def hide_secrets(config: Mapping[str, Any]) -> None:
    """Hide the secrets of the settings, and the passwords of the environment's proxies, in logs.

    Args:
        config: The tap's settings, valid or not.
    """
    hide(*(config.get(name) for name in SECRETS))
    for username, secret in _basic_credentials(config):
        hide(f"{username}:{secret}")
    for proxy in getproxies().values():
        password = proxy.rpartition("@")[0].rpartition("://")[2].partition(":")[2]
        # Error messages may quote only a part of the address.
        hide(password, unquote(password), *re.split("[/?#]", password))


def _basic_credentials(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the user names and secrets for Basic authentication that the settings contain."""
    email = config.get("email")
    return [
        (f"{email}{suffix}", str(config[name]))
        for name, suffix in (("api_token", "/token"), ("password", ""))
        if email and config.get(name)
    ]


def new_authenticator(
    config: Mapping[str, Any], api_url: str, session: requests.Session
) -> APIAuthenticatorBase:
    """Create the authenticator for the settings.

    Args:
        config: The tap's settings, with exactly one way to log in.
        api_url: The base of Zendesk's API, where tokens are requested.
        session: Sends the requests for tokens.
    """
    login = _login(config)
    if login is ACCESS_TOKEN:
        return BearerTokenAuthenticator(token=config["access_token"])
    if login in {API_TOKEN, PASSWORD}:
        [(username, secret)] = _basic_credentials(config)
        return BasicAuthenticator(username=username, password=secret)
    if login is REFRESH:
        return RefreshTokenAuthenticator(
            config, api_url, session, TokenFile(config["oauth_token_path"])
        )
    return RenewingAuthenticator(config, api_url, session)


def token_authenticator(config: Mapping[str, Any], setting: str) -> BearerTokenAuthenticator:
    """Create the authenticator for an endpoint that needs its own token.

    Args:
        config: The tap's settings.
        setting: The name of the setting that holds the token.
    """
    return BearerTokenAuthenticator(token=config[setting])
