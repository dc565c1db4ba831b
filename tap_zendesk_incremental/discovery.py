"""What discovery asks the account: its custom fields and its custom objects."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import FatalAPIError, FatalSyncError
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import retry, schemas
from tap_zendesk_incremental.client import ZendeskStream
from tap_zendesk_incremental.endpoint import Endpoint, listing
from tap_zendesk_incremental.errors import UnavailableError
from tap_zendesk_incremental.page_body import page_type, to_page
from tap_zendesk_incremental.pagination import CursorPaginator, Page, Params

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_zendesk_incremental.account import Account

CUSTOM_OBJECT_PREFIX = "custom_object_"
"""What the name of a custom object's stream starts with."""

FIELD_TYPES: dict[str, dict[str, Any]] = {
    "checkbox": {"type": ["boolean", "null"]},
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"], "format": "date-time"},
    "multiselect": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
}
"""Types of custom fields that are not strings."""


class Lookup(ZendeskStream):
    """Reads lists outside of any sync."""

    # A quarter of a minute: discovery has somebody waiting for it, and can do without.
    max_tries = 6

    def __init__(self, tap: Tap, account: Account) -> None:
        """Prepare; see `ZendeskStream`."""
        super().__init__(tap, account, "discovery")

    def rows(self, endpoint: Endpoint, key: str) -> list[dict[str, Any]] | None:
        """Give a whole list, None (and a line in the log) if it cannot be read.

        Args:
            endpoint: Where the list is.
            key: The key of a page that holds the rows.

        Raises:
            FatalAPIError: If Zendesk refuses the login.
        """
        if not self.account.answers or self._tap.input_catalog is not None:
            return None  # a catalog has all that was found when it was made
        self.endpoint = endpoint
        decode = msgspec.json.Decoder(page_type(key, dict[str, Any])).decode
        paginator = CursorPaginator(self.name, {}, parameter=endpoint.cursor_parameter)
        rows: list[dict[str, Any]] = []
        try:
            while not paginator.finished:
                page = self.fetch(
                    paginator.current_value, lambda body, asked: to_page(decode(body), asked, [])
                )
                rows += page.records
                paginator.advance(page)
        except FatalSyncError as error:  # FatalAPIError is one
            if isinstance(error.__cause__, retry.RETRIABLE_ERRORS):
                self.account.answers = False
                self.logger.warning(
                    "Zendesk does not answer (%s); custom fields and objects are left untyped or "
                    "out: check subdomain (or api_url) and the network, and discover again (with "
                    "Meltano: --refresh-catalog)",
                    retry.describe(error.__cause__),
                )
                return None
            if isinstance(error, FatalAPIError) and not isinstance(error, UnavailableError):
                raise
            self.logger.warning("%s; %s are left untyped or out", error, key)
            return rows or None
        return rows


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

    def endpoint(self, stream: Any) -> tuple[Endpoint, str]:  # noqa: ANN401, ARG002
        """Give where the definitions are, and their key on a page."""
        return listing(f"/api/v2/{self.fields_property}.json"), self.fields_property

    def get_stream_schema(self, stream: Any, stream_class: Any) -> dict[str, Any]:  # noqa: ANN401
        """Give the schema; the definitions are read once a run."""
        typed: dict[str, dict[str, Any]] = stream.account.typed_schemas
        if stream.name not in typed:
            lookup = Lookup(stream._tap, stream.account)  # noqa: SLF001 (no public way)
            schema = deepcopy(super().get_stream_schema(stream, stream_class))
            schema["properties"][self.fields_property]["properties"] = {
                row["key"]: {
                    "description": row.get("title"),
                    **FIELD_TYPES.get(row.get("type", ""), {"type": ["string", "null"]}),
                }
                for row in lookup.rows(*self.endpoint(stream)) or ()
                if row.get("key")
            }
            typed[stream.name] = schema
        return typed[stream.name]


class CustomObjectSchema(TypedFields):
    """The schema of a custom object's records, with the fields of that object."""

    def __init__(self) -> None:
        """See `TypedFields`."""
        super().__init__("custom_object_fields", key="custom_object_records")

    def endpoint(self, stream: Any) -> tuple[Endpoint, str]:  # noqa: ANN401
        """Give where the definitions of this object are."""
        key = stream.name.removeprefix(CUSTOM_OBJECT_PREFIX)
        return listing(f"/api/v2/custom_objects/{key}/fields.json"), self.fields_property


class Columns(msgspec.Struct):
    """The part of a flat export's page that says which columns there are."""

    field_headers: dict[str, str]


def sample_columns(tap: Tap, account: Account, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Give the columns of a flat export as properties of a schema, none if it has no sample.

    Args:
        tap: The tap.
        account: The account.
        endpoint: The export's sample.
    """

    def read(body: bytes, asked: Params) -> Page[Columns]:
        return Page(asked, [msgspec.json.decode(body, type=Columns)], [])

    lookup = Lookup(tap, account)
    lookup.endpoint = endpoint
    try:
        [columns] = lookup.fetch({"start_time": 0}, read).records
    except FatalAPIError:
        return {}  # the export itself is about to say why
    return {
        key: {"description": title, "type": ["string", "null"]}
        for key, title in columns.field_headers.items()
    }


def custom_object_keys(tap: Tap, account: Account) -> list[str]:
    """Give the keys of the account's custom objects.

    A catalog names them already; without one, the account is asked.

    Args:
        tap: The tap.
        account: The account.
    """
    if tap.input_catalog is not None:
        names = [entry.tap_stream_id for entry in tap.input_catalog.streams]
        prefix = CUSTOM_OBJECT_PREFIX
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    endpoint = listing("/api/v2/custom_objects.json")
    rows = Lookup(tap, account).rows(endpoint, "custom_objects") or ()
    return [row["key"] for row in rows if row.get("key")]
