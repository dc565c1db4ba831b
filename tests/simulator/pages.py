"""Writes pages as JSON, and remembers what it wrote: compressing is the slow part."""

from __future__ import annotations

import gzip as gzip_module
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from .errors import invalid
from .sideloads import sideload
from .wire import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .exports import Key
    from .store import Record, Store

REMEMBERED_BYTES = 200 << 20
SCOPES = ("agent", "ai_agent", "all")


class Pages:
    """Turns record ids into a response body."""

    def __init__(self, store: Store) -> None:
        """Starts with nothing remembered."""
        self._store = store
        self._lock = threading.Lock()
        self._remembered: OrderedDict[object, tuple[bytes, int]] = OrderedDict()
        self._bytes = 0

    def render(
        self,
        resource: str,
        keys: Sequence[Key],
        params: dict[str, str],
        beside: Record,
        *,
        gzip: bool,
    ) -> Reply:
        """Writes a page.

        Args:
            resource: name of the resource.
            keys: second and id of its records, in order.
            params: the query, for what it includes and leaves out.
            beside: what stands beside the records.
            gzip: whether to compress it.

        Returns:
            The reply.

        Raises:
            ApiError: a parameter is wrong.
        """
        asked = tuple(params.get(name, "") for name in ("include", "exclude_deleted", _SCOPE))
        identity = (self._store.version, resource, tuple(keys), asked, repr(beside), gzip)
        with self._lock:
            known = self._remembered.get(identity)
            if known:
                self._remembered.move_to_end(identity)
        if not known:
            known = self._write(resource, keys, params, beside, gzip=gzip)
            self._remember(identity, known)
        body, count = known
        return Reply(body=body, records=count, headers=dict(_GZIP) if gzip else {})

    def _write(
        self,
        resource: str,
        keys: Sequence[Key],
        params: dict[str, str],
        beside: Record,
        *,
        gzip: bool,
    ) -> tuple[bytes, int]:
        with self._store.lock:
            table = self._store.records[resource]
            records = [table[record_id] for _, record_id in keys]
        if resource in {"tickets", "ticket_events"}:
            scope = params.get(_SCOPE, "agent")
            if scope not in SCOPES:
                message = f"It must be one of {', '.join(SCOPES)}."
                raise invalid(message, _SCOPE)
            if scope != "all":
                records = [r for r in records if r.get("support_type", "agent") == scope]
        if resource == "tickets" and params.get("exclude_deleted") == "true":
            records = [record for record in records if record["status"] != "deleted"]
        include = [name for name in params.get("include", "").split(",") if name]
        if include:
            records, more = sideload(self._store, resource, records, include)
            beside = more | beside
        if "count" in beside:
            beside = beside | {"count": len(records)}
        body = msgspec.json.encode({table.resource.records_key: records} | beside)
        return gzip_module.compress(body, 1) if gzip else body, len(records)

    def _remember(self, identity: object, page: tuple[bytes, int]) -> None:
        with self._lock:
            if identity not in self._remembered:
                self._remembered[identity] = page
                self._bytes += len(page[0])
            while self._bytes > REMEMBERED_BYTES:
                _, (body, _) = self._remembered.popitem(last=False)
                self._bytes -= len(body)


_SCOPE = "support_type_scope"
_GZIP = {"Content-Encoding": "gzip"}
