"""Trying out a pipeline: one page from the sample endpoints, and an unchanged state."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.streams import STREAMS

from .accounts import PARENTS, SIDELOADED, asked, choose, discovered, holds, lines_about, whole
from .running import Json, config_for, run_tap
from .simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLES = {stream.name: stream.sample.path for stream in STREAMS if stream.sample}
SAMPLED = SAMPLES.keys()
STATE: Json = {
    "bookmarks": {
        "tickets": {
            "replication_key": "generated_timestamp",
            "replication_key_value": 1_795_000_000,
            "cursor": "MTY5NTA2MjcyNC4wfHwxNTcxfA==",
        },
        "organizations": {
            "replication_key": "updated_at",
            "replication_key_value": "2024-01-01T00:00:00Z",
            "end_time": 1_704_067_200,
        },
    }
}


@pytest.fixture
def large() -> Iterator[Simulator]:
    """An account with more records than a sample has."""
    counts = {"tickets": 70, "ticket_events": 130, "users": 60, "organizations": 55}
    with Simulator(**counts, ticket_exports=True) as zendesk:
        yield zendesk


@pytest.mark.parametrize("method", ["cursor", "time"])
def test_a_sample_of_every_stream_that_has_one(
    large: Simulator, tmp_path: Path, method: str
) -> None:
    catalog = discovered(large, tmp_path)
    names = {entry["tap_stream_id"] for entry in catalog["streams"]}
    large.clear()
    config = config_for(large, sample=True, export_method=method, start_date="2000-01-01")
    run = run_tap(tmp_path, config, catalog=choose(catalog, *names))
    assert run.exit_code == 0, run.stderr
    # ticket_exports needs one more request, for its columns.
    assert Counter(request.path for request in large.requests) == {
        path: 2 if stream == "ticket_exports" else 1 for stream, path in SAMPLES.items()
    }
    for stream in SAMPLED - {"ticket_exports"}:
        include = ["comment_events"] if stream == "ticket_events" else []
        records, held = whole(run, stream), holds(large, stream, *include)
        assert len(records) == 50
        assert records == {id_: held[id_] for id_ in records}
    assert len(run.records["ticket_exports"]) == 50
    for stream in SIDELOADED:
        records, held = whole(run, stream), holds(large, stream)
        assert records
        assert records == {id_: held[id_] for id_ in records}
    for stream in names - SAMPLED - PARENTS.keys():
        [line] = [line for line in lines_about(run, stream, "INFO") if "no sample endpoint" in line]
        assert "skipped" in line
        assert not run.records[stream]
    assert not any(any(state["bookmarks"].values()) for state in run.states)


def test_a_sample_does_not_change_the_state(large: Simulator, tmp_path: Path) -> None:
    chosen = choose(discovered(large, tmp_path), "tickets", "users", "organizations", *SIDELOADED)
    large.clear()
    run = run_tap(tmp_path, config_for(large, sample=True), catalog=chosen, state=STATE)
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == 50
    for state in run.states:
        assert {k: v for k, v in state["bookmarks"].items() if v} == STATE["bookmarks"]
    assert not any("cursor" in request.params for request in large.requests)
    after = run.state or STATE
    real = run_tap(
        tmp_path, config_for(large), catalog=choose(chosen, "organizations"), state=after
    )
    assert asked(large, "organizations.json")[0]["start_time"] == "1704067200"
    assert real.exit_code == 0


def test_settings_and_sideloads_apply_to_samples(large: Simulator, tmp_path: Path) -> None:
    catalog = discovered(large, tmp_path)
    chosen = choose(catalog, "tickets", "ticket_metrics", on=["tickets.slas"])
    config = config_for(large, sample=True, exclude_deleted=True, per_page=10)
    large.clear()
    run = run_tap(tmp_path, config, catalog=chosen)
    [params] = asked(large, "")
    assert params["include"] == "metric_sets,slas"
    assert params["exclude_deleted"] == "true"
    assert params["per_page"] == "10"
    assert 0 < len(run.records["tickets"]) <= 10
    assert all("slas" in ticket for ticket in run.records["tickets"])
    assert {ticket["id"] for ticket in run.records["tickets"]} == {
        metric["ticket_id"] for metric in run.records["ticket_metrics"]
    }


def test_a_connection_test_uses_samples(large: Simulator, tmp_path: Path) -> None:
    run = run_tap(tmp_path, config_for(large), "--test")
    assert run.exit_code == 0, run.stderr
    paths = Counter(request.path for request in large.requests)
    for stream, path in SAMPLES.items():
        assert paths[path] == 1, stream
    full = {
        "/api/v2/incremental/tickets/cursor.json",
        "/api/v2/incremental/users/cursor.json",
        "/api/v2/incremental/ticket_events.json",
        "/api/v2/incremental/organizations.json",
        "/api/v2/exports/tickets.json",
    }
    assert not full & paths.keys()
    # One record of each parent is enough, because each list takes a request.
    lists = asked(large, r"/holidays|/comments|/votes|/tickets/\d+/side_conversations")
    assert len(lists) == len(PARENTS) - len(SIDELOADED)
    for records in run.records.values():
        assert len(records) <= 1


def test_a_connection_test_reports_what_is_wrong(large: Simulator, tmp_path: Path) -> None:
    run = run_tap(tmp_path, config_for(large, access_token="wrong"), "--test")
    assert run.exit_code != 0
    assert "HTTP 401" in run.stderr
    assert "Traceback" not in run.stderr
