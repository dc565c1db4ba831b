"""Answers API requests: finds the endpoint, checks login and limits, and makes the page."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import msgspec

from .auth import Auth
from .errors import denied, invalid, not_found
from .limits import Limits
from .pages import Pages
from .query import Query
from .resources import RESOURCES
from .wire import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .declarations import Endpoint, Resource
    from .exports import RecordId
    from .query import Params
    from .settings import Settings
    from .store import Record, Store

_BASE = "/api/v2/"
_NOT_JSON = "It must be a JSON object."
_ENDPOINTS = [
    (re.compile(re.escape(endpoint.path).replace(r"\{parent\}", r"(\w+)")), resource, endpoint)
    for resource in RESOURCES
    for endpoint in resource.endpoints
]


class Api:
    """The account's API, apart from HTTP."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Create the API.

        Args:
            store: the account's data.
            settings: how the account behaves.
        """
        self.auth = Auth(settings)
        self.limits = Limits(settings)
        self._settings = settings
        self._store = store
        self._pages = Pages()

    def get(self, path: str, params: Params, headers: Mapping[str, str], *, gzip: bool) -> Reply:
        """Answer a GET request.

        Args:
            path: the path without the query.
            params: the query; the values of a repeated name are joined by commas.
            headers: the headers, with names in lower case.
            gzip: whether to compress the body.

        Returns:
            The reply.

        Raises:
            ApiError: the account refuses the request.
        """
        resource, endpoint, parent = self._route(path)
        check = self.auth.check_chat if endpoint.is_chat else self.auth.check
        check(headers.get("authorization", ""))
        self._check_open(resource, endpoint)
        more_headers = self.limits.take(endpoint.limit)
        query = self._query(path, params, resource, endpoint, parent)
        with self._store.lock:
            cut = endpoint.form.cut(query)
        reply = self._pages.render(cut, query, gzip=gzip)
        if endpoint.form.is_slow:
            time.sleep(self._settings.page_delay)
        reply.headers |= more_headers
        return reply

    def shown(self, path: str) -> dict[RecordId, Record]:
        """Return all records that an endpoint shows now, by id. Tests compare lists with this.

        Args:
            path: the path below `/api/v2/`, such as `tickets`.

        Raises:
            ApiError: 404, the endpoint or the parent does not exist.
        """
        resource, endpoint, parent = self._route(_BASE + path)
        with self._store.lock:
            query = self._query(path, {}, resource, endpoint, parent)
            return {i: query.table[i] for i in query.table if query.shows(i)}

    def token(self, body: bytes) -> Reply:
        """Answer `POST /oauth/tokens`.

        Raises:
            ApiError: the account refuses the request.
        """
        try:
            request = msgspec.json.decode(body, type=dict)
        except msgspec.MsgspecError:
            raise invalid(_NOT_JSON, "body") from None
        return Reply(body=self.auth.grant(request))

    def _route(self, path: str) -> tuple[Resource, Endpoint, RecordId | None]:
        asked = path.removeprefix(_BASE).removesuffix(".json")
        for pattern, resource, endpoint in _ENDPOINTS:
            found = pattern.fullmatch(asked) if path.startswith(_BASE) else None
            if found and not found.groups():
                return resource, endpoint, None
            if found:
                parent = int(found[1]) if found[1].isdigit() else found[1]
                if parent in self._store.records[resource.parent]:
                    return resource, endpoint, parent
        raise not_found()

    def _check_open(self, resource: Resource, endpoint: Endpoint) -> None:
        settings = self._settings
        status = settings.denied.get(resource.name)
        if settings.closed_exports and endpoint.is_incremental:
            status = settings.closed_exports
        if status:
            raise denied(status)
        if endpoint.setting and not getattr(settings, endpoint.setting):
            raise not_found()

    def _query(
        self,
        path: str,
        params: Params,
        resource: Resource,
        endpoint: Endpoint,
        parent: RecordId | None,
    ) -> Query:
        return Query(
            params,
            f"{self._settings.canonical_host}{path}",
            int(time.time()),
            self._settings,
            self._store,
            resource,
            endpoint,
            parent,
        )
