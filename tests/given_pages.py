"""An export without Zendesk: a stream whose pages and schema are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk.schema.source import SchemaSource, StreamSchema

from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.client import Account, Client
from tap_zendesk_incremental.http.endpoint import time_export
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .running import sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_zendesk_incremental.http.client import ReadPage
    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Params

Json = dict[str, Any]
CONFIG = {"subdomain": "example", "access_token": "not-used-here"}
LEFT_OUT = "copy"


class GivenSchema(SchemaSource[str]):
    """A source of one given schema."""

    def __init__(self, schema: Json) -> None:
        """Remember the schema."""
        super().__init__()
        self._schema = schema

    def fetch_schema(self, key: str) -> Json:
        """Return the schema, whatever the key."""
        del key
        return self._schema


class GivenPages(Client):
    """A client that serves given pages and needs no account."""

    bodies: ClassVar[list[bytes]] = []

    def fetch(self, endpoint: Endpoint, params: Params, read: ReadPage) -> Page[Any]:
        """Read the page whose number is the `start_time`."""
        del endpoint
        asked: Params = {**params, "per_page": 1000}
        return read(self.bodies[int(params["start_time"])], asked)


class Things(ExportStream):
    """An export whose pages are given."""

    name = "things"
    replication_key = "time"
    time = time_export("/things")
    excluded = frozenset({LEFT_OUT})


class TapThings(TapZendeskIncremental):
    """A tap of them."""

    stream_type: type[Things] = Things

    def discover_streams(self) -> Sequence[ExportStream]:
        """Just the one stream."""
        return [self.stream_type(self, GivenPages(Account(self.config), "", self.logger))]


def export(
    pages: Sequence[Sequence[bytes]],
    schema: Json,
    *,
    deselected: Sequence[tuple[str, ...]] = (),
    config: Json | None = None,
    pretty: bool = False,
) -> list[bytes]:
    """Export pages of records.

    Args:
        pages: the records of each page, as JSON.
        schema: the properties of the stream.
        deselected: the breadcrumbs of deselected properties.
        config: more settings.
        pretty: whether the JSON of the pages is indented.

    Returns:
        The messages.
    """
    GivenPages.bodies = []
    for number, records in enumerate(pages, 1):
        end = b"true" if number == len(pages) else b"false"
        paging = b'"end_of_stream":%b,"end_time":%d' % (end, number)
        body = b'{"things":[%b],%b}' % (b",".join(records), paging)
        GivenPages.bodies.append(msgspec.json.format(body, indent=3) if pretty else body)
    given = {"type": "object", "properties": schema}
    Things.schema = StreamSchema(GivenSchema(given))
    metadata: list[Json] = [
        {"breadcrumb": breadcrumb, "metadata": {"inclusion": "available", "selected": False}}
        for breadcrumb in deselected
    ]
    metadata.append({"breadcrumb": (), "metadata": {"inclusion": "available", "selected": True}})
    entry = {
        "tap_stream_id": "things",
        "stream": "things",
        "schema": given,
    }
    catalog = {"streams": [entry | {"metadata": metadata, "key_properties": ["id"]}]}
    return sync(CONFIG | (config or {}), catalog=catalog, tap=TapThings).lines
