"""What every export stream does: page by page, the records and then their bookmark."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import bookmarks, output, progress, schemas
from tap_zendesk_incremental.by_page import ByPageStream
from tap_zendesk_incremental.errors import CursorRefusedError, RefusedError
from tap_zendesk_incremental.fed import FedStream
from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    ExportPaginator,
    Page,
    Params,
    TimePaginator,
)
from tap_zendesk_incremental.prefetch import one_ahead
from tap_zendesk_incremental.writer import CollectingWriter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from datetime import datetime

    from singer_sdk import Tap
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.http.endpoint import Endpoint


@dataclass(frozen=True)
class Step:
    """A page, ready to be written.

    Attributes:
        page: The page.
        records: Its records that no page before it held.
        fed: What it holds for other streams.
        token: The parameters of the page after it.
    """

    page: Page[Any]
    records: list[Any]
    fed: list[tuple[FedStream, Page[Any]]]
    token: Params


class ExportStream(ByPageStream):
    """A resource of the incremental export API. Subclasses declare, and do nothing."""

    name: str = ""
    """The stream's name, and that of its schema."""

    replication_key: str | None = None
    """The property that an export is ordered by, its replication key; None for plain lists."""

    exported_in_epoch: bool = False
    """Whether that property holds epoch seconds, not a date."""

    cursor: Endpoint | None = None
    """The cursor export, where the resource has one."""

    time: Endpoint | None = None
    """The time export, where the resource has one."""

    sample: Endpoint | None = None
    """The sample of the export, where it has one."""

    records_key: str | None = None
    """The key of a page that holds the records, where it is not the stream's name."""

    left_out: frozenset[str] = frozenset()
    """Properties that are known and never wanted."""

    sideloads: ClassVar[Mapping[str, str]] = {}
    """Properties that come only when they are asked for, and the sideload to ask for."""

    parameters: tuple[str, ...] = ()
    """Settings that are passed on as query parameters."""

    tolerated_statuses: frozenset[int] = frozenset({402, 403, 404})
    """What an account answers that does not have the resource, so that the stream is skipped."""

    primary_keys = ("id",)
    schema = StreamSchema(SchemaDirectory(schemas))

    def __init__(self, tap: Tap, client: Client, name: str | None = None) -> None:
        """Choose the form of the export; see `ByPageStream`."""
        super().__init__(tap, client, name)
        wanted = self.cursor if self.config.get("export_method") != "time" else self.time
        endpoint = wanted or self.cursor or self.time
        if endpoint is None:
            msg = f"{type(self).__name__} declares no export"
            raise TypeError(msg)
        self.endpoint = endpoint
        self.path = endpoint.path
        self.by_cursor = endpoint is self.cursor

    @cached_property
    def _end(self) -> int | None:
        end_date = self.config.get("end_date")
        return bookmarks.epoch(end_date) if end_date else None

    @property
    def metadata(self) -> MetadataMapping:
        """Selection metadata: what costs a sideload is off unless a catalog selects it."""
        is_new = self._metadata is None and self._tap_input_catalog is None
        metadata = super().metadata
        if is_new:
            for name in self.sideloads:
                metadata["properties", name].selected_by_default = False
        return metadata

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take a catalog over, but for the replication key: an export has exactly one order."""
        super().apply_catalog(catalog)
        self.replication_key = type(self).replication_key

    def get_new_paginator(self) -> ExportPaginator:
        """Start where the state, the start date or the beginning says."""
        return self._paginator(self.stream_state if self._keeps_state else {})

    def request_pages(self) -> Iterator[tuple[list[Any], datetime | None]]:
        """Give the pages; once a page is out, move the bookmark.

        Yields:
            The records that no page before held, and when they were read.

        Raises:
            RefusedError: If Zendesk refuses, and that is not how it answers who lacks the resource.
        """
        children = (stream for stream in self.child_streams if stream.selected)
        fed = [
            stream
            for stream in children
            if isinstance(stream, FedStream) and not output.is_removed(stream)
        ]
        if reason := self._reason_to_skip(fed):
            self.logger.info("%s", reason)
            return
        if self._is_sampled:
            self.endpoint = self.sample or self.endpoint
        self._prepare(fed)
        steps = self._steps(fed)
        if not self._is_sampled:  # or a page would be fetched for nothing
            steps = one_ahead(steps)
        report = progress.Progress(self.name, self.logger, self._end or time.time())
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.closing(steps))
            for stream in fed:
                stack.enter_context(stream.opened())
            try:
                for step in steps:
                    for stream, page in step.fed:
                        stream.write(page)
                    yield step.records, step.page.read_at
                    self._move_bookmark(step)
                    self._flush()
                    report.page(step.page, len(step.records), self.client.requests_left)
                report.finish(self.client.requests, self.client.waited_seconds)
                self.is_complete = not self._is_sampled and self._end is None
            except RefusedError as error:
                if error.status not in self.tolerated_statuses or report.pages:
                    raise
                self.logger.warning("%s; the stream is skipped", error)

    def _reason_to_skip(self, fed: list[FedStream]) -> str | None:
        """Say why no request is needed at all, None if one is."""
        if self.config.get("sample") and self.sample is None:
            return f"{self.name} has no sample endpoint; it is skipped"
        if not fed and output.is_removed(self):
            return f"{self.name} is removed by its stream map; it is skipped"
        if self._end is not None and self._keeps_state:
            reached = bookmarks.reached(self.stream_state, self.replication_key, self._token)
            if reached is not None and reached >= self._end:
                return f"{self.name} is exported up to end_date already"
        return None

    @property
    def _is_sampled(self) -> bool:
        """Whether one page is enough: by the settings, or for `--test`."""
        return bool(self.config.get("sample")) or self.ABORT_AT_RECORD_COUNT is not None

    @property
    def _token(self) -> str:
        return bookmarks.CURSOR if self.by_cursor else bookmarks.END_TIME

    @property
    def _keeps_state(self) -> bool:
        return self.replication_method == "INCREMENTAL" and not self._is_sampled

    def _paginator(self, bookmark: Mapping[str, Any]) -> ExportPaginator:
        start = bookmarks.start(
            bookmark,
            key=self.replication_key,
            token=self._token,
            start_date=self.config.get("start_date"),
        )
        if not self.endpoint.takes_start_time:
            start.pop("start_time", None)
        if "start_time" in start:
            # Only here: what Zendesk itself gives later is right whatever this clock says.
            newest = int(time.time()) - self.endpoint.newest_seconds
            start["start_time"] = max(0, min(int(start["start_time"]), newest))
        if self.by_cursor:
            parameter = self.endpoint.cursor_parameter
            return CursorPaginator(self.name, start, self._end, parameter=parameter)
        return TimePaginator(self.name, start, self._end)

    def _steps(self, fed: list[FedStream]) -> Generator[Step, None, None]:
        """Fetch the export, page by page."""
        paginator, its = self.get_new_paginator(), self._records
        with self.get_http_request_counter() as counter:
            while not paginator.finished:
                try:
                    page = self.client.fetch(self.endpoint, paginator.current_value, its.read)
                except CursorRefusedError as error:
                    if paginator.count:
                        raise
                    paginator = self._paginator_without_cursor(error)
                    continue
                counter.increment()
                records = paginator.unseen(page)
                fed_pages = [(stream, stream.read(its, page, records)) for stream in fed]
                its.trim(records)
                if self._is_sampled:  # one page, which may not say where the next one is
                    yield Step(page, records, fed_pages, paginator.current_value)
                    return
                paginator.advance(page)
                yield Step(page, records, fed_pages, paginator.current_value)

    def _paginator_without_cursor(self, error: CursorRefusedError) -> ExportPaginator:
        bookmark = {key: v for key, v in self.stream_state.items() if key != bookmarks.CURSOR}
        paginator = self._paginator(bookmark)
        self.logger.warning(
            "%s; the export goes on from the replication key's value, at %s",
            error,
            paginator.current_value,
        )
        return paginator

    def _prepare(self, fed: list[FedStream]) -> None:
        """Choose the path of the records, and what to ask for."""
        self._records = output.records_of(
            self,
            self.records_key or self.name,
            left_out=self.left_out,
            beside=[stream.beside for stream in fed if stream.beside],
        )
        writer = self._tap.message_writer
        self._write = output.choose(self, self._records, writer, self._write_record_message)
        self.client.query = self._fixed_parameters(fed)
        self.client.is_hurried = self.ABORT_AT_RECORD_COUNT is not None

    def _fixed_parameters(self, fed: list[FedStream]) -> Params:
        """Give what every request asks for: settings, and the sideloads of what is selected."""
        selected = [s for name, s in self.sideloads.items() if self.mask["properties", name]]
        include = ",".join(sorted({*selected, *(stream.include for stream in fed)}))
        given = {name: self.config.get(name) for name in self.parameters}
        return {
            **{name: str(value).lower() for name, value in given.items() if value},
            **({"include": include} if include else {}),
        }

    def _flush(self) -> None:
        """Write out what was collected, also where no new state did so."""
        if isinstance(self._tap.message_writer, CollectingWriter):
            self._tap.message_writer.flush()

    def _move_bookmark(self, step: Step) -> None:
        """Point the state at the page after this one, whose records are all out."""
        if not self._keeps_state:
            return
        bookmark = bookmarks.after(
            self.stream_state,
            key=self.replication_key,
            value=self._bookmark_value(step.page),
            token=step.token,
            cursor=self.by_cursor,
        )
        self.stream_state.clear()
        self.stream_state.update(bookmark)
        self.state_manager.is_flushed = False
        # With batch files, the SDK writes the state after the batch that covers it.
        if not (self.selected and self.get_batch_config(self.config)):
            self._write_state_message()

    def _bookmark_value(self, page: Page[Any]) -> str | int | None:
        second = page.latest
        if second is None:
            return None
        if self._end is not None:
            second = min(second, self._end)
        return second if self.exported_in_epoch else bookmarks.iso(second)
