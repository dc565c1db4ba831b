"""What a page's records are, on either way from page to target; and the opened way."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Raw
from singer_sdk.contrib.msgspec import encoder

from tap_zendesk_incremental.bookmarks import epoch
from tap_zendesk_incremental.pagination import Page, Params

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

ID = "id"
"""The property that tells one record of a resource from another; all of Zendesk's have it."""

RESCUED = "_rescued_data"
"""The property that keeps what no schema knows, as file loaders name it."""

ABSENT = Raw()
"""What a property that is not there is set to; msgspec leaves it out by its identity."""

Write = Callable[[dict[str, Any], "datetime | None"], None]


@dataclass(frozen=True)
class RecordSpec:
    """What is to be known of a stream's records.

    Attributes:
        stream: The stream's name.
        records_key: The key of a page that holds the records.
        time_key: The property that holds the time it is exported under, if any.
        properties: The properties of the schema, in Zendesk's order.
        deselected: Those among them that the catalog leaves out.
        left_out: Properties that are known and never wanted.
        beside: Arrays beside the records that other streams are made of.
    """

    stream: str
    records_key: str
    time_key: str | None
    properties: Sequence[str]
    deselected: frozenset[str]
    left_out: frozenset[str] = frozenset()
    beside: Sequence[str] = ()


class RecordPath(abc.ABC):
    """One way for records to pass."""

    def __init__(self, spec: RecordSpec, logger: logging.Logger) -> None:
        """Prepare for a stream's pages.

        Args:
            spec: What its records look like.
            logger: Says which properties no schema knows.
        """
        self.spec = spec
        self.unknown: list[str] = []
        self.rescues = RESCUED in spec.properties
        self._logger = logger

    @abc.abstractmethod
    def read(self, body: bytes, asked: Params) -> Page[Any]:
        """Decode a page.

        Args:
            body: The response's body.
            asked: The parameters it was asked with.

        Raises:
            msgspec.MsgspecError: If the body is not such a page.
        """

    @abc.abstractmethod
    def pieces(self, records: list[Any], names: Sequence[str]) -> Iterator[tuple[Raw, ...]]:
        """Give some properties of each record as JSON, `ABSENT` where it has none.

        Args:
            records: Records that were read and not yet trimmed.
            names: The properties.
        """

    @abc.abstractmethod
    def trim(self, records: list[Any]) -> None:
        """Leave of each record what goes out: rescue the unknown, drop what is not wanted."""

    @abc.abstractmethod
    def turn_to(self, page: Page[Any]) -> None:
        """Stamp the records to come with the time that this page was read at."""

    @abc.abstractmethod
    def write(self, record: Any) -> None:  # noqa: ANN401 (each path has its own records)
        """Write a record's RECORD message."""

    def learn(self, names: set[str]) -> None:
        """Say once that Zendesk sends properties which no schema knows."""
        for name in sorted(names):
            self.unknown.append(name)
            self._logger.warning(
                "Zendesk sends %r, which the schema of %s does not know; it is %s",
                name,
                self.spec.stream,
                self._fate(),
            )

    def _fate(self) -> str:
        if not self.rescues:
            return "kept as it is"
        return "left out" if RESCUED in self.spec.deselected else f"kept in {RESCUED}"


class OpenedRecords(RecordPath):
    """Records as dictionaries, for stream maps, flattening, batch files and nested selection."""

    def __init__(self, spec: RecordSpec, logger: logging.Logger, write: Write) -> None:
        """Prepare for a stream's pages; see `RecordPath`.

        Args:
            spec: What its records look like.
            logger: For warnings.
            write: Writes a record that was read at a given time.
        """
        super().__init__(spec, logger)
        self._decoder = msgspec.json.Decoder(page_type(spec, dict[str, Any]), float_hook=Decimal)
        self._known = spec.left_out.union(spec.properties)
        self._dropped = (*spec.left_out, *spec.deselected)
        self._write = write
        self._read_at: datetime | None = None

    def read(self, body: bytes, asked: Params) -> Page[Any]:
        """Decode a page and all that is in it; see `RecordPath.read`."""
        page = self._decoder.decode(body)
        time_key = self.spec.time_key
        marks = [
            (record.get(ID), _second_of(record.get(time_key) if time_key else None))
            for record in page.records
        ]
        return to_page(self.spec, page, asked, marks)

    def pieces(self, records: list[Any], names: Sequence[str]) -> Iterator[tuple[Raw, ...]]:
        """Encode some properties of each record; see `RecordPath.pieces`."""
        for record in records:
            yield tuple(
                Raw(encoder.encode(record[name])) if name in record else ABSENT for name in names
            )

    def trim(self, records: list[Any]) -> None:
        """Rescue and drop; see `RecordPath.trim`."""
        known = self._known
        for record in records:
            if not known.issuperset(record):
                unknown = record.keys() - known
                self.learn(unknown.difference(self.unknown))
                if self.rescues:
                    record[RESCUED] = {name: record.pop(name) for name in sorted(unknown)}
            for name in self._dropped:
                record.pop(name, None)

    def turn_to(self, page: Page[Any]) -> None:
        """Remember the time; see `RecordPath.turn_to`."""
        self._read_at = page.read_at

    def write(self, record: dict[str, Any]) -> None:
        """Hand a record on."""
        self._write(record, self._read_at)


class Meta(msgspec.Struct):
    """How lists that are no exports say whether there is more."""

    has_more: bool = False
    after_cursor: str | None = None


def page_type(spec: RecordSpec, record_type: Any) -> Any:  # noqa: ANN401 (types made here)
    """Make the struct of a page: its records, and what it says of its place."""
    return msgspec.defstruct(
        "Body",
        [
            ("records", list[record_type]),
            ("end_of_stream", bool | None, None),
            ("after_cursor", str | None, None),
            ("end_time", int | None, None),
            ("next_page", str | None, None),
            ("meta", Meta | None, None),
            *((name, list[Raw], msgspec.field(default_factory=list)) for name in spec.beside),
        ],
        rename={"records": spec.records_key},
    )


def to_page(
    spec: RecordSpec,
    body: Any,  # noqa: ANN401 (a struct made by page_type)
    asked: Params,
    marks: list[tuple[Any, int | None]],
) -> Page[Any]:
    """Give a decoded body the form that paginators take."""
    end_of_stream, after_cursor = body.end_of_stream, body.after_cursor
    if body.meta is not None:
        end_of_stream, after_cursor = not body.meta.has_more, body.meta.after_cursor
    elif after_cursor is None and body.next_page:
        # Only the token is taken from an address that a response holds.
        after_cursor = next(iter(parse_qs(urlsplit(body.next_page).query).get("cursor", ())), None)
    return Page(
        asked=asked,
        records=body.records,
        marks=marks,
        end_of_stream=end_of_stream,
        after_cursor=after_cursor,
        end_time=body.end_time,
        read_at=datetime.now(timezone.utc),
        beside={name: getattr(body, name) for name in spec.beside},
    )


def _second_of(value: Any) -> int | None:  # noqa: ANN401 (whatever JSON holds)
    try:
        return epoch(value) if isinstance(value, (int, str)) else None
    except ValueError:
        return None
