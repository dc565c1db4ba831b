"""Serves an export whose pages are rendered in advance, so that serving costs next to nothing.

`python -m benchmarks.server tickets 60` prints its address when it is ready. Its responses look
like Zendesk's (gzip, cursor or time paging). It checks no login and enforces no limit.
"""

from __future__ import annotations

import argparse
import gzip
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.simulator.data import ticket
from tests.simulator.events import ticket_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PER_PAGE = 1000
FIRST_SECOND = 1_600_000_000
DISTINCT_PAGES = 4
"""Pages repeat after this many: their records vary enough, and memory stays small."""

NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n"
    b'{"error":"InvalidEndpoint"}'
)

RECORDS: dict[str, Callable[[int, int, int], dict[str, Any]]] = {
    "tickets": ticket,
    "ticket_events": ticket_event,
}


def render(resource: str, page: int, pages: int) -> bytes:
    """Make the compressed body of a page.

    Args:
        resource: `tickets` or `ticket_events`.
        page: The number of the page, from 0.
        pages: The number of all pages.
    """
    second = FIRST_SECOND + page
    first = (page % DISTINCT_PAGES) * PER_PAGE
    records = [
        RECORDS[resource](n, 5_000_000_000 + n, second) for n in range(first, first + PER_PAGE)
    ]
    body = {
        resource: records,
        "end_of_stream": page == pages - 1,
        "after_cursor": f"page-{page + 1}",
        "end_time": second + 1,
        "count": PER_PAGE,
    }
    return gzip.compress(msgspec.json.encode(body), compresslevel=6)


class Handler(BaseHTTPRequestHandler):
    """Answers with the page of the cursor or the start_time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Send a page of the export, or 404 for any other path."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if "/incremental/" not in url.path:
            self.wfile.write(NOT_FOUND)
            return
        if "cursor" in query:
            page = int(query["cursor"].removeprefix("page-"))
        else:
            page = max(0, int(query["start_time"]) - FIRST_SECOND)
        body = self.server.pages[page]
        time.sleep(self.server.latency_seconds)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
            f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """The server, with its pages."""

    daemon_threads = True

    def __init__(self, pages: list[bytes], latency_seconds: float) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = pages
        self.latency_seconds = latency_seconds


def main() -> None:
    """Render the pages, print the address, and serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("resource", choices=RECORDS)
    parser.add_argument("pages", type=int)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each page")
    options = parser.parse_args()
    pages = [render(options.resource, n, options.pages) for n in range(options.pages)]
    server = Server(pages, options.latency)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
