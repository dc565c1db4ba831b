"""Serves the API over real HTTP: sockets, connections, and the log of requests."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from . import control, wire
from .errors import ApiError, not_found
from .mishaps import Victim, happen
from .wire import Reply

if TYPE_CHECKING:
    from . import Simulator


@dataclass
class Request:
    """A request that was served, for tests to examine.

    Attributes:
        method: "GET" or "POST".
        path: the path without the query.
        params: the query; the values of a repeated name are joined by commas.
        headers: the headers, with names in lower case.
        status: the status of the response; 0 for none.
        records: the number of records in the response.
        time: monotonic second at which the request arrived.
    """

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    status: int = 0
    records: int = 0
    time: float = field(default_factory=time.monotonic)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        """Register the connection, so that the server can close it."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Unregister the connection."""
        self.server.connections.discard(self.connection)
        # A connection that was broken on purpose cannot be flushed.
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing: `Simulator.requests` is the log."""

    def do_GET(self) -> None:
        """Serve a GET request."""
        self._serve()

    def do_POST(self) -> None:
        """Serve a POST request."""
        self._serve()

    def _serve(self) -> None:
        simulator = self.server.simulator
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        values = parse_qs(parts.query, keep_blank_values=True)
        params = {name: ",".join(repeated) for name, repeated in values.items()}
        if parts.path.startswith("/_control/"):
            control.serve(simulator, self.connection, self.command, parts.path, body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, params, headers)

        def answer(*, gzip: bool = False) -> Reply:
            try:
                if request.method == "GET":
                    return simulator.api.get(request.path, params, headers, gzip=gzip)
                if request.path == "/oauth/tokens":
                    return simulator.api.token(body)
                raise not_found()
            except ApiError as error:
                return Reply(error.status, error.body, error.headers)

        def log(reply: Reply) -> None:
            request.status, request.records = reply.status, reply.records
            simulator.requests.append(request)

        released = simulator.faults.released  # read before others can see that it is held
        fault = simulator.faults.take(self.path)
        if fault:
            stopping = self.server.stopping
            victim = Victim(self.connection, params, answer, log, stopping, released)
            self.close_connection |= not happen(fault, victim)
            return
        reply = answer(gzip="gzip" in headers.get("accept-encoding", ""))
        log(reply)
        wire.send(self.connection, reply)


class Server(ThreadingHTTPServer):
    """The listening socket and its connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, simulator: Simulator, port: int) -> None:
        """Bind a port of the loopback interface. It refuses connections until `open` is called.

        Args:
            simulator: the simulator to serve.
            port: the port; 0 for a free one.
        """
        super().__init__(("127.0.0.1", port), Handler, bind_and_activate=False)
        self.simulator = simulator
        self.connections: set[socket.socket] = set()
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.server_bind()

    def server_bind(self) -> None:
        """Bind the port without a look-up of the host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def open(self) -> None:
        """Start to listen and to serve."""
        self.server_activate()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and close every connection."""
        self.stopping.set()
        if self._thread:
            self.shutdown()
            self._thread.join()
        self.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print the server's own errors, but not those of clients that disconnected."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
