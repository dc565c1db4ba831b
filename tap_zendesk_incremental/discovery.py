"""Discovery of what differs between accounts: custom fields and custom objects."""

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
from tap_zendesk_incremental.http.status import UNAVAILABLE_STATUSES
from tap_zendesk_incremental.pagination import CursorPaginator, Page, Params, traverse
from tap_zendesk_incremental.records.decode import page_type, to_page, with_whole_characters

if TYPE_CHECKING:
    from singer_sdk import Stream

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.sdk import SdkTap

CUSTOM_OBJECT_PREFIX = "custom_object_"
"""The start of the name of a custom object's stream."""

MAX_EMPTY_PAGES = 3
"""How many empty pages in a row count as a loop."""

FIELD_TYPES: dict[str, dict[str, Any]] = {
    "checkbox": {"type": ["boolean", "null"]},
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"], "format": "date-time"},
    "multiselect": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
}
"""The JSON Schema of each type of custom field that is not a string."""


class Row(msgspec.Struct):
    """The definition of a custom field or object.

    Attributes:
        key: The name in records and in URLs.
        title: The name that users of Zendesk see.
        type: The type of a field.
    """

    key: str | None = None
    title: str | None = None
    type: str | None = None


def list_rows(tap: SdkTap, client: Client, endpoint: Endpoint, key: str) -> list[Row]:
    """Return all rows of a list. If the account lacks the list, log a warning and return none.

    If Zendesk does not answer, discovery does the same. A sync fails instead, because it would
    leave records out.

    Args:
        tap: The tap.
        client: The client that fetches the list.
        endpoint: The endpoint of the list.
        key: The key of a page that holds the rows.

    Raises:
        FatalAPIError: If Zendesk refuses the login, or does not answer.
        FatalSyncError: If the list never ends.
    """
    if not client.account.expects_answers:
        return []
    try:
        return _all_rows(client, endpoint, key)
    except FatalAPIError as error:
        if tap.is_discovering and isinstance(error.__cause__, retry.RETRIABLE_ERRORS):
            client.logger.warning(
                "Zendesk does not answer (%s); discovery continues without the definitions of "
                "custom fields and objects: check subdomain (or api_url) and the network, and "
                "discover again (with Meltano: --refresh-catalog)",
                retry.describe(error.__cause__),
            )
            return []
        if isinstance(error, RefusedError) and error.status in UNAVAILABLE_STATUSES:
            client.logger.warning(
                "%s; discovery continues without the definitions of %s", error, key
            )
            return []
        raise


def _all_rows(client: Client, endpoint: Endpoint, key: str) -> list[Row]:
    decode = msgspec.json.Decoder(page_type(key, Row)).decode
    paginator = CursorPaginator(endpoint.path, {}, max_empty_pages=MAX_EMPTY_PAGES)

    def read(body: bytes, params: Params) -> Page[Row]:
        return to_page(decode(with_whole_characters(body)), params, [])

    steps = traverse(paginator, lambda params: client.fetch(endpoint, params, read))
    return [row for step in steps for row in step.records]


class TypedFields(StreamSchema):
    """A stream's schema, extended with the account's custom fields."""

    def __init__(self, fields_property: str, *, key: str | None = None) -> None:
        """Choose the schema, and the property that the fields are added to.

        Args:
            fields_property: The property that holds the custom fields. The endpoint of their
                definitions has the same name.
            key: The name of the schema, if it is not the stream's name.
        """
        super().__init__(SchemaDirectory(schemas), key=key)
        self.fields_property = fields_property
        self._typed: WeakKeyDictionary[Stream, dict[str, Any]] = WeakKeyDictionary()

    def endpoint(self, stream: Any) -> Endpoint:  # noqa: ANN401, ARG002 (subclasses need it)
        """Return the endpoint of the fields' definitions."""
        return cursor_list(f"/api/v2/{self.fields_property}.json")

    def get_stream_schema(self, stream: Any, stream_class: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the schema. The definitions are read only once for each stream."""
        if stream not in self._typed:
            schema = deepcopy(super().get_stream_schema(stream, stream_class))
            fields = {
                row.key: {
                    "description": row.title,
                    **FIELD_TYPES.get(row.type or "", {"type": ["string", "null"]}),
                }
                for row in self._definitions(stream)
                if row.key
            }
            if fields:  # flattening drops an object with empty properties
                schema["properties"][self.fields_property]["properties"] = fields
            self._typed[stream] = schema
        return self._typed[stream]

    def _definitions(self, stream: Any) -> list[Row]:  # noqa: ANN401 (as the SDK's hook)
        if stream.tap.input_catalog is not None:
            return []  # the catalog holds what discovery found
        client = stream.client.named("discovery", stream.client.logger, is_hurried=True)
        return list_rows(stream.tap, client, self.endpoint(stream), self.fields_property)


class CustomObjectSchema(TypedFields):
    """The schema of a custom object's records, with the object's own fields."""

    def __init__(self) -> None:
        """See `TypedFields`."""
        super().__init__("custom_object_fields", key="custom_object_records")

    def endpoint(self, stream: Any) -> Endpoint:  # noqa: ANN401 (as its base class)
        """Return the endpoint of the definitions of this object's fields."""
        key = stream.name.removeprefix(CUSTOM_OBJECT_PREFIX)
        return cursor_list(f"/api/v2/custom_objects/{key}/fields.json")


class Columns(msgspec.Struct):
    """The part of a flat export's page that names the columns."""

    field_headers: dict[str, str]


def sample_columns(client: Client, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Return the columns of a flat export as properties of a schema.

    Args:
        client: The client that fetches the sample.
        endpoint: The endpoint of the export's sample.

    Returns:
        The properties by name. Empty if the sample cannot be fetched.
    """

    def read(body: bytes, params: Params) -> Page[Columns]:
        return Page(params, [msgspec.json.decode(body, type=Columns)], [])

    try:
        [columns] = client.fetch(endpoint, {"start_time": 0}, read).records
    except FatalAPIError:
        return {}  # the export is requested next, and reports the error
    return {
        key: {"description": title, "type": ["string", "null"]}
        for key, title in columns.field_headers.items()
    }


def custom_object_keys(tap: SdkTap, client: Client) -> list[str]:
    """Return the keys of the account's custom objects, from the catalog or else from Zendesk.

    Args:
        tap: The tap.
        client: The client that fetches the list.
    """
    if tap.input_catalog is not None:
        names = [entry.tap_stream_id for entry in tap.input_catalog.streams]
        prefix = CUSTOM_OBJECT_PREFIX
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    rows = list_rows(tap, client, cursor_list("/api/v2/custom_objects.json"), "custom_objects")
    return [row.key for row in rows if row.key]
