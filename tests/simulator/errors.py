"""Zendesk's error responses: four JSON shapes, and the HTML of a proxy in front of it."""

from __future__ import annotations

import msgspec

HTML = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def error_body(shape: str, title: str, message: str) -> bytes:
    """Make the body of an error response.

    Args:
        shape: "title" (`{"error": {"title", "message"}}`), "description"
            (`{"error", "description"}`), "errors" (`{"errors": [{"code", "title", "detail"}]}`),
            "plain" (`{"error": message}`), "html" or "empty".
        title: the name of the error, such as `RecordNotFound`.
        message: the sentence for people.
    """
    if shape == "html":
        return HTML.format(message).encode()
    if shape == "empty":
        return b""
    bodies = {
        "title": {"error": {"title": title, "message": message}},
        "description": {"error": title, "description": message},
        "errors": {"errors": [{"code": title, "title": title, "detail": message}]},
        "plain": {"error": message},
    }
    return msgspec.json.encode(bodies[shape])


class ApiError(Exception):
    """The account refuses a request."""

    def __init__(self, status: int, shape: str, title: str, message: str, **headers: str) -> None:
        """Make the error response.

        Args:
            status: HTTP status.
            shape: see `error_body`.
            title: the name of the error.
            message: the sentence for people.
            headers: more headers, with `_` for `-`.
        """
        super().__init__(f"{status} {title}: {message}")
        self.status = status
        self.body = error_body(shape, title, message)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def not_found() -> ApiError:
    """Return the error for an endpoint that this account does not have."""
    return ApiError(404, "title", "InvalidEndpoint", "Not found")


def forbidden() -> ApiError:
    """Return the error for valid credentials that do not allow a request."""
    message = "You do not have access to this page. Please contact the account owner."
    return ApiError(403, "title", "Forbidden", message)


def invalid(message: str, attribute: str) -> ApiError:
    """Return the error for an invalid parameter."""
    text = f"You passed an invalid value for the {attribute} attribute. {message}"
    return ApiError(400, "title", "Invalid attribute", text)


def denied(status: int) -> ApiError:
    """Return the error of an endpoint that plan, credentials or Zendesk make unavailable."""
    known = {401: ("plain", "", "Couldn't authenticate you"), 402: _PAYMENT, 410: _GONE}
    if status in known:
        return ApiError(status, *known[status])
    return forbidden() if status == forbidden().status else not_found()


_PAYMENT = ("title", "PaymentRequired", "This account's plan does not include this feature.")
_GONE = ("title", "Gone", "This endpoint is no longer available.")
