"""Reads a response's body, no longer and no larger than is good."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests
from singer_sdk.exceptions import FatalAPIError

from tap_zendesk_incremental.errors import zendesk_says

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY_BYTES = 512 * 1024 * 1024
"""A page is about 3 MB; one that unpacks to more than this is an attack or a mistake."""

MAX_ERROR_BYTES = 64 * 1024

_CHUNK_BYTES = 64 * 1024


def read_body(
    response: requests.Response, timeout_seconds: float, max_bytes: int = MAX_BODY_BYTES
) -> bytes:
    """Give the whole body, unpacked.

    Args:
        response: A response whose body has not been read.
        timeout_seconds: For all of it; requests' own time-out is for each piece.
        max_bytes: What it may unpack to.

    Raises:
        FatalAPIError: If it is larger than any page, found out before memory is gone.
        requests.exceptions.ReadTimeout: If it takes too long.
    """
    deadline = time.monotonic() + timeout_seconds
    chunks, size = [], 0
    for chunk in _chunks(response):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            msg = (
                f"A page unpacks to more than {max_bytes // 1024**2} MiB and was refused; "
                "lower per_page, or check what answers at api_url"
            )
            raise FatalAPIError(msg)
        if time.monotonic() > deadline:
            msg = f"the page was not complete after {timeout_seconds:.0f} s"
            raise requests.exceptions.ReadTimeout(msg)
    return b"".join(chunks)


def read_error(response: requests.Response) -> str:
    """Give what an error response says, "" if that cannot be read or shown."""
    body = bytearray()
    try:
        for chunk in _chunks(response):
            body += chunk
            if len(body) > MAX_ERROR_BYTES:
                return ""
    except requests.exceptions.RequestException:
        return ""
    return zendesk_says(bytes(body))


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK_BYTES)
    except requests.exceptions.SSLError:
        raise
    except requests.exceptions.ConnectionError as error:
        # What requests makes of a time-out while it reads a body.
        raise requests.exceptions.ReadTimeout(*error.args) from error
