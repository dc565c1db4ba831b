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
    Page,
    Paginator,
    Params,
    Step,
    TimePaginator,
    traverse,
    until,
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
class ReadyPage:
    """A page, ready to be written.

    Attributes:
        step: The page.
        fed: What it holds for other streams.
    """

    step: Step[Any]
    fed: list[tuple[FedStream, Page[Any]]]


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
    _lacks_ids = False

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
        pages = self._ready_pages(fed)
        if not self._is_sampled:  # or a page would be fetched for nothing
            pages = one_ahead(pages)
        report = progress.Progress(self.name, self.logger, self._end or time.time())
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.closing(pages))
            for stream in fed:
                stack.enter_context(stream.opened())
            try:
                for ready in pages:
                    for stream, page in ready.fed:
                        stream.write(page)
                    step = ready.step
                    # There is a limit in a dry run.
                    records = step.records[: self.ABORT_AT_RECORD_COUNT] if self.selected else []
                    yield records, step.page.read_at
                    self._move_bookmark(step)
                    self._flush()
                    report.page(step.page, len(records), self.client.requests_left)
                report.finish(self.client.requests, self.client.waited_seconds)
                self.is_complete = self._exports_all
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
        if self._end is not None and (self._bookmark.get(bookmarks.END_TIME) or 0) >= self._end:
            return f"{self.name} is exported up to end_date already"
        return None

    @property
    def _exports_all(self) -> bool:
        """Whether a run to the end exports all that there is, whatever the state says."""
        is_cut = self.endpoint.takes_start_time and self.config.get("start_date")
        return not (is_cut or self._is_sampled or self._end is not None or self._keeps_state)

    @property
    def _is_sampled(self) -> bool:
        """Whether one page is enough: by the settings, or for `--test`."""
        return bool(self.config.get("sample")) or self.ABORT_AT_RECORD_COUNT is not None

    @property
    def _keeps_state(self) -> bool:
        return self.replication_method == "INCREMENTAL" and not self._is_sampled

    @property
    def _bookmark(self) -> Mapping[str, Any]:
        """What the state says, as far as it is to be heard."""
        return self.stream_state if self._keeps_state else {}

    def _paginator(self, bookmark: Mapping[str, Any]) -> Paginator:
        start = bookmarks.start(
            bookmark,
            self.replication_key,
            self.config.get("start_date"),
            by_cursor=self.by_cursor,
            takes_start_time=self.endpoint.takes_start_time,
        )
        if "start_time" in start:
            # Only here: what Zendesk itself gives later is right whatever this clock says.
            newest = int(time.time()) - self.endpoint.newest_seconds
            start["start_time"] = max(0, min(int(start["start_time"]), newest))
        if self.by_cursor:
            return CursorPaginator(self.name, start, parameter=self.endpoint.cursor_parameter)
        return TimePaginator(self.name, start)

    def _ready_pages(self, fed: list[FedStream]) -> Generator[ReadyPage, None, None]:
        """Fetch the export, page by page."""
        steps = self._sampled_step() if self._is_sampled else self._steps()
        if self._end is not None and not self._is_sampled:
            steps = until(self._end, steps)
        with self.get_http_request_counter() as counter:
            for step in steps:
                counter.increment()
                its = self._records
                fed_pages = [(stream, stream.read(its, step.page, step.records)) for stream in fed]
                its.trim(step.records)
                yield ReadyPage(step, fed_pages)

    def _sampled_step(self) -> Iterator[Step[Any]]:
        """Give one page, which may not say where the next one is."""
        params = self._paginator(self._bookmark).params
        page = self._fetch_page(params)
        yield Step(page, page.records, params, params)

    def _steps(self) -> Iterator[Step[Any]]:
        """Follow the export; where a cursor is refused, go on from the replication key."""
        paginator, value = self._paginator(self._bookmark), self._bookmark.get(bookmarks.VALUE)
        restart: Params | None = None
        while True:
            try:
                for step in traverse(paginator, self._fetch_page):
                    reached = self._bookmark_value(step.page)
                    value = reached if value is None else max(value, reached or value)
                    yield step
            except CursorRefusedError as error:  # noqa: PERF203 (pages take seconds)
                known = {bookmarks.KEY: self.replication_key, bookmarks.VALUE: value}
                paginator = self._paginator(known)
                if paginator.params == restart:
                    raise
                restart = paginator.params
                self.logger.warning(
                    "%s; the export goes on from a day before the last record, at %s",
                    error,
                    restart or "the start",
                )
            else:
                return

    def _fetch_page(self, params: Params) -> Page[Any]:
        page = self.client.fetch(self.endpoint, params, self._records.read)
        if not self._lacks_ids and not all(record_id for record_id, _ in page.marks):
            self._lacks_ids = True
            self.logger.warning(
                "%s: Zendesk sends records without id; such a record is never taken for another, "
                "so it may come twice",
                self.name,
            )
        return page

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

    def _move_bookmark(self, step: Step[Any]) -> None:
        """Point the state at the page after this one, whose records are all out."""
        if not self._keeps_state:
            return
        value = self._bookmark_value(step.page)
        bookmark = bookmarks.after(self.stream_state, self.replication_key, value, step.bookmark)
        self.stream_state.clear()
        self.stream_state.update(bookmark)
        self.state_manager.is_flushed = False
        # With batch files, the SDK writes the state after the batch that covers it.
        if not (self.selected and self.get_batch_config(self.config)):
            self._write_state_message()

    def _bookmark_value(self, page: Page[Any]) -> str | int | None:
        """Give the latest time of a page's records, but none that cannot be read yet."""
        if page.latest is None:
            return None
        limits = (page.latest, page.newest, self._end)
        second = min(limit for limit in limits if limit is not None)
        return second if self.exported_in_epoch else bookmarks.iso(second)
