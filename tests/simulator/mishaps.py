"""Lets a request hit a fault."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from .errors import HTML, error_body
from .wire import Reply, drip, head, reset, send, send_slowly

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable

    from .faults import Fault

# Faults that send the right page in a wrong way, and all faults that need a page.
UNDAMAGED = {"hold", "cut", "slow_body", "drip", "interim"}
NEED_A_PAGE = {"no_records", "stuck_cursor", "pretty", "unknown_field", "raw"} | UNDAMAGED
_HTML_TYPE = {"Content-Type": "text/html; charset=utf-8"}


def _bomb(size: int) -> bytes:
    """Make a gzip body that unpacks to JSON of the given size, mostly blanks.

    The body has about a thousandth of that size.
    """
    blank = b" " * (1 << 20)
    opening, closing = b'{"count": 0, "tickets": [', b"]}"
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = deflate.compress(opening) + deflate.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, blocks do not depend on each other, so one can be repeated.
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = raw.compress(blank) + raw.flush(zlib.Z_FULL_FLUSH)
    count = size // len(blank) + 1
    end = zlib.compressobj(9, zlib.DEFLATED, -15)
    body += block * count + end.compress(closing) + end.flush()
    crc = zlib.crc32(opening)
    for _ in range(count):
        crc = zlib.crc32(blank, crc)
    crc = zlib.crc32(closing, crc)
    total = len(opening) + count * len(blank) + len(closing)
    return body + crc.to_bytes(4, "little") + (total % (1 << 32)).to_bytes(4, "little")


def _instead(fault: Fault) -> Reply:
    """Make the response of a fault that needs no page."""
    args = fault.args
    if fault.kind == "status":
        title, message = args["title"] or "Fault", args["message"] or "Something went wrong"
        body = error_body(args["shape"], title, message) if args["body"] is None else args["body"]
        kind = _HTML_TYPE if args["shape"] == "html" else {}
        body = body.encode() if isinstance(body, str) else body
        return Reply(args["code"], body, kind | args["headers"])
    if fault.kind == "redirect":
        return Reply(args["code"], b"", {"Location": args["to"]})
    if fault.kind == "bomb":
        return Reply(200, _bomb(args["size"]), {"Content-Encoding": "gzip"})
    if fault.kind == "html":
        return Reply(200, HTML.format("Down for maintenance").encode(), dict(_HTML_TYPE))
    return Reply(200, b'{"tickets": [{"id": 1, ' if fault.kind == "not_json" else b"")


def _damaged(fault: Fault, reply: Reply, params: dict[str, str]) -> Reply:
    """Return a page after a fault has changed its content."""
    page = msgspec.json.decode(reply.body)
    records_key = next((key for key, value in page.items() if isinstance(value, list)), "")
    if fault.kind == "no_records":
        page.pop(records_key, None)
    elif fault.kind == "stuck_cursor":
        page["end_of_stream"] = False
        if "after_cursor" in page:
            page["after_cursor"] = params.get("cursor", page["after_cursor"])
        else:
            page["end_time"] = int(params.get("start_time", 0))
    elif fault.kind == "unknown_field":
        for record in page.get(records_key, ()):
            record[fault.args["name"]] = fault.args["value"]
    elif fault.kind == "raw":
        raw, name = msgspec.Raw(fault.args["raw"].encode("latin-1")), fault.args["name"]
        records, index = page[records_key], fault.args["index"]
        if index < len(records):
            records[index] = {**records[index], name: raw} if name else raw
    reply.body = msgspec.json.encode(page)
    if fault.kind == "pretty":
        reply.body = msgspec.json.format(reply.body, indent=4)
    return reply


@dataclass
class Victim:
    """A request that hits a fault.

    Attributes:
        connection: the connection to the client.
        params: the query of the request.
        answer: returns the right response.
        log: is called with the response that is about to be sent; status 0 for none.
        stopping: ends a fault early, when the server stops.
        released: ends the fault "hold".
    """

    connection: socket.socket
    params: dict[str, str]
    answer: Callable[..., Reply]
    log: Callable[[Reply], None]
    stopping: threading.Event
    released: threading.Event


def happen(fault: Fault, victim: Victim) -> bool:
    """Let a request hit a fault.

    Args:
        fault: the fault.
        victim: the request.

    Returns:
        Whether the connection can be used again.
    """
    if fault.kind in {"reset", "hang"}:
        victim.log(Reply(0))
        victim.stopping.wait(fault.args.get("seconds", 0))
        reset(victim.connection)
        return False
    if fault.kind not in NEED_A_PAGE:
        reply = _instead(fault)
        victim.log(reply)
        send(victim.connection, reply)
        return True
    if fault.kind == "hold":
        victim.released.wait()
    if fault.kind == "interim":
        victim.connection.sendall(head(fault.args["code"], {"Link": "</>; rel=preload"}))
    reply = victim.answer(gzip=fault.args.get("gzip", False))
    if reply.status == HTTPStatus.OK and fault.kind not in UNDAMAGED:
        reply = _damaged(fault, reply, victim.params)
    victim.log(reply)
    if fault.kind == "slow_body":
        send_slowly(victim.connection, reply, fault.args, victim.stopping)
        return True
    if fault.kind == "drip":
        drip(victim.connection, reply, fault.args, victim.stopping)
        return False
    send(victim.connection, reply, fault.args.get("share", 1.0))
    return fault.kind != "cut"
