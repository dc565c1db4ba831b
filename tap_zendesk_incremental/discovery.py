"""What discovery asks the account: its custom fields and its custom objects."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec
from singer_sdk.exceptions import FatalAPIError
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import schemas
from tap_zendesk_incremental.errors import RefusedError
from tap_zendesk_incremental.http import retry
from tap_zendesk_incremental.http.endpoint import Endpoint, cursor_list
from tap_zendesk_incremental.http.status import LACKING_STATUSES
from tap_zendesk_incremental.pagination import CursorPaginator, Page, Params, traverse
from tap_zendesk_incremental.records.decode import page_type, to_page

if TYPE_CHECKING:
    from singer_sdk import Stream

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.sdk import SdkTap

CUSTOM_OBJECT_PREFIX = "custom_object_"
"""What the name of a custom object's stream starts with."""

MAX_EMPTY_PAGES = 3
"""Pages in a row without a row, after which a list that claims to go on counts as a loop."""

FIELD_TYPES: dict[str, dict[str, Any]] = {
    "checkbox": {"type": ["boolean", "null"]},
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"], "format": "date-time"},
    "multiselect": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
}
"""Types of custom fields that are not strings."""


def list_rows(tap: SdkTap, client: Client, endpoint: Endpoint, key: str) -> list[dict[str, Any]]:
    """Give a whole list, empty (and a line in the log) if the account does not have it.

    Nor does discovery fail for want of an answer. A sync does, as it would leave records out.

    Args:
        tap: The tap.
        client: Asks for it.
        endpoint: Where the list is.
        key: The key of a page that holds the rows.

    Raises:
        FatalAPIError: If Zendesk refuses the login, or does not answer.
        FatalSyncError: If the list has no end.
    """
    if not client.account.is_worth_asking:
        return []
    try:
        return _all_rows(client, endpoint, key)
    except FatalAPIError as error:
        if tap.is_discovering and isinstance(error.__cause__, retry.RETRIABLE_ERRORS):
            client.logger.warning(
                "Zendesk does not answer (%s); custom fields and objects are left untyped or "
                "out: check subdomain (or api_url) and the network, and discover again (with "
                "Meltano: --refresh-catalog)",
                retry.describe(error.__cause__),
            )
            return []
        if isinstance(error, RefusedError) and error.status in LACKING_STATUSES:
            client.logger.warning("%s; %s are left untyped or out", error, key)
            return []
        raise


def _all_rows(client: Client, endpoint: Endpoint, key: str) -> list[dict[str, Any]]:
    decode = msgspec.json.Decoder(page_type(key, dict[str, Any])).decode
    paginator = CursorPaginator(endpoint.path, {}, max_empty_pages=MAX_EMPTY_PAGES)

    def read(body: bytes, params: Params) -> Page[dict[str, Any]]:
        return to_page(decode(body), params, [])

    steps = traverse(paginator, lambda params: client.fetch(endpoint, params, read))
    return [row for step in steps for row in step.records]


class TypedFields(StreamSchema):
    """A stream's schema, in which an object of custom fields has the account's fields."""

    def __init__(self, fields_property: str, *, key: str | None = None) -> None:
        """Say which property.

        Args:
            fields_property: The property of the schema that holds the fields.
            key: The name of the schema, if not the stream's.
        """
        super().__init__(SchemaDirectory(schemas), key=key)
        self.fields_property = fields_property
        self._typed: WeakKeyDictionary[Stream, dict[str, Any]] = WeakKeyDictionary()

    def endpoint(self, stream: Any) -> Endpoint:  # noqa: ANN401, ARG002 (subclasses need it)
        """Give where the definitions are."""
        return cursor_list(f"/api/v2/{self.fields_property}.json")

    def get_stream_schema(self, stream: Any, stream_class: Any) -> dict[str, Any]:  # noqa: ANN401
        """Give the schema; the definitions are read once."""
        if stream not in self._typed:
            schema = deepcopy(super().get_stream_schema(stream, stream_class))
            schema["properties"][self.fields_property]["properties"] = {
                row["key"]: {
                    "description": row.get("title"),
                    **FIELD_TYPES.get(row.get("type", ""), {"type": ["string", "null"]}),
                }
                for row in self._definitions(stream)
                if row.get("key")
            }
            self._typed[stream] = schema
        return self._typed[stream]

    def _definitions(self, stream: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        if stream.tap.input_catalog is not None:
            return []  # a catalog has all that was found when it was made
        client = stream.client.named("discovery", stream.client.logger, is_hurried=True)
        return list_rows(stream.tap, client, self.endpoint(stream), self.fields_property)


class CustomObjectSchema(TypedFields):
    """The schema of a custom object's records, with the fields of that object."""

    def __init__(self) -> None:
        """See `TypedFields`."""
        super().__init__("custom_object_fields", key="custom_object_records")

    def endpoint(self, stream: Any) -> Endpoint:  # noqa: ANN401 (as its base class)
        """Give where the definitions of this object are."""
        key = stream.name.removeprefix(CUSTOM_OBJECT_PREFIX)
        return cursor_list(f"/api/v2/custom_objects/{key}/fields.json")


class Columns(msgspec.Struct):
    """The part of a flat export's page that says which columns there are."""

    field_headers: dict[str, str]


def sample_columns(client: Client, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Give the columns of a flat export as properties of a schema, none if it has no sample.

    Args:
        client: Asks for it.
        endpoint: The export's sample.
    """

    def read(body: bytes, params: Params) -> Page[Columns]:
        return Page(params, [msgspec.json.decode(body, type=Columns)], [])

    try:
        [columns] = client.fetch(endpoint, {"start_time": 0}, read).records
    except FatalAPIError:
        return {}  # the export itself is about to say why
    return {
        key: {"description": title, "type": ["string", "null"]}
        for key, title in columns.field_headers.items()
    }


def custom_object_keys(tap: SdkTap, client: Client) -> list[str]:
    """Give the keys of the account's custom objects.

    A catalog names them already; without one, the account is asked.

    Args:
        tap: The tap.
        client: Asks the account.
    """
    if tap.input_catalog is not None:
        names = [entry.tap_stream_id for entry in tap.input_catalog.streams]
        prefix = CUSTOM_OBJECT_PREFIX
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    rows = list_rows(tap, client, cursor_list("/api/v2/custom_objects.json"), "custom_objects")
    return [row["key"] for row in rows if row.get("key")]
