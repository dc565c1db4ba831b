"""Records as the bytes that Zendesk sent, a property a piece.

Of each record only id and time are looked at; the selected properties go out as they came, so
that no number, string or nested key can change on the way. Records that something must see are
opened one at a time, when they are written: a whole page, opened, does not fit the processor's
caches, and took twice the time.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from singer_sdk.contrib.msgspec import encoder

from tap_zendesk_incremental.page_body import page_type, to_page

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence

    from tap_zendesk_incremental.pagination import Mark, Page, Params

ID = "id"
"""The property that tells one record of a resource from another; all of Zendesk's have it."""

RESCUED = "_rescued_data"
"""The property that keeps what no schema knows, as file loaders name it."""

ABSENT = Raw()
"""What a property that is not there is set to; msgspec leaves it out by its identity."""

_PIECE_BYTES = 64 * 1024

_ODD_NAME = re.compile(r'["\\\x00-\x1f]')
"""What msgspec allows in no name of a struct's field."""

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_time = msgspec.json.Decoder(int | datetime | None).decode
_open = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


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


class Records:
    """Takes the pages of a stream apart."""

    def __init__(self, spec: RecordSpec, logger: logging.Logger) -> None:
        """Prepare for a stream's pages.

        Args:
            spec: What its records look like.
            logger: Says which properties no schema knows.
        """
        self.spec = spec
        self._logger = logger
        self._unknown: list[str] = []
        self._rescues = RESCUED in spec.properties
        self._make_record_type()

    def _make_record_type(self) -> None:
        """Make the struct that takes a record apart.

        It knows every property, so that msgspec refuses a record with another one: that is how
        unknown properties are noticed without looking for them.
        """
        spec = self.spec
        keys = {key for key in (ID, spec.time_key) if key}
        self._learned = [name for name in self._unknown if not _ODD_NAME.search(name)]
        odd = {RESCUED} if len(self._learned) < len(self._unknown) else ()
        known = (*spec.properties, *keys, *sorted(spec.left_out), *self._learned, *odd)
        names = [*dict.fromkeys(known)]
        attributes = {name: f"p{index}" for index, name in enumerate(names)}
        record_type = msgspec.defstruct(
            "Record",
            [(attribute, Raw, ABSENT) for attribute in attributes.values()],
            rename={attribute: name for name, attribute in attributes.items()},
            omit_defaults=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(page_type(spec.records_key, record_type, spec.beside))
        self._attributes = attributes
        dropped = {*spec.left_out, *spec.deselected, *keys.difference(spec.properties)}
        self._dropped = [attributes[name] for name in dropped]
        self._id_of = attrgetter(attributes[ID])
        self._time_of = attrgetter(attributes[spec.time_key]) if spec.time_key else None

    def read(self, body: bytes, asked: Params) -> Page[Any]:
        """Take a page apart.

        Args:
            body: The response's body.
            asked: The parameters it was asked with.

        Raises:
            msgspec.MsgspecError: If the body is not such a page.
            UnicodeDecodeError: If it is not even text.
        """
        _check_utf8(body)  # msgspec does not look into what it leaves raw
        if b"\n" in body or b"\r" in body:  # pretty-printed: a message is one line
            body = msgspec.json.format(body, indent=-1)
        try:
            page = self._decoder.decode(body)
        except msgspec.ValidationError:
            body = self._learn_from(body)
            page = self._decoder.decode(body)
        return to_page(page, asked, self._marks(page.records), self.spec.beside)

    def pieces(self, records: Iterable[Any], names: Sequence[str]) -> Iterator[tuple[Raw, ...]]:
        """Give some properties of each record as JSON, `ABSENT` where it has none.

        Args:
            records: Records that were read and not yet trimmed.
            names: The properties.
        """
        attributes = [self._attributes[name] for name in names]
        for record in records:
            yield tuple(getattr(record, attribute) for attribute in attributes)

    def trim(self, records: Sequence[Any]) -> None:
        """Leave of each record what goes out: rescue the unknown, drop what is not wanted."""
        if self._unknown and self._rescues:
            for record in records:
                self._rescue(record)
        for attribute in self._dropped:
            for record in records:
                setattr(record, attribute, ABSENT)

    def opened(self, records: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Give the records as dictionaries, made one by one; numbers keep their digits."""
        for record in records:
            yield _open(encoder.encode(record))

    def _marks(self, records: Sequence[Any]) -> list[Mark]:
        ids = [bytes(self._id_of(record)) for record in records]
        if self._time_of is None:
            return [(id_, None) for id_ in ids]
        return [
            (id_, _second_of(self._time_of(record)))
            for id_, record in zip(ids, records, strict=True)
        ]

    def _learn_from(self, body: bytes) -> bytes:
        """Find the unknown properties of a page, say so, and know them from now on.

        Those whose names no struct can have are rescued at once: the page comes back without.
        """
        spec = self.spec
        raw_page = page_type(spec.records_key, dict[str, Raw], spec.beside)
        page = msgspec.json.decode(body, type=raw_page)
        found = set[str]().union(*page.records) - self._attributes.keys()
        for name in sorted(found.difference(self._unknown)):
            self._unknown.append(name)
            self._logger.warning(
                "Zendesk sends %r, which the schema of %s does not know; it is %s",
                name,
                spec.stream,
                self._fate(name),
            )
        if odd := set(filter(_ODD_NAME.search, found)):
            for record in page.records:
                if moved := {name: record.pop(name) for name in sorted(odd & record.keys())}:
                    record[RESCUED] = Raw(encoder.encode(moved))
            body = encoder.encode(page)
        self._make_record_type()
        return body

    def _fate(self, name: str) -> str:
        if not self._rescues:
            return "left out" if _ODD_NAME.search(name) else "kept as it is"
        return "left out" if RESCUED in self.spec.deselected else f"kept in {RESCUED}"

    def _rescue(self, record: msgspec.Struct) -> None:
        held = getattr(record, self._attributes[RESCUED])
        rescued = {} if held is ABSENT else _decode_object(held)
        for name in sorted(self._learned):
            attribute = self._attributes[name]
            if (value := getattr(record, attribute)) is not ABSENT:
                rescued[name] = value
                setattr(record, attribute, ABSENT)
        if rescued:
            setattr(record, self._attributes[RESCUED], Raw(encoder.encode(rescued)))


def _check_utf8(body: bytes) -> None:
    """Raise a UnicodeDecodeError for what is not UTF-8.

    Piece by piece, because the text of a whole page takes up to four times its bytes; to get
    so much memory and give it back took half of the time that a page takes.
    """
    decoder = getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _PIECE_BYTES):
        decoder.decode(body[start : start + _PIECE_BYTES])
    decoder.decode(b"", final=True)


def _second_of(value: Raw) -> int | None:
    try:
        time: int | datetime | None = _decode_time(value)
    except msgspec.DecodeError:
        return None
    if isinstance(time, datetime):
        return int((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp())
    return time
