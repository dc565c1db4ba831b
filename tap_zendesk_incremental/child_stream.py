"""The base of streams that are written with a parent stream, page by page.

They have no bookmark of their own: the parent's bookmark moves once their records are written.
"""

from __future__ import annotations

import abc
import contextlib
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Raw
from singer_sdk.contrib.msgspec import encoder
from singer_sdk.exceptions import FatalSyncError
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import schemas
from tap_zendesk_incremental.errors import RefusedError
from tap_zendesk_incremental.http.status import UNAVAILABLE_STATUSES
from tap_zendesk_incremental.list_pagination import PAGINATORS
from tap_zendesk_incremental.pagination import traverse
from tap_zendesk_incremental.progress import StreamProgress
from tap_zendesk_incremental.records import output
from tap_zendesk_incremental.records.decode import ABSENT
from tap_zendesk_incremental.sdk import SdkStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context

    from tap_zendesk_incremental.http.client import Client
    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Params
    from tap_zendesk_incremental.records.decode import Records

NULL = Raw(b"null")


class ChildStream(SdkStream):
    """A stream whose records come with the pages of its parent."""

    name: str = ""
    """The name of the stream and of its schema file."""

    include: str | None = None
    """The sideload to request with the parent's pages."""

    array: str | None = None
    """The array beside the parent's records that holds this stream's records."""

    selected_by_default = False
    primary_keys = ("id",)
    schema = StreamSchema(SchemaDirectory(schemas))
    _records: Records

    def __init__(self, tap: Tap, client: Client) -> None:
        """Create the stream.

        Args:
            tap: The tap.
            client: A client of the account; the stream derives its own from it.
        """
        super().__init__(tap)
        self.client = client.named(self.name, self.logger)
        self.progress = StreamProgress(self.name, self.client)

    @abc.abstractmethod
    def pages_of(
        self, parent_records: Records, page: Page[Any], new_records: list[Any]
    ) -> Iterator[Page[Any]]:
        """Yield this stream's pages for a page of the parent.

        Args:
            parent_records: The reader of the parent's pages.
            page: The parent's page.
            new_records: Those of its records that no page before it held, not yet trimmed.
        """

    @property
    def records_key(self) -> str:
        """The key of a page that holds the records."""
        return self.name

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Write the SCHEMA message, and prepare to write and count records in the block."""
        self.write_schema()
        self._records = output.records_of(self, self.records_key)
        self._write = output.choose(self, self._records, self.tap.message_writer)
        with self.progress.running(), self.get_record_counter() as self._counter:
            yield

    def write(self, page: Page[Any]) -> None:
        """Write the records of a page; a dry run limits them."""
        records = page.records[: self.ABORT_AT_RECORD_COUNT]
        if records:
            self.announce()
        self._write(records, page.read_at)
        self._counter.increment(len(records))
        self.progress.page(page, len(records))

    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Return no records, because the parent's export writes them.

        Args:
            context: Unused.
        """
        del context
        return ()

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """Do nothing, so that the state gets no bookmark for this stream."""


