"""Streams of custom objects: one for each object that discovery finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX, CustomObjectSchema
from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.endpoint import cursor_export

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_zendesk_incremental.http.client import Client


class CustomObject(ExportStream):
    """Records of one of the account's custom objects."""

    replication_key = "updated_at"
    records_key = "custom_object_records"
    schema = CustomObjectSchema()

    def __init__(self, tap: Tap, client: Client, key: str) -> None:
        """Name the stream after the object; see `ExportStream`.

        Args:
            tap: The tap.
            client: A client of the account, from which the stream makes its own.
            key: The custom object's key.
        """
        self.cursor = cursor_export(f"/api/v2/incremental/custom_objects/{key}/cursor.json")
        super().__init__(tap, client, CUSTOM_OBJECT_PREFIX + key)
