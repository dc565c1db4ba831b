"""Streams that are made of what comes along on the pages of another stream.

Zendesk sends sideloads on request, so these cost no request of their own. They have no
bookmark either: the feeding stream's covers them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from singer_sdk import Stream
from singer_sdk.contrib.msgspec import encoder
from singer_sdk.exceptions import FatalSyncError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.schema.source import SchemaDirectory, StreamSchema

from tap_zendesk_incremental import output, schemas
from tap_zendesk_incremental.records import ABSENT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib.messages import RecordMessage

    from tap_zendesk_incremental.pagination import Page
    from tap_zendesk_incremental.records import Records

NULL = Raw(b"null")


class FedStream(Stream):
    """A stream fed by another. Subclasses declare what they are made of."""

    name: str = ""
    """The stream's name, and that of its schema."""

    include: str
    """The sideload to ask for."""

    made_of: tuple[str, ...] = ()
    """Properties of the feeding stream's records, or …"""

    beside: str | None = None
    """… the array beside them."""

    owner: str = ""
    """The property of an item in that array that holds the id of its record."""

    selected_by_default = False
    primary_keys = ("id",)
    schema = StreamSchema(SchemaDirectory(schemas))
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def records_from(self, *pieces: Raw) -> Iterable[object]:
        """Make records of one feeding record; what is `made_of`, as JSON."""
        return (piece for piece in pieces if bytes(piece) not in {b"", b"null"})

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Write the SCHEMA message, choose the path of the records, and count them."""
        # Private, but the SDK writes schemas of child streams for every parent record only.
        self._write_schema_message()
        writer = self._tap.message_writer
        self._records = output.records_of(self, self.name)
        self._write = output.choose(self, self._records, writer, self._write_record_message)
        with self.get_record_counter() as self._counter:
            yield

    def read(self, its: Records, page: Page[Any], records: list[Any]) -> Page[Any]:
        """Make this stream's page of a page of the feeding stream.

        Args:
            its: What took that page apart.
            page: That page.
            records: Its records that are new, not yet trimmed.
        """
        try:
            items: list[object] = self._beside(its, page, records) if self.beside else []
            if self.made_of:
                for pieces in its.pieces(records, self.made_of):
                    items += self.records_from(*pieces)
            own = self._records.read(encoder.encode({self.name: items}), {})
        except msgspec.MsgspecError as error:
            msg = (
                f"{self.name}: Zendesk sends what is no record: {error}. The last state is safe; "
                "deselect the stream to go on without it."
            )
            raise FatalSyncError(msg) from error
        self._records.trim(own.records)
        return own

    def _beside(self, its: Records, page: Page[Any], records: list[Any]) -> list[object]:
        """Give the items beside the records; like these, none of what another page brings."""
        items = page.beside.get(str(self.beside), [])
        if len(records) == len(page.records):
            return [*items]
        ids = {bytes(id_) for (id_,) in its.pieces(records, ("id",))}
        return [item for item in items if bytes(_decode_item(item).get(self.owner, NULL)) in ids]

    def write(self, page: Page[Any]) -> None:
        """Write the records of a page, up to the limit of a dry run."""
        records = page.records[: self.ABORT_AT_RECORD_COUNT]
        self._write(records, page.read_at)
        self._counter.increment(len(records))

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        with output.explained(self.name):
            yield from super()._generate_record_messages(record)

    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Give none: the feeding stream hands the records over."""
        del context
        return ()

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """Do nothing, so that the state gets no bookmark of this stream."""


class FedByComments(FedStream):
    """A stream fed by the comments among the child events of ticket events."""

    include = "comment_events"
    made_of = ("id", "ticket_id", "timestamp", "child_events")

    def records_from(self, *pieces: Raw) -> Iterable[object]:
        """Give each comment the ids and the time of its event; see `FedStream`."""
        event_id, ticket_id, timestamp, children = pieces
        if children is ABSENT:
            return
        event = {"ticket_id": ticket_id, "event_id": event_id, "timestamp": timestamp}
        event = {name: value for name, value in event.items() if value is not ABSENT}
        for child in _decode_children(children) or ():
            if child and _is_comment(child):
                yield {**event, **child}


def _is_comment(child: dict[str, Raw]) -> bool:
    """Say whether a child event is a comment: by its type, or because it has the text of one.

    Besides `Comment` there is `VoiceComment`, and nothing says that there will be no others.
    """
    kind = bytes(child.get("event_type", NULL))
    return kind.endswith(b'Comment"') or bytes(child.get("body", NULL)) != b"null"


_decode_item = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_children = msgspec.json.Decoder(list[dict[str, Raw] | None] | None).decode