class ListedChildStream(ChildStream):
    """A stream with a list for each record of the parent, each of which costs a request."""

    listing: Endpoint
    """Where the lists are; `{id}` in the path stands for the value of `parent_id`."""

    list_key: str = ""
    """The key of a page that holds the records."""

    parent_id: str = "id"
    """The property of the parent's records that identifies their lists."""

    parent_key: str = ""
    """The property of this stream for the same value; filled in where Zendesk leaves it out."""

    tolerated_statuses: frozenset[int] = UNAVAILABLE_STATUSES
    """HTTP statuses by which Zendesk says that a record has no list, or the account has none."""

    @property
    def records_key(self) -> str:
        """The key of a page that holds the records."""
        return self.list_key

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Log at the end how many lists Zendesk refused; see `ChildStream`.

        A refusal can concern one record (a post that is deleted or restricted) or all of them (a
        product or permission that is missing). Zendesk does not say which, so the stream requests
        every list.
        """
        self._asked = 0
        self._first_refusals: dict[int, RefusedError] = {}
        self._refused: Counter[int] = Counter()
        with super().opened(), self.client.in_use():
            yield
        for status, error in self._first_refusals.items():
            self.logger.warning(
                "%s; so it is for %d of %d lists, which are left out",
                error,
                self._refused[status],
                self._asked,
            )
        if 0 < self._asked == self._refused.total():
            self.is_skipped = True

    def pages_of(
        self, parent_records: Records, page: Page[Any], new_records: list[Any]
    ) -> Iterator[Page[Any]]:
        """Request the list of each record, once where several records share it; see `ChildStream`.

        Raises:
            FatalSyncError: If a record of the parent lacks the id of its list, or if Zendesk
                refuses a list with a status that is not tolerated.
        """
        del page
        parents = new_records[: self.ABORT_AT_RECORD_COUNT]  # one is enough in a dry run
        ids = {bytes(id_): id_ for (id_,) in parent_records.pieces(parents, (self.parent_id,))}
        for piece, parent_id in ids.items():
            if piece in {b"", b"null"}:
                msg = (
                    f"{self.name}: Zendesk sends a record without the {self.parent_id} that its "
                    "list is asked for with; deselect the stream to go on without it"
                )
                raise FatalSyncError(msg)
            text = str(msgspec.json.decode(piece))
            endpoint = replace(self.listing, path=self.listing.path.format(id=quote(text)))
            paginator = PAGINATORS[endpoint.paging](self.name, {})
            has_begun = False
            self._asked += 1
            try:
                for step in traverse(paginator, partial(self._fetch, endpoint)):
                    has_begun = True
                    self._records.fill(step.records, self.parent_key, parent_id)
                    self._records.trim(step.records)
                    # A list of numbered pages is read twice, but each row is written once.
                    yield replace(step.page, records=step.records)
            except RefusedError as error:
                if error.status not in self.tolerated_statuses or has_begun:
                    # Not a RefusedError: the parent would take it for its own, and be skipped.
                    raise FatalSyncError(str(error)) from error
                self._first_refusals.setdefault(error.status, error)
                self._refused[error.status] += 1

    def _fetch(self, endpoint: Endpoint, params: Params) -> Page[Any]:
        return self.client.fetch(endpoint, params, self._records.read)


class SideloadStream(ChildStream):
    """A stream that comes with the parent's pages, and so costs no request of its own.

    A subclass declares where its records are on these pages: in an array beside the parent's
    records, in properties of these records, or in both.
    """

    parent_properties: tuple[str, ...] = ()
    """Properties of the parent's records from which `records_from` builds records."""

    parent_key: str = ""
    """The property of the items of `array` that holds the id of the parent's record."""

    _has_warned = False

    def records_from(self, *pieces: Raw) -> Iterable[object]:
        """Build records from the `parent_properties` of one record of the parent, as JSON."""
        return (piece for piece in pieces if bytes(piece) not in {b"", b"null"})

    def pages_of(
        self, parent_records: Records, page: Page[Any], new_records: list[Any]
    ) -> Iterator[Page[Any]]:
        """Build this stream's page from a page of the parent; see `ChildStream`.

        Raises:
            FatalSyncError: If the page holds something that is not a record.
        """
        try:
            items = self._items(parent_records, page, new_records)
            if self.parent_properties:
                for pieces in parent_records.pieces(new_records, self.parent_properties):
                    items += self.records_from(*pieces)
            own = self._records.read(encoder.encode({self.name: items}), {})
        except msgspec.MsgspecError as error:
            msg = (
                f"{self.name}: Zendesk sends something that is not a record: {error}. The last "
                "state is safe; deselect the stream to go on without it."
            )
            raise FatalSyncError(msg) from error
        self._records.trim(own.records)
        if page.records and not self._has_warned and not self._is_sent(parent_records, page):
            self._has_warned = True
            self.logger.warning(
                "%s: Zendesk sends a page of %s without them, although the tap asks for them",
                self.name,
                parent_records.spec.stream,
            )
        yield own

    def _is_sent(self, parent_records: Records, page: Page[Any]) -> bool:
        """Return whether a page has what holds this stream's records, even if it is empty."""
        pieces = parent_records.pieces(page.records, self.parent_properties)
        is_inside = any(piece is not ABSENT for of_record in pieces for piece in of_record)
        return is_inside or self.array in page.sideloads

    def _items(
        self, parent_records: Records, page: Page[Any], new_records: list[Any]
    ) -> list[object]:
        """Return the items of the array, without those of records that an earlier page held."""
        items = page.sideloads.get(str(self.array), [])
        if len(new_records) == len(page.records):
            return [*items]
        ids = {b"null", *(bytes(id_) for (id_,) in parent_records.pieces(new_records, ("id",)))}
        return [
            item for item in items if bytes(_decode_item(item).get(self.parent_key, NULL)) in ids
        ]


class CommentStream(SideloadStream):
    """The comments among the child events of ticket events."""

    include = "comment_events"
    parent_properties = ("id", "ticket_id", "timestamp", "child_events")

    def records_from(self, *pieces: Raw) -> Iterable[object]:
        """Build comments that have the ids and the time of their event; see `SideloadStream`."""
        event_id, ticket_id, timestamp, children = pieces
        if children is ABSENT:
            return
        event = {"ticket_id": ticket_id, "event_id": event_id, "timestamp": timestamp}
        event = {name: value for name, value in event.items() if value is not ABSENT}
        for child in _decode_children(children) or ():
            if child and _is_comment(child):
                yield {**event, **child}


def _is_comment(child: dict[str, Raw]) -> bool:
    """Return whether a child event is a comment, by its type or because it has a body.

    There is `VoiceComment` besides `Comment`, and Zendesk may add other types.
    """
    kind = bytes(child.get("event_type", NULL))
    return kind.endswith(b'Comment"') or bytes(child.get("body", NULL)) != b"null"


_decode_item = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_children = msgspec.json.Decoder(list[dict[str, Raw] | None] | None).decode
