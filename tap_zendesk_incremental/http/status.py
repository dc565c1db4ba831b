"""Turns the status of a response into an error: retriable or final, with advice."""

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

UNAVAILABLE_STATUSES = frozenset(
    {
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    }
)
"""What Zendesk answers if an account does not have a resource."""

TOO_RECENT = "Too recent start_time"
CURSOR_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the login settings; a token may have expired",
    HTTPStatus.FORBIDDEN: (
        "the exports need an admin's login (OAuth: a token of an admin with the scope read), and "
        "some need a plan that includes them"
    ),
    HTTPStatus.NOT_FOUND: "check subdomain (or api_url), and whether the account has this export",
}

PRODUCTS = {
    "/help_center/": "a help center",
    "/community/": "a community",
    "/channels/voice/": "Talk",
    "/chat/": "Chat",
}
"""Products that an account may lack, by a part of the paths of their endpoints."""

CLOSED_STATUSES = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
"""What a closed export may answer. The real status is not known yet."""

CLOSED = (
    "Zendesk closes incremental exports to third parties in December 2026: export_method list "
    "works without them"
)


def check(
    response: requests.Response,
    name: str,
    endpoint: Endpoint,
    params: Mapping[str, int | str],
    served: Collection[str | None],
) -> None:
    """Raise the error that a response stands for, unless it is a page.

    Args:
        response: The response, with its body not read yet.
        name: The stream's name, for messages.
        endpoint: The endpoint of the request.
        params: The parameters of the request.
        served: The products that have served this login; None stands for what every account has.

    Raises:
        RateLimitedError: After 429.
        RetriableAPIError: If the fault may pass.
        CursorRefusedError: If Zendesk no longer accepts the cursor.
        FatalSyncError: If Zendesk refuses the token of an endpoint that has its own.
        RefusedError: In all other cases.
    """
    status = response.status_code
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = rate_limit.retry_after_seconds(response.headers)
        raise RateLimitedError(
            rate_limit.DEFAULT_RETRY_AFTER_SECONDS if wait is None else max(wait, 1.0)
        )
    message = read_error(response)
    what = f"HTTP {status}{f', {message}' if message else ''}"
    if retry.is_retriable(status) or TOO_RECENT in message:
        raise RetriableAPIError(what, response)
    if status < HTTPStatus.BAD_REQUEST and "location" in response.headers:
        msg = (
            f"{name}: HTTP {status}: Zendesk redirects to another address, which the tap does not "
            "follow; set subdomain (or api_url) to the account's own address"
        )
        raise RefusedError(msg, status)
    if status in CURSOR_STATUSES and "cursor" in params:
        msg = f"{name}: {what}; Zendesk no longer accepts the cursor"
        raise CursorRefusedError(msg, status)
    if status == HTTPStatus.UNAUTHORIZED and endpoint.token_setting:
        msg = f"{name}: {what}; check {endpoint.token_setting}: no other login works here"
        raise FatalSyncError(msg)  # the login of the other streams may be good
    is_closed = endpoint.is_incremental_export and status in CLOSED_STATUSES
    advice = (_advice(status, endpoint, served), CLOSED if is_closed else None)
    msg = "; ".join(filter(None, (f"{name}: {what}", *advice)))
    raise RefusedError(msg, status)


def product_of(endpoint: Endpoint) -> str | None:
    """Return the product that an endpoint belongs to, None if every account has it.

    Args:
        endpoint: The endpoint.
    """
    return next((name for part, name in PRODUCTS.items() if part in endpoint.path), None)


def _advice(status: int, endpoint: Endpoint, served: Collection[str | None]) -> str | None:
    """Return what to do about a refusal. A login that works for other streams is not at fault."""
    product = product_of(endpoint)
    if (
        status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        and product
        and product not in served
        and (served or endpoint.token_setting)
    ):
        return f"this account may not have {product}, or has not enabled it"
    return ADVICE.get(status)
