"""Records pass as bytes or are decoded: the output is the same, whatever they contain."""

from __future__ import annotations

import logging
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_zendesk_incremental.records.decode import RESCUED

from .given_pages import LEFT_OUT, Json, export

DECODED = ("properties", "id", "properties", "none")
"""Deselecting this nested property changes no record, but the tap has to decode them."""
MAPPED: Json = {"stream_maps": {"things": {}}}
"""This stream map changes no record, but needs the decoded records."""

decode = msgspec.json.Decoder(float_hook=Decimal).decode


def records_of(lines: list[bytes]) -> list[Json]:
    """Return the records of RECORD messages, with exact numbers."""
    messages = [decode(line) for line in lines]
    assert all(m["time_extracted"].endswith("Z") for m in messages if m["type"] == "RECORD")
    return [message["record"] for message in messages if message["type"] == "RECORD"]


names = st.sampled_from(["a", "b", "c", "schlüssel", "a b", "\u2028", "p0", "", LEFT_OUT])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(["2024-02-30T00:00:00Z", "2024-02-29T00:00:00+00:00"])
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3), max_leaves=6
)
times = (
    st.integers(0, 1 << 33) | st.none() | st.sampled_from(["2024-02-29T00:00:00Z", "late", 1.5, ""])
)
ids = st.integers(1, 1 << 60)


@st.composite
def things(draw: st.DrawFn) -> bytes:
    """Generate a record as Zendesk may send it, with its properties in any order."""
    record: Json = dict(draw(st.dictionaries(names, values, max_size=6)))
    record |= draw(st.fixed_dictionaries({"id": ids}, optional={"time": times}))
    order = draw(st.permutations(sorted(record)))
    encoder = msgspec.json.Encoder(decimal_format="number")
    return encoder.encode({name: record[name] for name in order})


