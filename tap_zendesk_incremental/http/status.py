"""A status in, an error out: what may pass, what is final, and what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_sdk.exceptions import FatalSyncError, RetriableAPIError

from tap_zendesk_incremental.errors import CursorRefusedError, RateLimitedError, RefusedError
from tap_zendesk_incremental.http import rate_limit, retry
from tap_zendesk_incremental.http.session import read_error

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import requests

    from tap_zendesk_incremental.http.endpoint import Endpoint

LACKING_STATUSES = frozenset(
    {
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    }
)
"""What an account answers that does not have a resource."""

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
    "/chat/": "Chat",
}
"""What an account may be without, by a part of the paths of its endpoints."""

CLOSED_STATUSES = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
"""What a closed export may answer; what it really is, is not known yet."""

CLOSED = (
    "Zendesk closes incremental exports to third parties in December 2026: export_method list does "
    "without them"
)


def check(
    response: requests.Response,
    name: str,
    endpoint: Endpoint,
    params: Mapping[str, int | str],
    served: Collection[str | None],
) -> None:
    """Raise what a response that is not a page means.

    Args:
        response: The response, its body not read.
        name: Names what was asked for: the stream.
        endpoint: Where it was asked for.
        params: What the request said.
        served: The products that have served this login, None for what every account has.

    Raises:
        RateLimitedError: On 429.
        RetriableAPIError: On what may pass.
        CursorRefusedError: If Zendesk does not take a cursor.
        FatalSyncError: If Zendesk does not take a token that this endpoint has of its own.
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
            f"{name}: HTTP {status}: Zendesk sends requests to another address, which "
            "are not followed; set subdomain (or api_url) to the account's own address"
        )
        raise RefusedError(msg, status)
    if status in CURSOR_STATUSES and "cursor" in params:
        msg = f"{name}: {what}; Zendesk does not take the cursor any more"
        raise CursorRefusedError(msg, status)
    if status == HTTPStatus.UNAUTHORIZED and endpoint.token_setting:
        msg = f"{name}: {what}; check {endpoint.token_setting}: no other login is taken here"
        raise FatalSyncError(msg)  # the login of the other streams may be good
    is_closed = endpoint.is_incremental_export and status in CLOSED_STATUSES
    advice = (_advice(status, endpoint, served), CLOSED if is_closed else None)
    msg = "; ".join(filter(None, (f"{name}: {what}", *advice)))
    raise RefusedError(msg, status)


def product(endpoint: Endpoint) -> str | None:
    """Give the product that an endpoint belongs to, None for what every account has.

    Args:
        endpoint: The endpoint.
    """
    return next((name for part, name in PRODUCTS.items() if part in endpoint.path), None)


def _advice(status: int, endpoint: Endpoint, served: Collection[str | None]) -> str | None:
    """Say what to do about a refusal: a login that is served elsewhere is not at fault."""
    lacks = product(endpoint) if status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND} else None
    if lacks and (served or endpoint.token_setting) and lacks not in served:
        return f"this account may not have {lacks}, or has not enabled it"
    return ADVICE.get(status)
