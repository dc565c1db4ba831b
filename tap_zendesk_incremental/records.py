"""What a page's records are, on either way from page to target; and the opened way."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tap_zendesk_incremental.bookmarks import epoch
from tap_zendesk_incremental.pagination import Mark, Page, Params

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

RESCUED = "_rescued_data"
"""The property that keeps what no schema knows, as file loaders name it."""

Write = Callable[[dict[str, Any], "datetime | None"], None]


@dataclass(frozen=True)
class RecordSpec:
    """What is to be known of a stream's records.

    Attributes:
        stream: The stream's name.
        records_key: The key of a page that holds the records.
        primary_key: The property that is the record's id.
        time_key: The property that holds the time it is exported under, if any.
        properties: The properties of the schema, in Zendesk's order.
        deselected: Those among them that the catalog leaves out.
        left_out: Properties that are known and never wanted.
        sideloads: Arrays beside the records that other streams are made of.
    """

    stream: str
    records_key: str
    primary_key: str
    time_key: str | None
    properties: Sequence[str]
    deselected: frozenset[str]
    left_out: frozenset[str]
    sideloads: Sequence[str] = ()


class RecordPath(abc.ABC):
    """One way for records to pass."""

    def __init__(self, spec: RecordSpec, logger: logging.Logger) -> None:
        """Prepare for a stream's pages.

        Args:
            spec: What its records look like.
            logger: Says which properties no schema knows.
        """
        self.spec = spec
        self._logger = logger
        self.unknown: list[str] = []
        self.rescues = RESCUED in spec.properties

    @abc.abstractmethod
    def read(self, body: bytes, asked: Params) -> Page[Any]:
        """Decode a page.

        Args:
            body: The response's body.
            asked: The parameters it was asked with.

        Raises:
            msgspec.MsgspecError: If the body is not such a page.
            UnicodeDecodeError: If it is not UTF-8.
        """

    def turn_to(self, page: Page[Any]) -> None:  # noqa: B027 (only one path has to)
        """Get ready to write the records of this page."""

    @abc.abstractmethod
    def write(self, record: Any) -> None:  # noqa: ANN401 (each path has its own records)
        """Write a record's RECORD message."""

    def learn(self, names: set[str]) -> None:
        """Say once that Zendesk sends properties which no schema knows."""
        for name in sorted(names):
            self.unknown.append(name)
            self._logger.warning(
                "Zendesk sends %r, which the schema of %s does not know; it is kept %s",
                name,
                self.spec.stream,
                f"in {RESCUED}" if self.rescues else "as it is",
            )


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
        self._write = write
        self._read_at: datetime | None = None

    def read(self, body: bytes, asked: Params) -> Page[Any]:
        """Decode a page and all that is in it; see `RecordPath.read`."""
        page = self._decoder.decode(body)
        id_key, time_key = self.spec.primary_key, self.spec.time_key
        marks = [
            (record.get(id_key), _second_of(record.get(time_key) if time_key else None))
            for record in page.records
        ]
        known, dropped = self._known, (*self.spec.left_out, *self.spec.deselected)
        for record in page.records:
            if not known.issuperset(record):
                unknown = record.keys() - known
                self.learn(unknown.difference(self.unknown))
                if self.rescues:
                    record[RESCUED] = {name: record.pop(name) for name in sorted(unknown)}
            for name in dropped:
                record.pop(name, None)
        return to_page(page, asked, marks)

    def turn_to(self, page: Page[Any]) -> None:
        """Stamp this page's records with the time it was read."""
        self._read_at = page.read_at

    def write(self, record: dict[str, Any]) -> None:
        """Hand a record on."""
        self._write(record, self._read_at)


def page_type(spec: RecordSpec, record_type: Any) -> Any:  # noqa: ANN401 (types made here)
    """Make the struct of a page: its records, and what it says of its place."""
    return msgspec.defstruct(
        "Body",
        [
            ("records", list[record_type]),
            ("end_of_stream", bool | None, None),
            ("after_cursor", str | None, None),
            ("end_time", int | None, None),
            *((name, list[dict[str, Any]] | None, None) for name in spec.sideloads),
        ],
        rename={"records": spec.records_key},
    )


def to_page(body: Any, asked: Params, marks: list[Mark]) -> Page[Any]:  # noqa: ANN401
    """Give a decoded body the form that paginators take."""
    return Page(
        asked=asked,
        records=body.records,
        marks=marks,
        end_of_stream=body.end_of_stream,
        after_cursor=body.after_cursor,
        end_time=body.end_time,
        read_at=datetime.now(timezone.utc),
    )


def _second_of(value: Any) -> int | None:  # noqa: ANN401 (whatever JSON holds)
    try:
        return epoch(value) if isinstance(value, (int, str)) else None
    except ValueError:
        return None
