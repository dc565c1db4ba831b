"""What all streams of a run share: one session, one login, one set of limits."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental import rate_limit
from tap_zendesk_incremental.auth import login_problem, new_authenticator
from tap_zendesk_incremental.session import ZendeskSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.authenticators import APIAuthenticatorBase

    from tap_zendesk_incremental.endpoint import Endpoint

_WHOLE_ACCOUNT = "account"


class Account:
    """A Zendesk account, as the settings name it."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Prepare for requests; none is sent yet.

        Args:
            config: The tap's settings.
        """
        self._config = config
        self.api_url = str(
            config.get("api_url") or f"https://{config.get('subdomain')}.zendesk.com"
        ).rstrip("/")
        self.session = ZendeskSession()
        self.requests_left: int | None = None
        self.answers = login_problem(config) is None
        self.typed_schemas: dict[str, dict[str, Any]] = {}
        self._free_at: dict[str, float] = {}

    @cached_property
    def authenticator(self) -> APIAuthenticatorBase:
        """The login, made at the first request so that discovery needs no credentials."""
        return new_authenticator(self._config, self.api_url, self.session)

    def observe(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        """Learn from a response's headers when the next request may go out.

        Args:
            endpoint: Where the request went.
            headers: The response's headers.
        """
        now = time.monotonic()
        self.requests_left = rate_limit.export_requests_left(headers)
        wait = max(rate_limit.export_wait_seconds(headers), endpoint.interval_seconds)
        self._free_at[endpoint.limit] = now + wait
        self._free_at[_WHOLE_ACCOUNT] = now + rate_limit.account_wait_seconds(headers)

    def wait_seconds(self, limit: str) -> float:
        """Give the seconds until a request that counts against this limit may go out."""
        free_at = max(self._free_at.get(name, 0.0) for name in (limit, _WHOLE_ACCOUNT))
        return max(0.0, free_at - time.monotonic())
