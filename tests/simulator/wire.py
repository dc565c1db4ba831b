"""Sends responses over a socket: whole, in part, slowly, or not at all."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping

JSON = "application/json; charset=utf-8"


@dataclass
class Reply:
    """A response.

    Attributes:
        status: HTTP status.
        body: the body as it is sent, compressed if it is.
        headers: more headers, without the length; `Content-Type` is JSON if not given.
        records: the number of records in the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    records: int = 0


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the status line and the headers, including `Date`."""
    headers = {"Date": formatdate(usegmt=True)} | dict(headers)
    phrase = HTTPStatus(status).phrase if status in {s.value for s in HTTPStatus} else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {v}" for name, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def send(connection: socket.socket, reply: Reply, share: float = 1.0) -> None:
    """Send a response in one piece.

    Args:
        connection: the connection.
        reply: the response.
        share: the share of the body to send; the announced length is always the full one.
    """
    headers = {"Content-Type": JSON, "Content-Length": str(len(reply.body))} | reply.headers
    body = reply.body[: int(len(reply.body) * share)]
    connection.sendall(head(reply.status, headers) + body)


def send_slowly(
    connection: socket.socket, reply: Reply, args: Mapping[str, Any], stopping: threading.Event
) -> None:
    """Send a response with its body in pieces over some seconds; see `drip` for the arguments."""
    headers = {"Content-Type": JSON, "Content-Length": str(len(reply.body))} | reply.headers
    connection.sendall(head(reply.status, headers))
    step = len(reply.body) // args["pieces"] + 1
    for first in range(0, len(reply.body), step):
        if stopping.wait(args["seconds"] / args["pieces"]):
            return
        connection.sendall(reply.body[first : first + step])


def drip(
    connection: socket.socket, reply: Reply, args: Mapping[str, Any], stopping: threading.Event
) -> None:
    """Send a response byte by byte, as long as the client stays connected.

    Args:
        connection: the connection.
        reply: the response.
        args: the arguments of the fault.
        stopping: ends the response early.
    """
    length = {"Content-Length": str(len(reply.body))}
    framing = {"Transfer-Encoding": "chunked"} if args["chunked"] else length
    first = head(reply.status, {"Content-Type": JSON} | framing | reply.headers)
    pieces = [first[i : i + 1] for i in range(len(first))] if args["headers"] else [first]
    for i in range(len(reply.body)):
        byte = reply.body[i : i + 1]
        pieces.append(b"1\r\n%b\r\n" % byte if args["chunked"] else byte)
    for piece in pieces:
        connection.sendall(piece)
        if stopping.wait(args["seconds"]):
            return


def send_chunks(connection: socket.socket, chunks: Iterable[bytes]) -> None:
    """Send a response of unknown length, chunk by chunk."""
    connection.sendall(head(200, {"Content-Type": JSON, "Transfer-Encoding": "chunked"}))
    for chunk in chunks:
        connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    connection.sendall(b"0\r\n\r\n")


def reset(connection: socket.socket) -> None:
    """Close a connection with an RST, as a crashed peer does, not with a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Close the descriptor itself: the file objects that share the socket would keep it open.
    os.close(connection.detach())
