"""Splits pages into records, and records into properties that stay the bytes Zendesk sent.

Only the id and the time of each record are decoded. The selected properties are written as they
arrived, so that no number, string or nested key can change on the way. If a stream map or another
feature has to see the records, they are decoded one at a time, just before they are written. A
whole decoded page does not fit the processor's caches, and took twice the time.
"""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Raw
from singer_sdk.contrib.msgspec import encoder
from singer_sdk.exceptions import RetriableAPIError

from tap_zendesk_incremental.errors import UnreadablePageError, brief
from tap_zendesk_incremental.pagination import Page

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence

    from tap_zendesk_incremental.pagination import Params, RecordKey

RESCUED = "_rescued_data"
"""The property that keeps values the schema does not know; file loaders use the same name."""

ABSENT = Raw()
"""The value of a missing property. msgspec omits it, as it is the default of every field."""

_PIECE_BYTES = 64 * 1024

_INVALID_NAME = re.compile(r'["\\\x00-\x1f]')
"""The characters that msgspec does not allow in the name of a struct's field."""

_ESCAPE = re.compile(
    rb"\\(?:u(?P<half>[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"(?P<other>(?<=[dD][89abAB]..)\\u[dD][c-fC-F][0-9a-fA-F]{2})?|.)",
    re.DOTALL,
)
"""An escape in a JSON string. `half` is half of a surrogate pair, `other` is its second half."""

