"""What every export does: page by page, the records and then their bookmark."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import metrics
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import schemas, state
from tap_zendesk_incremental.child_stream import ChildStream
from tap_zendesk_incremental.errors import CursorRefusedError, RefusedError
from tap_zendesk_incremental.http.status import LACKING_STATUSES
from tap_zendesk_incremental.list_pagination import OWN_FILTER, PAGINATORS, WALKS
from tap_zendesk_incremental.pagination import Step, before, traverse, until
from tap_zendesk_incremental.progress import StreamProgress
from tap_zendesk_incremental.records import output
from tap_zendesk_incremental.records.writer import CollectingWriter
from tap_zendesk_incremental.sdk import SdkStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from singer_sdk import Tap
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Paginator, Params
    from tap_zendesk_incremental.records.decode import Records
    from tap_zendesk_incremental.records.output import Write


UNLIMITED_AT_ONCE = 6
"""How many of the streams that only the account's limit binds are fetched at once."""


@dataclass(frozen=True)
class ReadyPage:
    """A page, ready to be written.

    Attributes:
        step: The page.
        children: What goes along with it in other streams.
    """

    step: Step[Any]
    children: list[tuple[ChildStream, Page[Any]]]


class ExportStream(SdkStream):
    """A resource of Zendesk's. Subclasses declare, and do nothing."""

    name: str = ""
    """The stream's name, and that of its schema."""

    replication_key: str | None = None
    """The property that an export is ordered by, its replication key; None for what comes whole."""

    cursor: Endpoint | None = None
    """The cursor export, where the resource has one."""

    time: Endpoint | None = None
    """The time export, where the resource has one."""

    listing: Endpoint | None = None
    """The list that is no export, where the resource has one."""

    sample: Endpoint | None = None
    """The sample of the export, where it has one."""

    instead_of_listing: str | None = None
    """The stream that has what this one has where exports are closed, if it has no list."""

    records_key: str | None = None
    """The key of a page that holds the records, where it is not the stream's name."""

    excluded: frozenset[str] = frozenset()
    """Properties that are known and never wanted."""

    sideloads: ClassVar[Mapping[str, str]] = {}
    """Properties that come only when they are asked for, and the sideload to ask for."""

    parameters: tuple[str, ...] = ()
    """Settings that are passed on as query parameters."""

    tolerated_statuses: frozenset[int] = LACKING_STATUSES
    """What an account answers that does not have the resource, so that the stream is skipped."""

    primary_keys: tuple[str, ...] = ("id",)
    schema = StreamSchema(SchemaDirectory(schemas))

    endpoint: Endpoint
    progress: StreamProgress
    _pages: Iterator[ReadyPage]
    _records: Records
    _write: Write
    _sideloads: list[str]
    _read_at: datetime | None = None
    _lacks_ids = False

    def __init__(self, tap: Tap, client: Client, name: str | None = None) -> None:
        """Make a stream of an account, and choose the form of its export.

        Args:
            tap: The tap.
            client: Asks the account; the stream gets one of its own from it.
            name: The stream's name, where its class does not say.

        Raises:
            TypeError: If the class declares no endpoint.
        """
        # Before the rest: the schema may have to be asked for.
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
        """Selection metadata: what costs a sideload is off unless a catalog selects it."""
        is_discovered = self.is_discovered
        metadata = super().metadata
        if is_discovered:
            for name in self.sideloads:
                metadata["properties", name].selected_by_default = False
        return metadata

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take a catalog over, but for the replication key: an export has exactly one order."""
        super().apply_catalog(catalog)
        self._choose_replication_key()

    def get_http_request_counter(self) -> metrics.Counter:
        """Give the SDK's counter of requests, which its base class has for REST only."""
        return metrics.http_request_counter(self.name, endpoint=self.endpoint.path)

    def write_records(self, records: list[Any]) -> None:
        """Write the records of the page at hand; see `SdkStream`."""
        self._write(records, self._read_at)

    def opened_records(self, records: list[Any]) -> Iterator[dict[str, Any]]:
        """Give records as dictionaries; see `SdkStream`."""
        return output.opened(self, self._records, records)

    @property
    def line(self) -> tuple[str, int]:
        """What the stream takes turns with: those of its limit, or all that have none."""
        return (self.endpoint.limit, 1) if self.endpoint.has_own_limit else ("", UNLIMITED_AT_ONCE)

    @contextlib.contextmanager
    def exporting(self) -> Iterator[None]:
        """Prepare an export, and end it; see `SdkStream`.

        Raises:
            RefusedError: If Zendesk refuses, and that is not how it answers who lacks the resource.
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
        self._prepare(children)
        # A copy: the state belongs to the thread that writes.
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
        """Fetch the pages; see `SdkStream`."""
        return self._pages

    @contextlib.contextmanager
    def writing(self, page: ReadyPage) -> Iterator[list[Any]]:
        """Write what goes along with a page, and then move the bookmark; see `SdkStream`."""
        for stream, child_page in page.children:
            stream.write(child_page)
        step = page.step
        # There is a limit in a dry run.
        records = step.records[: self.ABORT_AT_RECORD_COUNT] if self.selected else []
        self._read_at = step.page.read_at
        yield records
        self._move_bookmark(step)
        self.progress.page(step.page, len(records))

    def _reason_to_skip(self, children: list[ChildStream]) -> str | None:
        """Say why no request is needed at all, None if one is."""
        token = self.endpoint.token_setting
        if token and not self.config.get(token):
            return f"{self.name} needs the setting {token}; it is skipped"
        if self.config.get("sample") and self.sample is None:
            return f"{self.name} has no sample endpoint; it is skipped"
        if self.config.get("export_method") == "list" and self.instead_of_listing:
            return (
                f"{self.name} has no list; it is skipped. Select {self.instead_of_listing} to have "
                "what happened to tickets"
            )
        if not children and not self._is_written:
            name = self.name if self.selected else f"What comes with {self.name}"
            return f"{name} is removed by its stream map; it is skipped"
        if self._end is not None and (self._bookmark.get(state.END_TIME) or 0) >= self._end:
            return f"{self.name} is exported up to end_date already"
        return None

    def _skip(self, error: RefusedError, children: list[ChildStream]) -> None:
        """Say that the account does not have the resource, nor what comes along with it."""
        self.logger.warning("%s; the stream is skipped", error)
        self.is_skipped = True
        for stream in children:
            stream.is_skipped = True

    def _say_when_whole(self, began_at: int | None) -> None:
        """Keep when a list was last read whole, and say so: system updates show only then.

        Args:
            began_at: When this run began (epoch seconds), None if it did not read all.
        """
        if began_at is not None:
            self.stream_state[state.READ_WHOLE_AT] = state.iso(began_at)
        if last := self.stream_state.get(state.READ_WHOLE_AT):
            self.logger.info("%s: the list was last read whole at %s", self.name, last)

    @property
    def _is_written(self) -> bool:
        """Whether records of its own are wanted, and not only what comes along with them."""
        return self.selected and not output.is_removed(self)

    @property
    def _exports_all(self) -> bool:
        """Whether a run to the end exports all that there is, whatever the state says."""
        return self._reads_all and not self._keeps_state

    @property
    def _reads_all(self) -> bool:
        """Whether a run to the end exports all that there is, if the state says nothing."""
        is_cut = self._is_timed and self.config.get("start_date")
        return not (is_cut or self._is_sampled or self._end is not None)

    @property
    def _is_timed(self) -> bool:
        """Whether an export can start at a time, by Zendesk's filter or ours."""
        return self.endpoint.start_parameter is not None or self.endpoint.paging in OWN_FILTER

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
        endpoint = self.endpoint
        params: Params = {}
        if endpoint.paging == "cursor" or self._is_timed:
            params, is_exact = state.start(bookmark, endpoint, self.config.get("start_date"))
            if not is_exact and params["start_time"]:
                self.logger.info(
                    "%s goes on at %s, a day before the %s of its bookmark: a record's time is not "
                    "a position in an export",
                    self.name,
                    state.iso(int(params["start_time"])),
                    bookmark.get(state.KEY),
                )
        if endpoint.paging == "changes" and params.get("start_time") and "cursor" not in params:
            self.logger.info(
                "%s: Zendesk's list has no filter by time; it is read from its beginning once, and "
                "what is older than %s is left out",
                self.name,
                state.iso(int(params["start_time"])),
            )
        # Only here: what Zendesk itself gives later is right whatever this clock says.
        newest = int(time.time()) - endpoint.newest_seconds
        if "start_time" in params and "cursor" not in params:
            params["start_time"] = max(0, min(int(params["start_time"]), newest))
        if endpoint.paging in WALKS:
            end_time = newest if self._end is None else min(newest, self._end - 1)
            if int(params.setdefault("end_time", end_time)) > end_time:
                # An earlier end_date than that of the run that began this walk needs its own.
                params = {"start_time": params.get("start_time", 0), "end_time": end_time}
        return PAGINATORS[endpoint.paging](self.name, params)

    def _ready_pages(
        self, children: list[ChildStream], bookmark: Mapping[str, Any]
    ) -> Iterator[ReadyPage]:
        """Fetch the export, page by page."""
        steps = self._sampled_step(bookmark) if self._is_sampled else self._steps(bookmark)
        if self._end is not None and not self._is_sampled:
            if self.endpoint.paging not in WALKS:
                steps = until(self._end, steps)
            elif self.endpoint.end_parameter is None:
                steps = before(self._end, steps)
        with self.get_http_request_counter() as counter:
            for step in steps:
                counter.increment()
                records = self._records
                pages = [
                    (stream, page)
                    for stream in children
                    for page in stream.pages_of(records, step.page, step.records)
                ]
                records.trim(step.records)
                yield ReadyPage(step, pages)

    def _sampled_step(self, bookmark: Mapping[str, Any]) -> Iterator[Step[Any]]:
        """Give one page, which may not say where the next one is."""
        params = self._paginator(bookmark).params
        page = self._fetch_page(params)
        yield Step(page, page.records, params, params)

    def _steps(self, bookmark: Mapping[str, Any]) -> Iterator[Step[Any]]:
        """Follow the export; where a cursor is refused, go on from the replication key."""
        paginator, value = self._paginator(bookmark), state.value_of(bookmark)
        restarts: set[int | str | None] = set()
        while True:
            try:
                for step in traverse(paginator, self._fetch_page):
                    value = max(value or 0, self._reached(step.page) or 0) or None
                    yield self._trailing(step)
            except CursorRefusedError as error:  # noqa: PERF203 (pages take seconds)
                known = {state.KEY: self.replication_key, state.VALUE: value}
                place = "a day before the last record"
                if self.endpoint.paging in WALKS:  # which is in no order of time
                    known = {state.END_TIME: int(paginator.params.get("start_time", 0))}
                    place = "the beginning of its walk"
                paginator = self._paginator(known)
                start = paginator.params.get("start_time")
                if start in restarts:
                    raise
                restarts.add(start)
                self.logger.warning(
                    "%s; the export goes on from %s, at %s",
                    error,
                    place,
                    paginator.params or "the start",
                )
            else:
                return

    def _trailing(self, step: Step[Any]) -> Step[Any]:
        """Keep a bookmark as far behind the newest second as records may be late."""
        trail = self.endpoint.trail_seconds
        if not trail or "start_time" not in step.bookmark or "end_time" in step.bookmark:
            return step
        newest = int(step.start.get("end_time", step.page.newest or 0))
        start = max(0, min(int(step.bookmark["start_time"]), newest - trail))
        return replace(step, bookmark={"start_time": start})

    def _fetch_page(self, params: Params) -> Page[Any]:
        page = self.client.fetch(self.endpoint, params, self._records.read)
        if not self._lacks_ids and not all(record_id for record_id, _ in page.keys):
            self._lacks_ids = True
            self.logger.warning(
                "%s: Zendesk sends records without %s; such a record is never taken for another, "
                "so it may come twice",
                self.name,
                " and ".join(self.primary_keys),
            )
        return page

    def _prepare(self, children: list[ChildStream]) -> None:
        """Choose the path of the records, and what to ask for."""
        self._records = output.records_of(
            self,
            self.records_key or self.name,
            excluded=self.excluded,
            sideloads=[stream.array for stream in children if stream.array],
        )
        self._write = output.choose(self, self._records, self.tap.message_writer)
        self.client.query = self._fixed_parameters(children)
        self._warn_of_gaps(children)
        self.client.is_hurried = self.ABORT_AT_RECORD_COUNT is not None

    def _fixed_parameters(self, children: list[ChildStream]) -> Params:
        """Give what every request asks for: settings, and the sideloads of what is selected."""
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
        """Say what is new on pages of which the earlier ones are exported already."""
        streams = {stream.name for stream in children}
        known = self._bookmark.get(state.SIDELOADS) or []
        if known and self._is_written and self.name not in known:
            self.logger.warning(
                "%s is written from now on. The state does not say that it was, when its earlier "
                "pages came for %s: to fill the gap, select %s alone and run once without this "
                "state",
                self.name,
                ", ".join(map(str, known)),
                self.name,
            )
        for name in self._sideloads if self._bookmark else ():
            if name not in known:
                self.logger.warning(
                    "%s comes with the pages of %s from now on. The state does not say that it "
                    "came with the earlier ones: to fill the gap, select %s alone and run once "
                    "without this state",
                    name,
                    self.name,
                    name if name in streams else self.name,
                )

    def _move_bookmark(self, step: Step[Any]) -> None:
        """Point the state at the page after this one, whose records are all out."""
        if self._keeps_state:
            bookmark = state.after(
                self.stream_state,
                self.endpoint,
                self.replication_key,
                self._bookmark_value(step),
                step.bookmark,
            )
            if self._sideloads:
                own = [self.name] if self._is_written else []
                bookmark[state.SIDELOADS] = sorted([*self._sideloads, *own])
            self.stream_state.clear()
            self.stream_state.update(bookmark)
            self.write_state()
        # No state may have come of it, or not yet.
        if isinstance(self.tap.message_writer, CollectingWriter):
            self.tap.message_writer.flush()

    def _bookmark_value(self, step: Step[Any]) -> str | int | None:
        """Give how far the export has come; a walk has come nowhere until it is complete."""
        if "end_time" in step.bookmark:
            return None
        is_complete_walk = "end_time" in step.start and "start_time" in step.bookmark
        second = int(step.bookmark["start_time"]) if is_complete_walk else self._reached(step.page)
        if second is None or self.replication_key is None:
            return None
        is_epoch = "integer" in self.schema["properties"][self.replication_key]["type"]
        return second if is_epoch else state.iso(second)

    def _reached(self, page: Page[Any]) -> int | None:
        """Give the latest second of a page's records, but none that cannot be read yet."""
        if page.latest is None:
            return None
        limits = (page.latest, page.newest, self._end)
        return min(limit for limit in limits if limit is not None)
