"""What went wrong, as one line: Zendesk's error bodies read, and the tap's own errors."""

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
"""Characters kept of what a server says."""


class RefusedError(FatalAPIError):
    """Zendesk refuses a request, and asking again is pointless."""

    def __init__(self, message: str, status: int) -> None:
        """Remember the status.

        Args:
            message: What to say.
            status: The HTTP status.
        """
        super().__init__(message)
        self.status = status


class StreamMapError(SingerSDKError):
    """A stream map of the user's fails on a record."""


class GivenUpError(FatalAPIError):
    """A page is not served, however often it is asked for; those of other streams may be."""


class CursorRefusedError(RefusedError):
    """Zendesk does not take the cursor any more (400, 422)."""


class UnreadablePageError(msgspec.MsgspecError):
    """A page has come whole, and holds what cannot be read."""


class RateLimitedError(Exception):
    """Zendesk answered 429; waited out as often as it takes, never counted as a retry."""

    def __init__(self, wait_seconds: float) -> None:
        """Remember the wait.

        Args:
            wait_seconds: What `Retry-After` asked for.
        """
        super().__init__(f"rate limited for {wait_seconds:.0f} s")
        self.wait_seconds = wait_seconds


def one_line(text: str) -> str:
    """Fold a text into one printable line, without secrets."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", redact(text)).strip()


def brief(text: str) -> str:
    """Fold what a server says into one line of at most `MAX_LENGTH` characters.

    Secrets are hidden before it is cut: of half a secret, no log filter would know.
    """
    folded = one_line(text)
    return folded if len(folded) <= MAX_LENGTH else f"{folded[:MAX_LENGTH]}…"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Give the end of a line about an unknown name: the known one that is like it, if any.

    Args:
        name: The name, perhaps misspelt.
        known: The names that there are.
    """
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def error_message(body: bytes) -> str:
    """Give the message of an error response, or "" where there is none to show.

    Zendesk has four shapes of errors (`docs/export-api.md`); OAuth adds `error_description`.
    HTML of a proxy, or any other text, is not shown.

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