_MIN_SECOND, _MAX_SECOND = -62_135_596_800, 253_402_300_799
"""The range of a date in epoch seconds: the years 1 to 9999."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_rescued = msgspec.json.Decoder(dict[str, Raw] | None).decode
_decode_time = msgspec.json.Decoder(int | datetime | None).decode
_decode_record = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


@dataclass(frozen=True)
class RecordSpec:
    """Describes the records of a stream.

    Attributes:
        stream: The stream's name.
        records_key: The key that holds the records in a page.
        id_keys: The properties that together identify a record.
        time_key: The property with the time that the export is ordered by, if any.
        properties: The properties of the schema, in Zendesk's order.
        deselected: The properties among them that the catalog deselects.
        excluded: Known properties that are never written.
        sideloads: Keys of sideloaded arrays in a page that other streams need.
    """

    stream: str
    records_key: str
    id_keys: Sequence[str]
    time_key: str | None
    properties: Sequence[str]
    deselected: frozenset[str]
    excluded: frozenset[str] = frozenset()
    sideloads: Sequence[str] = ()


class Records:
    """Decodes the pages of a stream, and learns properties that the schema does not know."""

    def __init__(self, spec: RecordSpec, logger: logging.Logger) -> None:
        """Create the decoder for a stream's pages.

        Args:
            spec: Describes the stream's records.
            logger: Logs properties that the schema does not know.
        """
        self.spec = spec
        self._logger = logger
        self._unknown: list[str] = []
        self._rescues = RESCUED in spec.properties
        self._has_repaired = False
        self._make_record_type()

    def _make_record_type(self) -> None:
        """Make the struct that splits a record into its properties.

        It lists every known property, so that msgspec refuses a record with any other one. This
        is how unknown properties are noticed without a search for them.
        """
        spec = self.spec
        keys = {key for key in (*spec.id_keys, spec.time_key) if key}
        self._learned = [name for name in self._unknown if not _INVALID_NAME.search(name)]
        rescued = {RESCUED} if len(self._learned) < len(self._unknown) else ()
        known = (*spec.properties, *keys, *sorted(spec.excluded), *self._learned, *rescued)
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
        self._decoder = msgspec.json.Decoder(
            page_type(spec.records_key, record_type, spec.sideloads)
        )
        self._attributes = attributes
        dropped = {*spec.excluded, *spec.deselected, *keys.difference(spec.properties)}
        self._dropped = [attributes[name] for name in dropped]
        self._id_of = attrgetter(*(attributes[key] for key in spec.id_keys))
        self._time_of = attrgetter(attributes[spec.time_key]) if spec.time_key else None

    def read(self, body: bytes, params: Params) -> Page[Any]:
        """Decode a page.

        Args:
            body: The response's body.
            params: The parameters of its request.

        Raises:
            UnreadablePageError: If it is a page of this stream with unreadable content.
            msgspec.MsgspecError: If it is not a page of this stream.
            UnicodeDecodeError: If it is not even text.
            RecursionError: If it is nested too deep.
        """
        try:
            return self._read(body, params)
        except _UNREADABLE as error:
            if (repaired := with_whole_characters(body)) != body:
                if not self._has_repaired:
                    self._has_repaired = True
                    self._logger.warning(
                        "%s: Zendesk sends text with half of a character (an unpaired surrogate); "
                        "the tap replaces each such half with U+FFFD",
                        self.spec.stream,
                    )
                return self.read(repaired, params)
            if why := _unreadable_content(body, self.spec.records_key, error):
                raise UnreadablePageError(why) from error
            raise

    def _read(self, body: bytes, params: Params) -> Page[Any]:
        _check_utf8(body)  # msgspec does not check the bytes that it leaves raw
        if b"\n" in body or b"\r" in body:  # pretty-printed, but a message has to be one line
            body = msgspec.json.format(body, indent=-1)
        try:
            page = self._decoder.decode(body)
        except msgspec.ValidationError:
            body = self._learn_from(body)
            page = self._decoder.decode(body)
        return to_page(page, params, self._keys_of(page.records), self.spec.sideloads)

    def pieces(self, records: Iterable[Any], names: Sequence[str]) -> Iterator[tuple[Raw, ...]]:
        """Yield some properties of each record as JSON, `ABSENT` if the record lacks one.

        Args:
            records: Records that were read and not yet trimmed.
            names: The properties.
        """
        attributes = [self._attributes[name] for name in names]
        for record in records:
            yield tuple(getattr(record, attribute) for attribute in attributes)

    def fill(self, records: Iterable[Any], name: str, value: Raw) -> None:
        """Add a property to the records that lack it.

        Args:
            records: Records that were read.
            name: The property.
            value: Its value, as JSON.
        """
        attribute = self._attributes[name]
        for record in records:
            if getattr(record, attribute) is ABSENT:
                setattr(record, attribute, value)

    def trim(self, records: Sequence[Any]) -> None:
        """Prepare records for the output: rescue unknown properties, and drop unwanted ones."""
        if self._rescues:
            rescued_of = attrgetter(self._attributes[RESCUED])
            for record in records:
                if self._unknown or rescued_of(record) is not ABSENT:
                    self._rescue(record)
        for attribute in self._dropped:
            for record in records:
                setattr(record, attribute, ABSENT)

    def decoded(self, records: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Decode records into dictionaries, one at a time. Numbers keep all their digits."""
        for record in records:
            yield _decode_record(encoder.encode(record))

    def _keys_of(self, records: Sequence[Any]) -> list[RecordKey]:
        to_id = bytes if len(self.spec.id_keys) == 1 else _joined
        ids = [to_id(self._id_of(record)) for record in records]
        if b"null" in ids:  # null counts as a missing id
            ids = [b"" if id_ == b"null" else id_ for id_ in ids]
        if self._time_of is None:
            return [(id_, None) for id_ in ids]
        return [
            (id_, _second_of(self._time_of(record)))
            for id_, record in zip(ids, records, strict=True)
        ]

    def _learn_from(self, body: bytes) -> bytes:
        """Log the unknown properties of a page, and add them to the record type.

        Properties whose names a struct cannot have are moved into `_rescued_data` right away.

        Returns:
            The page without these properties.
        """
        spec = self.spec
        raw_page = page_type(spec.records_key, dict[str, Raw], spec.sideloads)
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
        if invalid := set(filter(_INVALID_NAME.search, found)):
            for record in page.records:
                if moved := {name: record.pop(name) for name in sorted(invalid & record.keys())}:
                    rescued = _already_rescued(record.get(RESCUED, ABSENT))
                    record[RESCUED] = Raw(encoder.encode(rescued | moved))
            body = encoder.encode(page)
        self._make_record_type()
        return body

    def _fate(self, name: str) -> str:
        if not self._rescues:
            return "left out" if _INVALID_NAME.search(name) else "kept as it is"
        return "left out" if RESCUED in self.spec.deselected else f"kept in {RESCUED}"

    def _rescue(self, record: msgspec.Struct) -> None:
        rescued = _already_rescued(getattr(record, self._attributes[RESCUED]))
        for name in sorted(self._learned):
            attribute = self._attributes[name]
            # A record that was read before the property was learned lacks it.
            if (value := getattr(record, attribute, ABSENT)) is not ABSENT:
                rescued[name] = value
                setattr(record, attribute, ABSENT)
        if rescued:
            setattr(record, self._attributes[RESCUED], Raw(encoder.encode(rescued)))


class Meta(msgspec.Struct):
    """The paging fields of lists that are not exports."""

    has_more: bool | None = None
    after_cursor: str | None = None


def page_type(
    records_key: str,
    record_type: Any,  # noqa: ANN401 (types made here)
    sideloads: Sequence[str] = (),
) -> Any:  # noqa: ANN401 (the same)
    """Make the struct of a page.

    Args:
        records_key: The key that holds the records.
        record_type: The type to decode each record into.
        sideloads: The keys of sideloaded arrays to decode as well.
    """
    return msgspec.defstruct(
        "Body",
        [
            ("records", list[record_type]),
            ("end_of_stream", bool | None, None),
            ("after_cursor", str | None, None),
            ("end_id", str | int | None, None),
            ("end_time", int | None, None),
            ("next_page", str | None, None),
            ("meta", Meta | None, None),
            ("links", Any, None),
            ("error", Any, None),
            ("errors", Any, None),
            *((name, list[Raw] | None, None) for name in sideloads),
        ],
        rename={"records": records_key},
    )


