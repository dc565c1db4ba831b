"""What the SDK does record by record, turned off: an export is written and bookmarked by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_sdk.helpers.conform import TypeConformanceLevel

from tap_zendesk_incremental.client import ZendeskStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record

    from tap_zendesk_incremental.records import RecordPath


class ByPageStream(ZendeskStream):
    """A stream whose records take the path chosen for them.

    The SDK offers no public way to what is private here. It bookmarks the highest replication
    key after each record, which is not where an export can be resumed.
    """

    # The order of an export is Zendesk's affair; the bookmark is its token, not a record's time.
    is_sorted = True
    # Zendesk sends JSON, and the records are read as JSON: there is nothing to conform.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    _records: RecordPath | None = None

    def write_by_sdk(self, record: Record) -> None:
        """Write a record the SDK's way."""
        super()._write_record_message(record)

    def _write_record_message(self, record: Record) -> None:
        if self._records is None:
            self.write_by_sdk(record)
        else:
            self._records.write(record)
            self.state_manager.is_flushed = False

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Do nothing: the bookmark moves after a page."""

    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Do nothing: an export starts with a token."""

    def _process_record(
        self,
        record: Record,
        child_context: Context | None = None,
        partition_context: Context | None = None,
    ) -> None:
        """Do nothing: no stream is synced record by record of another."""

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Give none: the bookmark holds Zendesk's token."""
