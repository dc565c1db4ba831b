"""The dbt project's figures are those that the simulator knows, in DuckDB and in PostgreSQL."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from .postgres import TARGET, Pipeline, Schema, served
from .running import command_for, config_for, select
from .simulator.demo_account import DemoSimulator
from .transform import DBT, build, postgres_variables
from .warehouse import LOADER_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(not DBT.exists(), reason="no dbt here; `make test` sets it up"),
    # The module's runs of dbt serve all tests of the module.
    pytest.mark.xdist_group("transform"),
]

STREAMS = (
    *("tickets", "ticket_events", "ticket_comments", "ticket_metric_events", "ticket_fields"),
    *("users", "organizations", "groups", "brands", "ticket_forms", "schedules"),
    *("schedule_holidays", "sla_policies", "audit_logs"),
)
QUERY = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as database:
    rows = database.execute(sys.argv[2])
    names = [column[0] for column in rows.description]
    print(json.dumps([dict(zip(names, row)) for row in rows.fetchall()], default=str))
"""
OPEN = {"new", "open", "pending", "hold"}
Rows = list[dict[str, Any]]


class Built(Protocol):
    """A database in which the project was built."""

    def query(self, schema: str, query: str) -> Rows:
        """Gives the rows of a query in the project's schema with this suffix."""


class DuckDB:
    """A DuckDB file, written by the loader of the demo."""

    def __init__(self, folder: Path, zendesk: DemoSimulator, *streams: str) -> None:
        """Loads the streams and builds the project."""
        self.path = folder / "zendesk.duckdb"
        config = {"filepath": str(self.path), "default_target_schema": "main"}
        (folder / "target.json").write_text(json.dumps(config))
        self._variables = {"DBT_TARGET": "duckdb", "ZENDESK_DUCKDB_PATH": str(self.path)}
        self._folder = folder
        tap = command_for(folder, config=config_for(zendesk), catalog=select(*streams))
        messages = subprocess.run(tap, check=True, capture_output=True).stdout
        loader = LOADER_PYTHON.with_name("target-duckdb")
        command = (loader, "--config", folder / "target.json")
        subprocess.run(command, check=True, input=messages, capture_output=True)
        self.printed = self.build()

    def build(self) -> str:
        """Builds the project again."""
        return build(self._folder, self._variables)

    def query(self, schema: str, query: str) -> Rows:
        """Gives the rows of a query in the project's schema with this suffix."""
        sql = f"set search_path = 'zendesk_{schema}'; {query}"
        command = (LOADER_PYTHON, "-c", QUERY, self.path, sql)
        rows: Rows = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        return rows


class PostgreSQL:
    """A schema of a PostgreSQL server, written by the loader of the examples."""

    def __init__(self, folder: Path, zendesk: DemoSimulator, url: str) -> None:
        """Loads the streams and builds the project."""
        self.raw = Schema(url)
        Pipeline(folder, zendesk, self.raw).run(catalog=select(*STREAMS))
        self._folder = folder
        self.build()

    def build(self) -> str:
        """Builds the project again."""
        return build(self._folder, postgres_variables(self.raw.url, self.raw.name))

    def query(self, schema: str, query: str) -> Rows:
        """Gives the rows of a query in the project's schema with this suffix."""
        within = Schema(self.raw.url)
        within.name = f"{self.raw.name}_{schema}"
        return within.query(query)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoSimulator]:
    """A demo account."""
    with DemoSimulator(tickets=150, users=60, organizations=10) as simulator:
        yield simulator


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def built(
    request: pytest.FixtureRequest, demo: DemoSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    """A database of each kind."""
    folder = tmp_path_factory.mktemp("transform")
    if request.param == "duckdb":
        if not LOADER_PYTHON.exists():
            pytest.skip("no loader for DuckDB here; `make test` sets it up")
        yield DuckDB(folder, demo, *STREAMS)
        return
    if not TARGET.exists():
        pytest.skip("no loader for PostgreSQL here; `make test` sets it up")
    with served() as url:
        yield PostgreSQL(folder, demo, url)


def seconds(text: str) -> datetime:
    """Reads a time of a record or a row, all of them UTC."""
    return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=None)


def histories(demo: DemoSimulator, field: str) -> dict[int, list[tuple[datetime, Any]]]:
    """Gives the values of a field by ticket, oldest first, from the events of the simulator."""
    found: dict[int, list[tuple[datetime, Any]]] = {}
    events = sorted(demo.store.records["ticket_events"].values(), key=lambda e: int(e["id"]))
    for event in events:
        for child in event["child_events"]:
            if field in child:
                change = (seconds(event["created_at"]), child[field])
                found.setdefault(event["ticket_id"], []).append(change)
    return found


