"""Control of the simulator from other processes: `/_control/…`, which Zendesk does not have."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from .wire import Reply, send, send_chunks

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from . import Simulator
    from .store import Table

_CHUNK = 500


def _summary(simulator: Simulator) -> dict[str, Any]:
    summary = {}
    for name, table in simulator.store.records.items():
        newest = table[table.index[-1][1]].get(table.resource.time_field) if table else None
        summary[name] = {"count": len(table), "newest": newest}
    return summary


def _records(table: Table) -> Iterator[bytes]:
    """Yield all records as a JSON array, each on its own line."""
    ids = [record_id for _, record_id in list(table.index)]
    yield b"["
    for first in range(0, len(ids), _CHUNK):
        lines = [msgspec.json.encode(table[i]) for i in ids[first : first + _CHUNK]]
        yield (b",\n" if first else b"\n") + b",\n".join(lines)
    yield b"\n]\n"


def _change_settings(simulator: Simulator, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        getattr(simulator.settings, name)
        setattr(simulator.settings, name, value)


def _add_faults(simulator: Simulator, faults: list[dict[str, Any]]) -> None:
    for fault in faults:
        simulator.faults.add(**fault)


# What a POST does, by the last part of its path.
_COMMANDS: dict[str, Callable[[Simulator, Any], object]] = {
    "clear": lambda simulator, _: simulator.clear(),
    "update": lambda simulator, request: simulator.store.update(
        request["resource"], request["id"], at=request.get("at"), **request["changes"]
    ),
    "system_update": lambda simulator, request: simulator.store.system_update(
        request["id"], at=request.get("at")
    ),
    "create": lambda simulator, request: simulator.store.create(
        request["resource"], at=request.get("at"), **request.get("fields", {})
    ),
    "delete": lambda simulator, request: simulator.store.delete(
        request["resource"], request["id"], at=request.get("at")
    ),
    "faults": _add_faults,
    "settings": _change_settings,
    "expire_tokens": lambda simulator, _: simulator.expire_tokens(),
    "refuse": lambda simulator, request: simulator.refuse(request["seconds"]),
}


def serve(
    simulator: Simulator, connection: socket.socket, method: str, path: str, body: bytes
) -> None:
    """Answer a control request.

    GET: `requests`, `summary`, `records/<resource>`, `shown/<path of a list>`.

    POST, each with a JSON body: `clear`, `update` (`resource`, `id`, `changes`, optionally `at`),
    `system_update` (`id`, optionally `at`), `create` (`resource`, optionally `fields` and `at`),
    `delete` (`resource`, `id`, optionally `at`), `faults` (a list), `settings` (an object),
    `expire_tokens`, `refuse` (`seconds`).

    Args:
        simulator: the simulator to control.
        connection: the connection to answer on.
        method: "GET" or "POST".
        path: the whole path, which starts with `/_control/`.
        body: JSON, or nothing.
    """
    name, _, resource = path.removeprefix("/_control/").partition("/")
    try:
        if name == "records" and method == "GET":
            send_chunks(connection, _records(simulator.store.records[resource]))
            return
        result: object
        if name == "requests" and method == "GET":
            result = [asdict(request) for request in list(simulator.requests)]
        elif name == "summary" and method == "GET":
            result = _summary(simulator)
        elif name == "shown" and method == "GET":
            result = list(simulator.api.shown(resource).values())
        else:
            result = _COMMANDS[name](simulator, msgspec.json.decode(body) if body else {})
        reply = Reply(body=msgspec.json.encode(result))
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        reply = Reply(400, msgspec.json.encode({"error": f"{type(error).__name__}: {error}"}))
    send(connection, reply)
