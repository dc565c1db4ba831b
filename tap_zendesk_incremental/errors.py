"""The tap's own errors, and error texts cut to one line, Zendesk's included."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import FatalAPIError, SingerSDKError

from tap_zendesk_incremental.auth.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_LENGTH = 300
"""How many characters of a server's message are kept."""


class RefusedError(FatalAPIError):
    """Zendesk refuses a request, and a retry is pointless."""

    def __init__(self, message: str, status: int) -> None:
        """Remember the status.

        Args:
            message: The message for the log.
            status: The HTTP status.
        """
        super().__init__(message)
        self.status = status


class StreamMapError(SingerSDKError):
    """A user's stream map fails on a record."""


class GivenUpError(FatalAPIError):
    """All tries of a page have failed. The pages of other streams may still be served."""


class CursorRefusedError(RefusedError):
    """Zendesk no longer accepts a cursor (400, 422)."""


class UnreadablePageError(msgspec.MsgspecError):
    """A page is complete, but some of its content cannot be read."""


class RateLimitedError(Exception):
    """Zendesk answered 429. The client waits as often as necessary, and counts no retry."""

    def __init__(self, wait_seconds: float) -> None:
        """Remember the wait.

        Args:
            wait_seconds: The wait that `Retry-After` asked for.
        """
        super().__init__(f"rate limited for {wait_seconds:.0f} s")
        self.wait_seconds = wait_seconds


def one_line(text: str) -> str:
    """Turn a text into one printable line, without secrets."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", redact(text)).strip()


def brief(text: str) -> str:
    """Turn a server's message into one line, cut to `MAX_LENGTH` characters.

    Secrets are hidden before the cut, because no log filter would recognize half a secret.
    """
    line = one_line(text)
    return line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]}…"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: a similar known name, or "" if none is.

    Args:
        name: The name, which may be misspelt.
        known: All valid names.
    """
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def error_message(body: bytes) -> str:
    """Return the message of an error response, or "" if there is none to show.

    Zendesk's errors have four shapes (`docs/export-api.md`), and OAuth adds `error_description`.
    A proxy's HTML, or any other text, is not shown.

    Args:
        body: The response's body.
    """
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return brief(": ".join(_texts(payload))).rstrip(".") if isinstance(payload, dict) else ""


def _texts(payload: dict[str, Any]) -> list[str]:
    found: list[str] = []
    errors = payload.get("errors")
    for part in (payload.get("error"), *(errors if isinstance(errors, list) else [])):
        if isinstance(part, dict):
            found += [str(part[key]) for key in ("title", "message", "detail") if part.get(key)]
        elif part:
            found.append(str(part))
    found += [
        str(payload[key])
        for key in ("description", "error_description", "message")
        if payload.get(key)
    ]
    return found
