"""The tap's sync loop does what the loop of the SDK does."""

from __future__ import annotations

import logging
from operator import attrgetter

import pytest
from singer_sdk import Stream
from singer_sdk.metrics import Point

from .given_pages import CONFIG, Json, TapThings, Things, export

SCHEMA: Json = {"id": {"type": ["integer"]}, "time": {"type": ["integer", "null"]}}
PAGES = [
    [b'{"id":1,"time":1}', b'{"id":2,"time":1}', b'{"id":3,"time":1}'],
    [],
    [b'{"id":4,"time":2}', b'{"id":5,"time":2}'],
]

RECORDS = 5


class ThingsBySdk(Things):
    """The same stream, synced by the SDK."""

    _sync_records = Stream._sync_records  # noqa: SLF001 - for comparison


@pytest.fixture(params=[Things, ThingsBySdk])
def _either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the tap's stream in the test, and then the SDK's."""
    monkeypatch.setattr(TapThings, "stream_type", request.param)


@pytest.mark.usefixtures("_either")
def test_metrics(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        lines = export(PAGES, SCHEMA)
    assert sum(b'"RECORD"' in line for line in lines) == RECORDS
    points = [args[0] for args in map(attrgetter("args"), caplog.records) if args]
    measured = [point.to_dict() for point in points if isinstance(point, Point)]
    for point in measured:
        del point["tags"]["pid"]
    assert [point | {"value": 0.0} for point in measured if point["type"] == "timer"] == [
        {
            "type": "timer",
            "metric": "sync_duration",
            "value": 0.0,
            "tags": {"stream": "things", "context": {}, "status": "succeeded"},
        }
    ]
    assert [point for point in measured if point["type"] == "counter"] == [
        {
            "type": "counter",
            "metric": "http_request_count",
            "value": len(PAGES),
            "tags": {"stream": "things", "endpoint": "/things"},
        },
        {
            "type": "counter",
            "metric": "record_count",
            "value": RECORDS,
            "tags": {"stream": "things", "context": {}},
        },
    ]


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("config", [{}, {"stream_maps": {"things": {}}}])
def test_the_limit_of_a_dry_run(config: Json, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TapThings, "sync_all", lambda tap: tap.run_sync_dry_run(limit))
    lines = export(PAGES, SCHEMA, config=config)
    assert sum(b'"RECORD"' in line for line in lines) == min(limit, len(PAGES[0]))


def test_a_dry_run_succeeds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TapThings, "sync_all", lambda tap: tap.run_sync_dry_run(1))
    with caplog.at_level(logging.INFO):
        lines = export(PAGES, SCHEMA)
    assert not any(b"end_time" in line for line in lines)
    assert '"status": "failed"' not in caplog.text
    # At most two warnings say that the catalog selects streams that this tap does not have.
    said = [r.getMessage() for r in caplog.records if r.levelno > logging.INFO]
    assert all(line.startswith("The catalog selects") for line in said)


def test_records_can_be_read_one_by_one() -> None:
    export(PAGES, SCHEMA)
    (stream,) = TapThings(config=CONFIG).discover_streams()
    ids = [record["id"] for record in stream.get_records(None)]
    assert ids == [*range(1, RECORDS + 1)]