def _query_of(address: str) -> dict[str, str]:
    """Return the query of an address in a response. The rest of such an address is not used."""
    try:
        return dict(parse_qsl(urlsplit(address).query))
    except ValueError as error:
        msg = f"its next_page is not an address: {error}"
        raise UnreadablePageError(msg) from error


def to_page(
    body: Any,  # noqa: ANN401 (a struct made by page_type)
    params: Params,
    keys: list[RecordKey],
    sideloads: Sequence[str] = (),
) -> Page[Any]:
    """Convert a decoded body into the form that paginators need.

    Raises:
        UnreadablePageError: If the address of the next page is not an address.
        RetriableAPIError: If the page reports an error, so that it may lack records.
    """
    if error := body.error or body.errors:
        msg = f"the page reports an error: {brief(str(error))}"
        raise RetriableAPIError(msg)
    meta = body.meta or Meta()
    after_cursor = meta.after_cursor or body.after_cursor or str(body.end_id or "") or None
    ends = {body.end_of_stream, None if meta.has_more is None else not meta.has_more} - {None}
    end_of_stream = all(ends) if ends else None
    next_page = None if body.next_page is None else _query_of(body.next_page)
    if end_of_stream is None and next_page is None and isinstance(body.links, dict):
        # Next to `has_more`, the link adds nothing; without it, only the link leads on.
        link = body.links.get("next")
        next_page = _query_of(link) if isinstance(link, str) and link else None
    if meta.has_more is None and after_cursor is None and next_page:
        after_cursor = next_page.get("cursor") or next_page.get("page[after]")
    return Page(
        params=params,
        records=body.records,
        keys=keys,
        end_of_stream=end_of_stream,
        after_cursor=after_cursor,
        end_time=body.end_time,
        next_page=next_page,
        read_at=datetime.now(timezone.utc),
        sideloads={name: items for name in sideloads if (items := getattr(body, name)) is not None},
    )


def _joined(parts: Sequence[Raw]) -> bytes:
    """Return the id of a record with several key properties, empty if one of them is missing."""
    pieces = [*map(bytes, parts)]
    return b"" if {b"", b"null"}.intersection(pieces) else b",".join(pieces)


def _check_utf8(body: bytes) -> None:
    """Raise a UnicodeDecodeError if a body is not UTF-8.

    Decodes it piece by piece. The text of a whole page needs up to four times as much memory as
    its bytes, and allocating and freeing that memory took half of the time of a page.
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
        time = int((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp())
    return time if time is not None and _MIN_SECOND <= time <= _MAX_SECOND else None


def _already_rescued(value: Raw) -> dict[str, Raw]:
    """Return the content of the property `RESCUED`, in case Zendesk itself sends one."""
    if value is ABSENT:
        return {}
    try:
        return _decode_rescued(value) or {}
    except msgspec.ValidationError:
        return {RESCUED: value}  # not an object, so it is kept like an unknown property


def with_whole_characters(body: bytes) -> bytes:
    """Replace each half of a character (an unpaired surrogate) in a JSON text with U+FFFD."""
    return _ESCAPE.sub(_whole, body)


def _whole(escape: re.Match[bytes]) -> bytes:
    is_alone = escape["half"] and not escape["other"]
    return rb"\ufffd" if is_alone else escape[0]


def _unreadable_content(body: bytes, records_key: str, error: Exception) -> str | None:
    """Describe what on a page cannot be read.

    Args:
        body: The page.
        records_key: The key that holds the records.
        error: The error from reading the page as a whole.

    Returns:
        The description, or None if the body is not a complete page.
    """
    text = body.decode("utf-8", "surrogateescape")
    array = re.search(rf'"{re.escape(records_key)}"\s*:\s*\[', text)
    if array is None or not text.rstrip().endswith("}"):
        return None
    decode, skip = json.JSONDecoder(strict=False).raw_decode, re.compile(r"[\s,]*").match
    index, start = 0, array.end()
    while (start := skip(text, start).end()) < len(text) and text[start] != "]":  # type: ignore[union-attr]
        why, end = None, start
        try:
            _, end = decode(text, start)
            record = text[start:end].encode("utf-8", "surrogateescape")
            _check_utf8(record)
            _decode_object(record)
        except RecursionError:
            why = "it is nested too deep"
        except (ValueError, msgspec.MsgspecError) as fault:
            why = str(fault)
        if why:
            id_ = re.compile(r'[^}]*?"id"\s*:\s*("[^"]{1,99}"|\d{1,99})').match(text, start)
            named = f"record {index} (id {id_[1]}): {why}" if id_ else f"record {index}: {why}"
            return brief(named)
        index, start = index + 1, end
    is_cut_short = not text.startswith("]", start)
    return None if is_cut_short else brief(str(error))
