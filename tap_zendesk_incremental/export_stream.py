"""The base of streams that have pages of their own: write a page, then move the bookmark."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import metrics
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import schemas, state
from tap_zendesk_incremental.child_stream import ChildStream
from tap_zendesk_incremental.errors import RefusedError
from tap_zendesk_incremental.export import Export
from tap_zendesk_incremental.http.status import UNAVAILABLE_STATUSES
from tap_zendesk_incremental.progress import StreamProgress
from tap_zendesk_incremental.records import output
from tap_zendesk_incremental.records.writer import CollectingWriter
from tap_zendesk_incremental.sdk import SdkPagedStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from singer_sdk import Tap
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Params, Step
    from tap_zendesk_incremental.records.decode import Records
    from tap_zendesk_incremental.records.output import Write


UNLIMITED_AT_ONCE = 6
"""How many streams to fetch at once among those that have no rate limit but the account's."""


@dataclass(frozen=True)
class ReadyPage:
    """A page that is ready to be written.

    Attributes:
        step: The page of this stream.
        children: The pages of child streams that are written with it.
    """

    step: Step[Any]
    children: list[tuple[ChildStream, Page[Any]]]


class ExportStream(SdkPagedStream):
    """A stream of one of Zendesk's resources.

    A subclass declares the resource: its endpoints, its key, and what is special about it.
    """

    name: str = ""
    """The name of the stream and of its schema file."""

    replication_key: str | None = None
    """The property that the export is ordered by; None for a list that is always read whole."""

    cursor: Endpoint | None = None
    """The cursor-based incremental export, if the resource has one."""

    time: Endpoint | None = None
    """The time-based incremental export, if the resource has one."""

    listing: Endpoint | None = None
    """The list that is not an incremental export, if the resource has one."""

    sample: Endpoint | None = None
    """The sample endpoint of the export, if it has one."""

    instead_of_listing: str | None = None
    """The stream to use with `export_method: list`, if this one has no list."""

    records_key: str | None = None
    """The key of a page that holds the records; the stream's name if None."""

    excluded: frozenset[str] = frozenset()
    """Properties that Zendesk sends and the tap always drops."""

    sideloads: ClassVar[Mapping[str, str]] = {}
    """Properties that Zendesk sends only on request, each with the sideload to request."""

    parameters: tuple[str, ...] = ()
    """Settings that the tap passes on as query parameters."""

    tolerated_statuses: frozenset[int] = UNAVAILABLE_STATUSES
    """HTTP statuses by which Zendesk says that the account lacks the resource: skip the stream."""

    primary_keys: tuple[str, ...] = ("id",)
    schema = StreamSchema(SchemaDirectory(schemas))

    endpoint: Endpoint
    progress: StreamProgress
    _export: Export
    _pages: Iterator[ReadyPage]
    _records: Records
    _write: Write
    _sideloads: list[str]
    _read_at: datetime | None = None
    _lacks_ids = False

    def __init__(self, tap: Tap, client: Client, name: str | None = None) -> None:
        """Create the stream, and choose its endpoint by the setting `export_method`.

        Args:
            tap: The tap.
            client: A client of the account; the stream derives its own from it.
            name: The stream's name, if its class does not declare one.

        Raises:
            TypeError: If the class declares no endpoint.
        """
        # First, because the SDK asks for the schema, which may need a request.
        self.client = client.named(name or self.name, tap.logger.getChild(name or self.name))
        super().__init__(tap, name=name)
        self.progress = StreamProgress(self.name, self.client)
        forms = {"cursor": self.cursor, "time": self.time, "list": self.listing}
        wanted = forms[self.config.get("export_method") or "cursor"]
        endpoint = wanted or self.cursor or self.time or self.listing
        if endpoint is None:
            msg = f"{type(self).__name__} declares no endpoint"
            raise TypeError(msg)
        self.endpoint = endpoint
        self._choose_replication_key()

    def _choose_replication_key(self) -> None:
        self.replication_key = self.endpoint.replication_key or type(self).replication_key

    @cached_property
    def _end(self) -> int | None:
        end_date = self.config.get("end_date")
        return state.epoch(end_date) if end_date else None

    @property
    def metadata(self) -> MetadataMapping:
        """Selection metadata; properties that need a sideload are deselected by default."""
        is_discovered = self.is_discovered
        metadata = super().metadata
        if is_discovered:
            for name in self.sideloads:
                metadata["properties", name].selected_by_default = False
        return metadata

    def apply_catalog(self, catalog: Catalog) -> None:
        """Apply a catalog, except for its replication key: an export has only one order."""
        super().apply_catalog(catalog)
        self._choose_replication_key()

    def get_http_request_counter(self) -> metrics.Counter:
        """Return the SDK's counter of requests, which the SDK itself has for REST streams only."""
        return metrics.http_request_counter(self.name, endpoint=self.endpoint.path)

    def write_records(self, records: list[Any]) -> None:
        """Write records of the current page; see `SdkPagedStream`."""
        self._write(records, self._read_at)

    def decoded_records(self, records: list[Any]) -> Iterator[dict[str, Any]]:
        """Yield records as dictionaries; see `SdkPagedStream`."""
        return output.decoded(self, self._records, records)

    @property
    def line(self) -> tuple[str, int]:
        """The line that the stream's requests wait in: its rate limit's own, or the common one."""
        return (self.endpoint.limit, 1) if self.endpoint.has_own_limit else ("", UNLIMITED_AT_ONCE)

    @contextlib.contextmanager
    def exporting(self) -> Iterator[None]:
        """Prepare an export, and finish it after the block; see `SdkPagedStream`.

        Raises:
            RefusedError: If Zendesk refuses a request, unless this only means that the account
                lacks the resource.
        """
        selected = (stream for stream in self.child_streams if stream.selected)
        children = [
            stream
            for stream in selected
            if isinstance(stream, ChildStream) and not output.is_removed(stream)
        ]
        self._pages = iter(())
        if reason := self._reason_to_skip(children):
            self.logger.info("%s", reason)
            with self.progress.running():
                yield
            return
        if self._is_sampled:
            self.endpoint = self.sample or self.endpoint
        self._export = Export(
            name=self.name,
            endpoint=self.endpoint,
            replication_key=self.replication_key,
            start_date=self.config.get("start_date"),
            end=self._end,
            is_sampled=self._is_sampled,
            logger=self.logger,
        )
        self._prepare(children)
        # A copy, because another thread reads it: the state belongs to the thread that writes.
        self._pages = self._ready_pages(children, dict(self._bookmark))
        began_at, is_whole = int(time.time()), self._reads_all and not self._bookmark
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.progress.running(self._end or time.time()))
            stack.enter_context(self.client.in_use())
            for stream in children:
                stack.enter_context(stream.opened())
            try:
                yield
                if self.endpoint.paging == "changes":
                    self._say_when_whole(began_at if is_whole else None)
                self.is_complete = self._exports_all
            except RefusedError as error:
                if error.status not in self.tolerated_statuses or self.progress.pages:
                    raise
                self._skip(error, children)

    def fetched_pages(self) -> Iterator[ReadyPage]:
        """Return the pages, to be fetched; see `SdkPagedStream`."""
        return self._pages

    @contextlib.contextmanager
    def writing(self, page: ReadyPage) -> Iterator[list[Any]]:
        """Write the children's pages; after the block, move the bookmark."""
        for stream, child_page in page.children:
            stream.write(child_page)
        step = page.step
        # A dry run limits the records.
        records = step.records[: self.ABORT_AT_RECORD_COUNT] if self._is_written else []
        self._read_at = step.page.read_at
        yield records
        self._move_bookmark(step)
        self.progress.page(step.page, len(records))

    def _reason_to_skip(self, children: list[ChildStream]) -> str | None:
        """Return why the stream needs no request at all, None if it needs one."""
        token = self.endpoint.token_setting
        if token and not self.config.get(token):
            return f"{self.name} needs the setting {token}; it is skipped"
        if self.config.get("sample") and self.sample is None:
            return f"{self.name} has no sample endpoint; it is skipped"
        if self.config.get("export_method") == "list" and self.instead_of_listing:
            return (
                f"{self.name} has no list; it is skipped. Select {self.instead_of_listing} for the "
                "history of tickets"
            )
        if not children and not self._is_written:
            name = self.name if self.selected else f"What comes with {self.name}"
            return f"{name} is removed by its stream map; it is skipped"
        if self._end is not None and (self._bookmark.get(state.END_TIME) or 0) >= self._end:
            return f"{self.name} is already exported up to end_date"
        return None

    def _skip(self, error: RefusedError, children: list[ChildStream]) -> None:
        """Log that the account lacks the resource, and so its child streams too."""
        self.logger.warning("%s; the stream is skipped", error)
        self.is_skipped = True
        for stream in children:
            stream.is_skipped = True

    def _say_when_whole(self, began_at: int | None) -> None:
        """Keep in the state when a list was last read whole, and log it.

        Only then does a list show system updates.

        Args:
            began_at: When this run began (epoch seconds), None if it did not read the whole list.
        """
        if began_at is not None:
            self.stream_state[state.READ_WHOLE_AT] = state.iso(began_at)
        if last := self.stream_state.get(state.READ_WHOLE_AT):
            self.logger.info("%s: the list was last read in full at %s", self.name, last)

    @property
    def _is_written(self) -> bool:
        """Whether the stream itself is exported, and not only its child streams."""
        return self.selected and not output.is_removed(self)

    @property
    def _exports_all(self) -> bool:
        """Whether a complete run exports every record, and no state shortens it."""
        return self._reads_all and not self._keeps_state

    @property
    def _reads_all(self) -> bool:
        """Whether a complete run without state exports every record."""
        is_cut = self._export.is_timed and self.config.get("start_date")
        return not (is_cut or self._is_sampled or self._end is not None)

    @property
    def _is_sampled(self) -> bool:
        """Whether one page is enough, because of the setting `sample` or of `--test`."""
        return bool(self.config.get("sample")) or self.ABORT_AT_RECORD_COUNT is not None

    @property
    def _keeps_state(self) -> bool:
        return self.replication_method == "INCREMENTAL" and not self._is_sampled

    @property
    def _bookmark(self) -> Mapping[str, Any]:
        """The stream's bookmark; empty if the stream ignores the state."""
        return self.stream_state if self._keeps_state else {}

    def _ready_pages(
        self, children: list[ChildStream], bookmark: Mapping[str, Any]
    ) -> Iterator[ReadyPage]:
        """Fetch the export, page by page, with what comes along with each page."""
        with self.get_http_request_counter() as counter:
            for step in self._export.steps(bookmark, self._fetch_page):
                counter.increment()
                records = self._records
                pages = [
                    (stream, page)
                    for stream in children
                    for page in stream.pages_of(records, step.page, step.records)
                ]
                records.trim(step.records)
                yield ReadyPage(step, pages)

    def _fetch_page(self, params: Params) -> Page[Any]:
        page = self.client.fetch(self.endpoint, params, self._records.read)
        if not self._lacks_ids and not all(record_id for record_id, _ in page.keys):
            self._lacks_ids = True
            self.logger.warning(
                "%s: Zendesk sends records without %s; without it the tap "
                "cannot tell repeated records, so they may arrive twice",
                self.name,
                " and ".join(type(self).primary_keys),
            )
        return page

    def _prepare(self, children: list[ChildStream]) -> None:
        """Decide how records are read and written, and what to request."""
        self._records = output.records_of(
            self,
            self.records_key or self.name,
            excluded=self.excluded,
            sideloads=[stream.array for stream in children if stream.array],
        )
        self._write = output.choose(self, self._records, self.tap.message_writer)
        self.client.query = self._fixed_parameters(children)
        self._warn_of_gaps(children)
        for client in (self.client, *(stream.client for stream in children)):
            client.is_hurried = self.ABORT_AT_RECORD_COUNT is not None

    def _fixed_parameters(self, children: list[ChildStream]) -> Params:
        """Return the parameters of every request: settings, and the selected sideloads."""
        selected = {name: s for name, s in self.sideloads.items() if self.mask["properties", name]}
        if selected and self.endpoint.paging == "changes":
            self.logger.warning(
                "%s: lists do not have %s; they stay empty", self.name, ", ".join(selected)
            )
            selected = {}
        self._sideloads = sorted([*selected, *(stream.name for stream in children)])
        include = {*selected.values(), *(stream.include for stream in children if stream.include)}
        given = {name: value for name in self.parameters if (value := self.config.get(name))}
        if given and self.endpoint.paging == "changes":
            self.logger.warning(
                "%s: lists do not take %s; it is ignored", self.name, ", ".join(given)
            )
            given = {}
        return {
            **{name: str(value).lower() for name, value in given.items()},
            **({"include": ",".join(sorted(include))} if include else {}),
        }

    def _warn_of_gaps(self, children: list[ChildStream]) -> None:
        """Warn of selected data that was not selected when earlier pages were exported."""
        streams = {stream.name for stream in children}
        known = self._bookmark.get(state.SIDELOADS) or []
        if known and self._is_written and self.name not in known:
            self.logger.warning(
                "%s is exported from now on. By the state, its earlier pages were read for %s "
                "only: to fill the gap, select %s alone and run once without this state",
                self.name,
                ", ".join(map(str, known)),
                self.name,
            )
        for name in self._sideloads if self._bookmark else ():
            if name not in known:
                self.logger.warning(
                    "%s is exported with %s from now on. By the state, it was not exported with "
                    "earlier pages: to fill the gap, select %s alone and run once without this "
                    "state",
                    name,
                    self.name,
                    name if name in streams else self.name,
                )

    def _move_bookmark(self, step: Step[Any]) -> None:
        """Move the bookmark to the page after this one, all of whose records are written."""
        if self._keeps_state:
            bookmark = state.after(
                self.stream_state,
                self.endpoint,
                self.replication_key,
                self._replication_key_value(step),
                step.bookmark,
            )
            # A runner that merges states would keep a key of this or another form that is absent.
            for form in filter(None, (self.cursor, self.time, self.listing)):
                for key in state.token_keys(form):
                    bookmark.setdefault(key)
            # Even if none is selected: with `--full-refresh`, Meltano merges this bookmark into the
            # one before, whose list would stay.
            if self.child_streams:
                own = [self.name] if self._is_written else []
                bookmark[state.SIDELOADS] = sorted([*self._sideloads, *own])
            self.stream_state.clear()
            self.stream_state.update(bookmark)
            self.write_state()
        # Even if no STATE message has just flushed the records.
        if isinstance(self.tap.message_writer, CollectingWriter):
            self.tap.message_writer.flush()

    def _replication_key_value(self, step: Step[Any]) -> str | int | None:
        """Return how far the export has come, in the form that the property has in records."""
        second = self._export.reached(step)
        if second is None or self.replication_key is None:
            return None
        is_epoch = "integer" in self.schema["properties"][self.replication_key]["type"]
        return second if is_epoch else state.iso(second)
