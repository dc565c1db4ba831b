"""Records that pass through as bytes.

Of each record only id and time are looked at; the selected properties go out as the bytes that
Zendesk sent, so that no number, string or nested key can change on the way.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from singer_sdk.contrib.msgspec import encoder

from tap_zendesk_incremental.records import (
    ABSENT,
    ID,
    RESCUED,
    RecordPath,
    RecordSpec,
    page_type,
    to_page,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from tap_zendesk_incremental.pagination import Mark, Page, Params
    from tap_zendesk_incremental.writer import CollectingWriter

_PIECE_BYTES = 64 * 1024

_ODD_NAME = re.compile(r'["\\\x00-\x1f]')
"""What msgspec allows in no name of a struct's field."""

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_time = msgspec.json.Decoder(int | datetime | None).decode


class PassedRecords(RecordPath):
    """Records as the bytes that Zendesk sent, a property a piece."""

    def __init__(self, spec: RecordSpec, logger: logging.Logger, writer: CollectingWriter) -> None:
        """Prepare for a stream's pages; see `RecordPath`.

        Args:
            spec: What its records look like.
            logger: For warnings.
            writer: Takes the records.
        """
        super().__init__(spec, logger)
        self._writer = writer
        self._head = b'{"type":"RECORD","stream":%b,"record":' % encoder.encode(spec.stream)
        self._tail = b""
        self._make_record_type()

    def _make_record_type(self) -> None:
        """Make the struct that takes a record apart.

        It knows every property, so that msgspec refuses a record with another one: that is how
        unknown properties are noticed without looking for them.
        """
        spec = self.spec
        keys = {key for key in (ID, spec.time_key) if key}
        self._learned = [name for name in self.unknown if not _ODD_NAME.search(name)]
        odd = {RESCUED} if len(self._learned) < len(self.unknown) else ()
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
        self._decoder = msgspec.json.Decoder(page_type(spec, record_type))
        self._attributes = attributes
        dropped = {*spec.left_out, *spec.deselected, *keys.difference(spec.properties)}
        self._dropped = [attributes[name] for name in dropped]
        self._id_of = attrgetter(attributes[ID])
        self._time_of = attrgetter(attributes[spec.time_key]) if spec.time_key else None

    def read(self, body: bytes, asked: Params) -> Page[Any]:
        """Take a page apart; see `RecordPath.read`."""
        _check_utf8(body)  # msgspec does not look into what it leaves raw
        if b"\n" in body or b"\r" in body:  # pretty-printed: a message is one line
            body = msgspec.json.format(body, indent=-1)
        try:
            page = self._decoder.decode(body)
        except msgspec.ValidationError:
            body = self._learn_from(body)
            page = self._decoder.decode(body)
        return to_page(self.spec, page, asked, self._marks(page.records))

    def pieces(self, records: list[Any], names: Sequence[str]) -> Iterator[tuple[Raw, ...]]:
        """Give some properties of each record; see `RecordPath.pieces`."""
        attributes = [self._attributes[name] for name in names]
        for record in records:
            yield tuple(getattr(record, attribute) for attribute in attributes)

    def trim(self, records: list[Any]) -> None:
        """Rescue and drop; see `RecordPath.trim`."""
        if self.unknown and self.rescues:
            for record in records:
                self._rescue(record)
        for attribute in self._dropped:
            for record in records:
                setattr(record, attribute, ABSENT)

    def turn_to(self, page: Page[Any]) -> None:
        """Stamp this page's records with the time it was read."""
        self._tail = b',"time_extracted":%b}\n' % encoder.encode(page.read_at)

    def write(self, record: msgspec.Struct) -> None:
        """Write a record's RECORD message."""
        self._writer.write_raw(self._head, record, self._tail)

    def _marks(self, records: list[Any]) -> list[Mark]:
        ids = [bytes(self._id_of(record)) for record in records]
        if self._time_of is None:
            return [(id_, None) for id_ in ids]
        return [
            (id_, _second_of(self._time_of(record)))
            for id_, record in zip(ids, records, strict=True)
        ]

    def _learn_from(self, body: bytes) -> bytes:
        """Find the unknown properties of a page, and know them from now on.

        Those whose names no struct can have are rescued at once: the page comes back without.
        """
        page = msgspec.json.decode(body, type=page_type(self.spec, dict[str, Raw]))
        found = set[str]().union(*page.records) - self._attributes.keys()
        self.learn(found.difference(self.unknown))
        if odd := set(filter(_ODD_NAME.search, found)):
            for record in page.records:
                if moved := {name: record.pop(name) for name in sorted(odd & record.keys())}:
                    record[RESCUED] = Raw(encoder.encode(moved))
            body = encoder.encode(page)
        self._make_record_type()
        return body

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
        time = _decode_time(value)
    except msgspec.DecodeError:
        return None
    return int(time.timestamp()) if isinstance(time, datetime) else time
