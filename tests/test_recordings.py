"""Recorded responses of a real account, served again: all their records are exported."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .running import config_for, select, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]
NAMES = (
    "tickets-cursor-first-page",
    "tickets-cursor-last-page",
    "tickets-time-first-page",
    "tickets-time-last-page",
    "tickets-time-one-second-page",
    "users-cursor-first-page",
    "users-time-first-page",
)


@contextmanager
def served(recording: Json, asked: list[dict[str, str]]) -> Iterator[str]:
    """Serve a recorded page, and an empty last page after it.

    Args:
        recording: The recorded response.
        asked: A list to which the parameters of each request for a page are added.

    Yields:
        The address of the server.
    """
    path = urlsplit(recording["request"]).path
    body: Json = recording["body"]
    (key,) = [name for name, value in body.items() if isinstance(value, list)]
    last = {**body, key: [], "count": 0, "end_of_stream": True}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != path:
                self._answer(404, b"{}")
                return
            asked.append({name: values[0] for name, values in parse_qs(parts.query).items()})
            self._answer(200, json.dumps(body if len(asked) == 1 else last).encode())

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            for name, value in recording["headers"].items() if status == 200 else ():
                if "ratelimit" in name or "rate-limit" in name:
                    self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", NAMES)
def test_recorded_records_are_exported(recordings: Path, name: str) -> None:
    recording = json.loads(gzip.decompress((recordings / f"{name}.json.gz").read_bytes()))
    stream, method, *_ = name.split("-")
    body = recording["body"]
    asked: list[dict[str, str]] = []
    with served(recording, asked) as url:
        run = sync(config_for(url, export_method=method), catalog=select(stream))
    expected = body[stream]
    assert expected
    assert run.records[stream] == [
        {key: value for key, value in record.items() if key != "fields"} for record in expected
    ]
    assert len(asked) == (1 if body["end_of_stream"] else 2)
    assert run.state is not None
    bookmark = run.state["bookmarks"][stream]
    if method == "cursor":
        assert bookmark["cursor"] == body["after_cursor"]
        assert asked[1:] in ([], [{"cursor": body["after_cursor"], "per_page": "1000"}])
    else:
        assert bookmark["end_time"] == body["end_time"]
        assert [page["start_time"] for page in asked[1:]] in ([], [str(body["end_time"])])
    # The schemas know every property of the real account.
    assert not [record for record in run.records[stream] if "_rescued_data" in record]
