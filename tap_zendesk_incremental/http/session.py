"""The HTTP session: one address, and a deadline and a maximum size for each response."""

from __future__ import annotations

import io
import time
from http import HTTPStatus
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.errors import error_message

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

CONNECT_TIMEOUT_SECONDS = 10.0
"""Applies to the connection, and again to its TLS handshake."""

MAX_CONNECTIONS = 32
"""Connections kept open: one for each rate limit's thread, and a few for unlimited lists."""

MAX_BODY_BYTES = 512 * 1024 * 1024
"""A page is about 3 MB. One that decompresses to more than this is an attack or a mistake."""

MAX_ERROR_BYTES = 64 * 1024

_CHUNK_BYTES = 64 * 1024


class ZendeskSession(requests.Session):
    """Follows no redirect, and never waits forever."""

    def __init__(self, api_url: str) -> None:
        """Set up the session without cookies, because every request has its own login.

        Args:
            api_url: The address. With plain http, which is for loopback addresses only, the
                session ignores the environment, so that no proxy sees the login.
        """
        super().__init__()
        self.trust_env = not api_url.lower().startswith("http:")
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _DeadlineAdapter(pool_maxsize=MAX_CONNECTIONS))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target. With one, requests would read a redirect's body without a limit."""
        del resp


class _DeadlineAdapter(HTTPAdapter):
    """Applies the time-out of a request to the whole response, not to each read."""

    def get_connection_with_tls_context(
        self,
        *args: Any,  # noqa: ANN401 (as in requests)
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 (typeshed has a base class without ConnectionCls)
        """Return a pool whose connections read each response with a deadline."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        connection = pool.ConnectionCls
        if connection.response_class is not _DeadlineResponse:
            pool.ConnectionCls = type(
                connection.__name__, (connection,), {"response_class": _DeadlineResponse}
            )
        return pool


class _DeadlineResponse(HTTPResponse):
    """A response whose headers and body have to arrive within the time-out of a single read.

    A socket's own time-out starts again with every byte.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(sock, self.fp.detach()))

    def _read_status(self) -> tuple[str, int, str]:
        """Make `begin` skip every interim response, such as 103, and not only 100.

        It takes others for the whole response. The next request on the connection could then read
        the real response to this one.
        """
        version, status, reason = super()._read_status()  # type: ignore[misc] # not in typeshed
        is_interim = status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS
        return version, HTTPStatus.CONTINUE if is_interim else status, reason


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket, each time with the time that is left until the deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        timeout_seconds = sock.gettimeout()
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (a buffer, as in io)
        if self._deadline is not None:
            left_seconds = self._deadline - time.monotonic()
            if left_seconds <= 0:
                msg = "the answer was not complete in time"
                raise TimeoutError(msg)
            self._sock.settimeout(left_seconds)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def read_body(response: requests.Response, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return the whole body, decompressed.

    Args:
        response: A response whose body has not been read.
        max_bytes: The largest size allowed after decompression.

    Raises:
        FatalSyncError: If the body is larger. The check comes before it can fill the memory.
        requests.exceptions.ReadTimeout: If the body is not complete in time.
    """
    chunks, size = [], 0
    for chunk in _chunks(response):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            msg = (
                f"A page unpacks to more than {max_bytes // 1024**2} MiB and was refused; "
                "lower per_page, or check what answers at api_url"
            )
            raise FatalSyncError(msg)
    return b"".join(chunks)


def read_error(response: requests.Response) -> str:
    """Return the message of an error response, "" if it cannot be read or shown."""
    try:
        return error_message(read_body(response, MAX_ERROR_BYTES))
    except (requests.exceptions.RequestException, FatalSyncError):
        return ""


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK_BYTES)
    except requests.exceptions.SSLError:
        raise
    except requests.exceptions.ConnectionError as error:
        # requests raises this for a time-out while it reads a body.
        raise requests.exceptions.ReadTimeout(*error.args) from error
    except (ValueError, OverflowError) as error:  # a chunk with a negative length
        raise requests.exceptions.ChunkedEncodingError(*error.args) from error
