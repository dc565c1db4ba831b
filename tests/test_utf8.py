"""A page with invalid UTF-8 is refused, even in text that msgspec does not decode."""

from __future__ import annotations

import logging

import pytest

from tap_zendesk_incremental.errors import UnreadablePageError
from tap_zendesk_incremental.records.decode import Records, RecordSpec

EDGE = 64 * 1024
"""The tap checks text in pieces of this size. A letter may cross the edge of a piece."""


@pytest.fixture
def records() -> Records:
    """The records of a stream with one property beside the id."""
    spec = RecordSpec("things", "things", ("id",), None, ("id", "name"), frozenset())
    return Records(spec, logging.getLogger())


def body(name: bytes, size: int) -> bytes:
    """Return a page whose name ends at a given byte."""
    head = b'{"things":[{"id":1,"name":"'
    return head + name.rjust(size - len(head)) + b'"}]}'


@pytest.mark.parametrize("letter", ["ß", "…", "🙈"])
@pytest.mark.parametrize("place", range(-1, 5))
def test_letters_at_the_edge_of_a_piece(records: Records, letter: str, place: int) -> None:
    page = records.read(body(letter.encode(), EDGE + place), {})
    (record,) = records.decoded(page.records)
    assert record["name"].lstrip() == letter


@pytest.mark.parametrize("wrong", [b"\xff", b"\xc3", b"\xf0\x9f\x99", b"\xed\xa0\x80", b"\xc0\xaf"])
@pytest.mark.parametrize("place", [100, *range(EDGE - 1, EDGE + 5)])
def test_invalid_utf8_is_refused(records: Records, wrong: bytes, place: int) -> None:
    with pytest.raises(UnreadablePageError, match="record 0"):
        records.read(body(wrong, place), {})


def test_a_letter_that_is_cut_off_at_the_end_is_refused(records: Records) -> None:
    with pytest.raises(UnicodeDecodeError):
        records.read(body("ß".encode(), EDGE).partition(b"\x9f")[0], {})