def group_names(demo: DemoSimulator) -> dict[int | None, str]:
    """Gives the names of the groups by id."""
    groups = demo.store.records["groups"].values()
    return {None: "No group"} | {group["id"]: group["name"] for group in groups}


def test_backlog_of_each_group_and_day(built: Built, demo: DemoSimulator) -> None:
    statuses, groups = histories(demo, "status"), histories(demo, "group_id")
    names = group_names(demo)
    events = demo.store.records["ticket_events"].values()
    changed = [seconds(e["created_at"]) for e in events]
    day = min(changed).replace(hour=0, minute=0, second=0)
    expected: Counter[tuple[str, str]] = Counter()

    def last(changes: list[tuple[datetime, Any]], end: datetime) -> Any:  # noqa: ANN401 - any field
        return next((value for at, value in reversed(changes) if at < end), None)

    while day <= max(changed):
        end = day + timedelta(days=1)
        for ticket, changes in statuses.items():
            if last(changes, end) in OPEN:
                expected[str(day.date()), names[last(groups.get(ticket, []), end)]] += 1
        day = end
    rows = built.query("answers", "select * from open_tickets_by_group_and_day")
    assert {(r["day"], r["group_name"]): r["open_tickets"] for r in rows} == expected
    [totals] = built.query(
        "answers",
        "select sum(created_tickets) as created, sum(reopened_tickets) as reopened "
        "from backlog_by_day",
    )
    reopened = sum(
        (one[1], two[1]) == ("solved", "open")
        for changes in statuses.values()
        for one, two in pairwise(changes)
    )
    assert reopened > 0
    assert {name: int(float(n)) for name, n in totals.items()} == {
        "created": len(statuses),
        "reopened": reopened,
    }


def test_first_reply_and_resolution(built: Built, demo: DemoSimulator) -> None:
    metric_set = demo.store.sideloads["tickets", "metric_sets"]
    expected: dict[int, tuple[Any, ...]] = {}
    for key, ticket in demo.store.records["tickets"].items():
        metrics: Any = metric_set(ticket)
        expected[int(key)] = (
            metrics["reply_time_in_minutes"]["calendar"],
            metrics["full_resolution_time_in_minutes"]["calendar"],
            metrics["reopens"],
        )
    rows = built.query(
        "answers",
        "select ticket_id, first_reply_minutes, full_resolution_minutes, reopens "
        "from first_reply_time inner join full_resolution_time using (ticket_id)",
    )
    found = {
        row["ticket_id"]: (
            row["first_reply_minutes"],
            row["full_resolution_minutes"],
            row["reopens"],
        )
        for row in rows
    }
    assert found == expected


def test_breaches_and_satisfaction(built: Built, demo: DemoSimulator) -> None:
    events = demo.store.records["ticket_metric_events"].values()
    breached = {event["ticket_id"] for event in events if event["type"] == "breach"}
    rows = built.query("answers", "select * from sla_breaches")
    assert {row["ticket_id"] for row in rows if row["is_breached"]} == breached
    assert 0 < len(breached) < len(rows) == len(demo.store.records["tickets"])
    names = group_names(demo)
    scores = Counter(
        (names[ticket["group_id"]], ticket["satisfaction_rating"]["score"])
        for ticket in demo.store.records["tickets"].values()
    )
    for row in built.query("answers", "select * from satisfaction_by_group"):
        group = row["group_name"]
        assert row["good_ratings"] == scores[group, "good"]
        assert row["bad_ratings"] == scores[group, "bad"]


def test_history_has_every_change(built: Built, demo: DemoSimulator) -> None:
    expected = {
        (ticket, field, str(at), str(value))
        for field in ("status", "priority", "group_id", "assignee_id")
        for ticket, changes in histories(demo, field).items()
        for at, value in changes
    }
    rows = built.query("source", "select * from ticket_field_history")
    found = {
        (row["ticket_id"], row["field_name"], str(seconds(row["updated"])), row["value"])
        for row in rows
    }
    assert found == expected
    assert len(rows) == len(found)


def test_streams_that_were_not_loaded(demo: DemoSimulator, tmp_path: Path) -> None:
    if not LOADER_PYTHON.exists():
        pytest.skip("no loader for DuckDB here; `make test` sets it up")
    built = DuckDB(tmp_path, demo, "tickets", "ticket_events")
    said = [line for line in built.printed.splitlines() if "was not loaded" in line]
    assert sum("stream groups " in line for line in said) == 1
    assert not any("stream tickets " in line for line in said)
    rows = built.query("answers", "select * from tickets_by_group_and_status")
    assert sum(row["tickets"] for row in rows) == len(demo.store.records["tickets"])
    assert {row["group_name"] for row in rows} == {"No group"}
