"""Answers API requests: which endpoint, who may, how many, and the page itself."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from . import definitions, limits, ticket_exports
from .auth import Auth
from .errors import ApiError, forbidden, invalid, not_found
from .exports import cursor_page, encode_cursor, time_page
from .pages import Pages
from .wire import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exports import Page
    from .settings import Settings
    from .store import Record, Store

Params = dict[str, str]
MOST_PER_PAGE = 1000
SAMPLE_SIZE = 50
_NOT_JSON = "It must be a JSON object."
_CORE = "tickets|ticket_events|users|organizations"
# Pattern of a path without `.json` -> (form of the answer, resource name, rate limit).
_ROUTES = [
    (r"/api/v2/incremental/users/cursor", "cursor", "users", limits.USERS_CURSOR),
    (r"/api/v2/incremental/tickets/cursor", "cursor", "tickets", limits.EXPORTS),
    (rf"/api/v2/incremental/({_CORE})/sample", "sample", "{}", limits.SAMPLES),
    (rf"/api/v2/incremental/({_CORE}|ticket_metric_events)", "time", "{}", limits.EXPORTS),
    (r"/api/v2/help_center/incremental/articles", "time", "articles", limits.EXPORTS),
    (r"/api/v2/incremental/routing/(\w+)", "routing", "routing_{}", limits.EXPORTS),
    (
        r"/api/v2/incremental/custom_objects/(\w+)/cursor",
        "cursor",
        "custom_object_{}",
        limits.EXPORTS,
    ),
    (r"/api/v2/exports/tickets", "tickets_2012", "ticket_exports", limits.TICKET_EXPORTS),
    (r"/api/v2/exports/tickets/sample", "sample_2012", "ticket_exports", limits.SAMPLES),
    (r"/api/v2/((?:ticket|user|organization)_fields)", "fields", "{}", ""),
    (r"/api/v2/custom_objects", "custom_objects", "custom_objects", ""),
    (r"/api/v2/custom_objects/(\w+)/fields", "object_fields", "custom_object_{}", ""),
]
ROUTES = [(re.compile(path), form, name, bucket) for path, form, name, bucket in _ROUTES]


class Api:
    """The account's API, without its wire."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Opens the API.

        Args:
            store: the account's data.
            settings: how it behaves.
        """
        self.auth = Auth(settings)
        self.limits = limits.Limits(settings)
        self._settings = settings
        self._store = store
        self._pages = Pages(store)

    def get(self, path: str, params: Params, headers: Mapping[str, str], *, gzip: bool) -> Reply:
        """Answers a GET request.

        Args:
            path: without the query.
            params: the query.
            headers: lower-cased names.
            gzip: whether the body may be compressed.

        Returns:
            The reply.

        Raises:
            ApiError: the request is refused.
        """
        form, resource, bucket = self._route(path.removesuffix(".json"))
        self.auth.check(headers.get("authorization", ""))
        denied = self._settings.denied.get(resource)
        if denied or (form.endswith("2012") and not self._settings.ticket_exports):
            raise forbidden() if denied == forbidden().status else not_found()
        more_headers = self.limits.take(bucket)
        if bucket:
            reply = self._export(form, resource, path, params, gzip=gzip)
            time.sleep(self._settings.page_delay)
        else:
            reply = self._definitions(form, resource, path, params)
        reply.headers |= more_headers
        return reply

    def token(self, body: bytes) -> Reply:
        """Answers `POST /oauth/tokens`.

        Raises:
            ApiError: the request is refused.
        """
        try:
            request = msgspec.json.decode(body, type=dict)
        except msgspec.MsgspecError:
            raise invalid(_NOT_JSON, "body") from None
        return Reply(body=self.auth.grant(request))

    def _route(self, path: str) -> tuple[str, str, str]:
        for pattern, form, name, bucket in ROUTES:
            found = pattern.fullmatch(path)
            if found:
                resource = name.format(*found.groups())
                if resource in self._store.records or form not in {"routing", "cursor"}:
                    return form, resource, bucket
        raise not_found()

    def _export(self, form: str, resource: str, path: str, params: Params, *, gzip: bool) -> Reply:
        settings = self._settings
        most = SAMPLE_SIZE if form.startswith("sample") else MOST_PER_PAGE
        size = min(self._integer(params, "per_page", most, range(1, MOST_PER_PAGE + 1)), most)
        now = int(time.time())
        table_name = "tickets" if resource == "ticket_exports" else resource
        with self._store.lock:
            index = self._store.records[table_name].servable(now - settings.withheld_seconds)
            if form in {"cursor", "routing"}:
                cursor = params.get("cursor")
                if not cursor:
                    start = 0 if form == "routing" else self._start_time(params, now, resource)
                    cursor = encode_cursor(start)
                page = cursor_page(index, cursor, size, settings.empty_pages)
            else:
                page = time_page(index, self._start_time(params, now, resource), size, settings)
        if form.startswith("sample"):
            page = replace(page, keys=page.keys[:size])
        beside = self._paging(form, resource, path, params, page)
        if form.endswith("2012"):
            rows = [ticket_exports.row(self._store.records["tickets"][i]) for _, i in page.keys]
            heads = {"field_headers": ticket_exports.HEADERS, "options": ticket_exports.OPTIONS}
            beside |= heads | {"results": rows, "count": len(rows)}
            return Reply(body=msgspec.json.encode(beside), records=len(rows))
        return self._pages.render(resource, page.keys, params, beside, gzip=gzip)

    def _paging(self, form: str, resource: str, path: str, params: Params, page: Page) -> Record:
        key = "cursor" if page.cursor else "start_time"
        rest = {k: v for k, v in params.items() if k not in {"cursor", "start_time"}}
        rest[key] = page.cursor or str(page.end_time)
        url = f"{self._settings.canonical_host}{path}?{urlencode(sorted(rest.items()))}"
        beside: Record
        if form == "routing" and self._settings.routing_pages == "documented":
            end_time = page.keys[-1][0] if page.keys else None
            return {"count": len(page.keys), "end_time": end_time, "next_page": url}
        if page.cursor:
            beside = {"after_url": url, "before_url": None}
            beside |= {"after_cursor": page.cursor, "before_cursor": None}
        else:
            beside = {"count": len(page.keys), "next_page": url, "end_time": page.end_time}
        if self._settings.end_of_stream and resource != "ticket_exports":
            beside["end_of_stream"] = page.end
        return beside

    def _start_time(self, params: Params, now: int, resource: str) -> int:
        start_time = self._integer(params, "start_time", None, range(1 << 40))
        age = ticket_exports.NEWEST_SECONDS if resource == "ticket_exports" else 60
        if start_time > now - age:
            message = f"Too recent start_time. Use a start_time older than {age} seconds"
            raise ApiError(422, "description", "InvalidValue", message)
        return start_time

    @staticmethod
    def _integer(params: Params, name: str, default: int | None, allowed: range) -> int:
        text = params.get(name, "" if default is None else str(default))
        if not text.isascii() or not text.isdigit() or int(text) not in allowed:
            message = f"Invalid parameter: {name} must be an integer from {allowed}"
            raise invalid(message, name)
        return int(text)

    def _definitions(self, form: str, resource: str, path: str, params: Params) -> Reply:
        if form == "custom_objects":
            found, key = definitions.custom_objects(), "custom_objects"
        elif form == "object_fields":
            if resource not in self._store.records:
                raise not_found()
            found, key = definitions.definitions(resource), "custom_object_fields"
        else:
            found, key = definitions.definitions(resource), resource
        size = self._integer(params, "page[size]", 100, range(1, 101))
        first = self._integer(params, "page[after]", 0, range(len(found) + 1))
        more = first + size < len(found)
        after = str(first + size) if more else None
        query = urlencode({"page[after]": after, "page[size]": size})
        links = {"prev": None, "next": f"{self._settings.canonical_host}{path}?{query}"}
        body = {
            key: found[first : first + size],
            "meta": {"has_more": more, "after_cursor": after, "before_cursor": None},
            "links": links if more else {"prev": None, "next": None},
        }
        return Reply(body=msgspec.json.encode(body), records=len(body[key]))
