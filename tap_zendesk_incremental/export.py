"""What every export stream does: page by page, the records and then their bookmark."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import bookmarks, paths, schemas
from tap_zendesk_incremental.client import ZendeskStream
from tap_zendesk_incremental.errors import CursorRefusedError
from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    ExportPaginator,
    Page,
    Params,
    TimePaginator,
)
from tap_zendesk_incremental.prefetch import one_ahead
from tap_zendesk_incremental.records import RecordPath, RecordSpec

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog

    from tap_zendesk_incremental.account import Account


@dataclass(frozen=True)
class Endpoint:
    """One form of an export.

    Attributes:
        path: Where it is served.
        limit: The rate limit it counts against, as the header `zendesk-ratelimit-…` names it.
    """

    path: str
    limit: str = "incremental-exports"


class ExportStream(ZendeskStream):
    """A resource of the incremental export API. Subclasses declare, and do nothing."""

    name: str = ""
    """The stream's name, and that of its schema."""

    exported_by: str = ""
    """The property that an export is ordered by: its replication key."""

    cursor: Endpoint | None = None
    """The cursor export, where the resource has one."""

    time: Endpoint | None = None
    """The time export, where the resource has one."""

    records_key: str | None = None
    """The key of a page that holds the records, where it is not the stream's name."""

    left_out: frozenset[str] = frozenset()
    """Properties that are known and never wanted."""

    primary_keys = ("id",)
    schema = StreamSchema(SchemaDirectory(schemas))

    # The order of an export is Zendesk's affair; the bookmark is its token, not a record's time.
    is_sorted = True
    # Zendesk sends JSON, and the records are read as JSON: there is nothing to conform.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, account: Account, name: str | None = None) -> None:
        """Choose the form of the export; see `ZendeskStream`."""
        super().__init__(tap, account, name)
        wanted = self.cursor if self.config.get("export_method") != "time" else self.time
        endpoint = wanted or self.cursor or self.time
        if endpoint is None:
            msg = f"{type(self).__name__} declares no export"
            raise TypeError(msg)
        self.replication_key = self.exported_by
        self.by_cursor = endpoint is self.cursor
        self.path = endpoint.path
        self.limit = endpoint.limit
        self._records: RecordPath | None = None

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take a catalog over, but for the replication key: an export has exactly one order."""
        super().apply_catalog(catalog)
        self.replication_key = self.exported_by

    def get_new_paginator(self) -> ExportPaginator:
        """Start where the state, the start date or the beginning says."""
        return self._paginator(self.stream_state if self._is_incremental else {})

    def request_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Give the records page by page; once the last of a page is out, move the bookmark.

        Args:
            context: Not used; exports have no partitions.

        Yields:
            Records, in the form that their path gives them.
        """
        del context
        records_path = self._records = self._choose_path()
        pages = self._pages(records_path)
        if self.ABORT_AT_RECORD_COUNT is None:  # or a page would be fetched for nothing
            pages = one_ahead(pages)
        with contextlib.closing(pages):
            for page, records, token in pages:
                records_path.turn_to(page)
                yield from records
                self._move_bookmark(page, token)

    @property
    def _is_incremental(self) -> bool:
        return self.replication_method == "INCREMENTAL"

    def _paginator(self, bookmark: dict[str, Any]) -> ExportPaginator:
        start = bookmarks.start(
            bookmark,
            key=str(self.replication_key),
            token=bookmarks.CURSOR if self.by_cursor else bookmarks.END_TIME,
            start_date=self.config.get("start_date"),
        )
        return (CursorPaginator if self.by_cursor else TimePaginator)(self.name, start)

    def _pages(
        self, path: RecordPath
    ) -> Generator[tuple[Page[Any], list[Any], Params], None, None]:
        """Fetch the export: each page, its new records, and the token of the page after it."""
        paginator = self.get_new_paginator()
        with self.get_http_request_counter() as counter:
            while not paginator.finished:
                try:
                    page = self.fetch(paginator.current_value, path.read)
                except CursorRefusedError as error:
                    if paginator.count:
                        raise
                    bookmark = {**self.stream_state}
                    del bookmark[bookmarks.CURSOR]
                    paginator = self._paginator(bookmark)
                    self.logger.warning(
                        "%s; the export goes on from the replication key's value, at %s",
                        error,
                        paginator.current_value,
                    )
                    continue
                counter.increment()
                records = paginator.unseen(page)
                paginator.advance(page)
                yield page, records, paginator.current_value

    def _choose_path(self) -> RecordPath:
        properties = self.effective_schema["properties"]
        spec = RecordSpec(
            stream=self.name,
            records_key=self.records_key or self.name,
            primary_key=self.primary_keys[0],
            time_key=self.replication_key,
            properties=tuple(properties),
            deselected=frozenset(name for name in properties if not self.mask["properties", name]),
            left_out=self.left_out,
        )
        return paths.choose(self, spec, self._tap.message_writer, super()._write_record_message)

    def _move_bookmark(self, page: Page[Any], token: Params) -> None:
        """Point the state at the page after this one, whose records are all out."""
        if not self._is_incremental:
            return
        value: str | int | None = page.latest
        if value is not None and self.is_timestamp_replication_key:
            value = bookmarks.iso(int(value))
        bookmark = bookmarks.after(
            self.stream_state, str(self.replication_key), value, token, cursor=self.by_cursor
        )
        self.stream_state.clear()
        self.stream_state.update(bookmark)
        self.state_manager.is_flushed = False
        # With batch files, the SDK writes the state after the batch that covers it.
        if not self.get_batch_config(self.config):
            self._write_state_message()

    # The SDK offers no public way to what follows; it bookmarks record by record, by the
    # highest replication key, which is not where an export can be resumed.

    def _write_record_message(self, record: Record) -> None:
        if self._records is None:
            super()._write_record_message(record)
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
