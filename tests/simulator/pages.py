"""Encodes pages as JSON, and caches them because compression is slow."""

from __future__ import annotations

import gzip as gzip_module
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from .wire import Reply

if TYPE_CHECKING:
    from .declarations import Cut
    from .query import Query

REMEMBERED_BYTES = 200 << 20
_GZIP = {"Content-Encoding": "gzip"}


class Pages:
    """Turns the content of a page into a response."""

    def __init__(self) -> None:
        """Start with an empty cache."""
        self._lock = threading.Lock()
        self._remembered: OrderedDict[object, tuple[bytes, int]] = OrderedDict()
        self._bytes = 0

    def render(self, cut: Cut, query: Query, *, gzip: bool) -> Reply:
        """Make the response with a page.

        Args:
            cut: the content of the page.
            query: the request.
            gzip: whether to compress the body.

        Raises:
            ApiError: a parameter is wrong.
        """
        params, version = tuple(sorted(query.params.items())), query.store.version
        with_ids = query.settings.ids
        identity = (version, query.url, params, tuple(cut.keys), repr(cut.paging), with_ids, gzip)
        with self._lock:
            known = self._remembered.get(identity)
            if known:
                self._remembered.move_to_end(identity)
        if not known:
            body, count = self._write(cut, query)
            known = (gzip_module.compress(body, 1) if gzip else body, count)
            if cut.records is None:
                self._remember(identity, known)
        body, count = known
        return Reply(body=body, records=count, headers=dict(_GZIP) if gzip else {})

    @staticmethod
    def _write(cut: Cut, query: Query) -> tuple[bytes, int]:
        endpoint, resource = query.endpoint, query.resource
        with query.store.lock:
            records = cut.records
            if records is None:
                records = [query.table[record_id] for _, record_id in cut.keys]
            records = [record for record in records if not endpoint.hides(record, query)]
            beside = endpoint.beside | cut.paging
            include = [name for name in query.params.get("include", "").split(",") if name]
            if include:
                sideload = endpoint.form.sideload
                records, more = sideload(query.store, resource.name, records, include)
                beside = more | beside
        if endpoint.row:
            records = [endpoint.row(record) for record in records]
        if query.settings.ids is None:
            records = [record | {"id": None} for record in records]
        elif not query.settings.ids:
            records = [{k: v for k, v in record.items() if k != "id"} for record in records]
        if "end_time" in beside:
            beside["count"] = len(records)
        key = endpoint.records_key or resource.records_key or resource.name
        return msgspec.json.encode({key: records} | beside), len(records)

    def _remember(self, identity: object, page: tuple[bytes, int]) -> None:
        with self._lock:
            if identity not in self._remembered:
                self._remembered[identity] = page
                self._bytes += len(page[0])
            while self._bytes > REMEMBERED_BYTES:
                _, (body, _) = self._remembered.popitem(last=False)
                self._bytes -= len(body)