types = st.sampled_from(
    [
        {"type": ["string", "null"]},
        {"type": ["string", "null"], "format": "date-time"},
        {"type": ["integer", "null"]},
        {"type": ["number", "null"]},
        {"type": ["boolean", "null"]},
        {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
        {"type": ["object", "null"], "properties": {"x": {"type": ["string", "null"]}}},
        {"type": ["object", "null"], "additionalProperties": True},
    ]
)
schemas = st.dictionaries(names.filter(lambda name: name not in {LEFT_OUT, ""}), types)
FIXED: Json = {"id": {"type": ["integer"]}, "time": {"type": ["integer", "string", "null"]}}
OPEN: Json = {RESCUED: {"type": ["object", "null"], "additionalProperties": True}}


@settings(max_examples=150)
@given(
    records=st.lists(things(), min_size=1, max_size=3, unique_by=lambda thing: decode(thing)["id"]),
    schema=schemas,
    rescues=st.booleans(),
    off=st.sets(names | st.just(RESCUED), max_size=3),
    pretty=st.booleans(),
)
def test_both_paths_give_equal_records(
    *, records: list[bytes], schema: Json, rescues: bool, off: set[str], pretty: bool
) -> None:
    schema = FIXED | schema | (OPEN if rescues else {})
    pages = [[record] for record in records]
    deselected = [("properties", name) for name in sorted(off & schema.keys())]
    passed = export(pages, schema, deselected=deselected, pretty=pretty)
    decoded = export(pages, schema, deselected=[*deselected, DECODED], pretty=pretty)
    mapped = export(pages, schema, deselected=deselected, pretty=pretty, config=MAPPED)
    assert records_of(passed) == records_of(decoded) == records_of(mapped)
    assert [line for line in passed if b'"RECORD"' not in line[:20]] == [
        line for line in decoded if b'"RECORD"' not in line[:20]
    ]
    for line, record in zip(records_of(passed), map(decode, records), strict=True):
        kept = {name for name in record if name in schema and name not in off}
        for name in kept | {"id"} - {RESCUED}:
            assert line[name] == record[name]
        unknown = record.keys() - schema.keys() - {LEFT_OUT}
        if rescues and RESCUED not in off:
            assert line.get(RESCUED, {}) == {name: record[name] for name in unknown}
        if rescues:
            assert line.keys() <= schema.keys()
        assert LEFT_OUT not in line
        assert not off & line.keys() & schema.keys()


EXACT = (
    b'{"id":12345678901234567890,"time":1,"a":1.10,"b":[1e5,-0.0,0.1000],'
    b'"c":"\xe2\x80\xa8 \\u2028 \\/ \xf0\x9f\x9a\x80"}'
)
PLAIN: Json = {name: {"type": ["string", "null"]} for name in "abc"}


def test_records_pass_as_the_bytes_zendesk_sent() -> None:
    (line,) = (line for line in export([[EXACT]], FIXED | PLAIN) if b'"RECORD"' in line)
    assert line.startswith(b'{"type":"RECORD","stream":"things","record":%b,"time_' % EXACT)
    assert line.endswith(b"}")


def test_decoded_records_keep_their_numbers() -> None:
    lines = export([[EXACT]], FIXED | PLAIN, deselected=[DECODED])
    (line,) = (line for line in lines if b'"RECORD"' in line)
    assert b'"id":12345678901234567890' in line
    assert b'"a":1.10,"b":[1E+5,-0.0,0.1000]' in line


def test_a_pretty_printed_record_becomes_one_line() -> None:
    record = b'{"id":1,"time":1,"a":"two words, and a line\\nfeed","b":{"deep":[1, 2]},"c":null}'
    lines = export([[record]], FIXED | PLAIN, pretty=True)
    assert records_of(lines) == [decode(record)]
    assert all(msgspec.json.decode(line) for line in lines)


@pytest.mark.parametrize("path", ["passed", "decoded"])
@pytest.mark.parametrize("name", ['q"', "back\\slash", "tab\t"])
def test_unknown_properties_may_have_odd_names(path: str, name: str) -> None:
    record = msgspec.json.encode({"id": 1, "time": 1, name: 2})
    deselected = [DECODED] if path == "decoded" else []
    (found,) = records_of(export([[record]], FIXED | OPEN, deselected=deselected))
    assert found == {"id": 1, "time": 1, RESCUED: {name: 2}}


@pytest.mark.parametrize("path", ["passed", "decoded"])
def test_each_unknown_property_is_rescued_and_reported_once(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    pages = [
        [b'{"id":1,"time":1,"new":1.50,"copy":1}'],
        [b'{"id":2,"time":2}', b'{"id":3,"time":3,"new":null,"newer":{"x":[]}}'],
    ]
    deselected = [DECODED] if path == "decoded" else []
    with caplog.at_level(logging.WARNING):
        found = records_of(export(pages, FIXED | OPEN, deselected=deselected))
    assert found == [
        {"id": 1, "time": 1, RESCUED: {"new": Decimal("1.50")}},
        {"id": 2, "time": 2},
        {"id": 3, "time": 3, RESCUED: {"new": None, "newer": {"x": []}}},
    ]
    said = [message for message in caplog.messages if "does not know" in message]
    assert [message.split("'")[1] for message in said] == ["new", "newer"]
    assert all(RESCUED in message for message in said)


def test_a_property_may_be_new_on_the_page_after_one_that_is_held_back() -> None:
    """A page that passes the end date is written once the next page is read."""
    pages = [
        [b'{"id":1,"time":50}', b'{"id":2,"time":150}'],
        [b'{"id":3,"time":60,"new":1}'],
    ]
    lines = export(pages, FIXED | OPEN, config={"end_date": "1970-01-01T00:01:40Z"})
    assert records_of(lines) == [
        {"id": 1, "time": 50},
        {"id": 2, "time": 150},
        {"id": 3, "time": 60, RESCUED: {"new": 1}},
    ]


@pytest.mark.parametrize(
    ("config", "deselected", "reason"),
    [
        ({}, [], "Records pass through as bytes"),
        ({}, [("properties", "a")], "Records pass through as bytes"),
        ({}, [DECODED], "Records are decoded, and written by the SDK"),
        (MAPPED, [], "Records are decoded for stream maps"),
        ({"flattening_enabled": True, "flattening_max_depth": 2}, [], "Records are decoded for"),
    ],
)
def test_the_log_says_how_records_are_written(
    config: Json,
    deselected: list[tuple[str, ...]],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        export([[EXACT]], FIXED | PLAIN, deselected=deselected, config=config)
    (message,) = [m for m in caplog.messages if m.startswith("Records ")]
    assert message.startswith(reason)


def test_a_stream_map_sees_the_values() -> None:
    config = {"stream_maps": {"things": {"sum": "a + 1", "b": None}}}
    (record,) = records_of(
        export([[b'{"id":1,"time":1,"a":2,"b":3}']], FIXED | PLAIN, config=config)
    )
    assert {name: record[name] for name in ("id", "a", "sum")} == {"id": 1, "a": 2, "sum": 3}
    assert "b" not in record
