"""The dbt project's figures match the simulator's, in DuckDB and in PostgreSQL."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from . import project
from .answers import BROWSER, CHROMIUM, write_page
from .postgres import Pipeline, Schema
from .project import Project
from .running import command_for, config_for, select
from .simulator.definitions import definitions
from .simulator.demo_account import DemoSimulator
from .transform import (
    DBT,
    PROJECT,
    build,
    postgres_variables,
    project_of,
    promised_columns,
    run_dbt,
)
from .warehouse import LOADER_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not DBT.exists(), reason="no dbt here; `make test` sets it up")

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
EXECUTE = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as database:
    database.execute(sys.argv[2])
"""
OPEN = {"new", "open", "pending", "hold"}
EVERY_TABLE = ("--vars", '{"using_audit_log": true}')
HISTORY = ("--select", "zendesk_source__ticket_field_history")
TYPES = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE PRECISION": "float",
    "FLOAT": "float",
    "TEXT": "string",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITHOUT TIME ZONE": "timestamp",
    "VARCHAR": "string",
}
"""The type names of the models for those of the databases."""

Rows = list[dict[str, Any]]


class Built(Protocol):
    """A database with the built project.

    Attributes:
        variables: The environment variables that connect dbt to it.
        printed: The output of the first build.
    """

    variables: dict[str, str]
    printed: str

    def load(self, *streams: str) -> None:
        """Load the streams from the end of the last load."""

    def build(self, *arguments: str) -> str:
        """Build the project or a part of it, and return the output of dbt."""

    def query(self, schema: str, query: str) -> Rows:
        """Return the rows of a query in the schema with this suffix."""

    def execute(self, schema: str, statement: str) -> None:
        """Execute a statement in the schema with this suffix."""


class DuckDB:
    """A DuckDB file that the loader of the demo has written."""

    printed = ""

    def __init__(self, folder: Path, zendesk: DemoSimulator, *streams: str) -> None:
        """Load the streams."""
        self.path = folder / "zendesk.duckdb"
        config = {"filepath": str(self.path), "default_target_schema": "main"}
        (folder / "target.json").write_text(json.dumps(config))
        self.variables = {"DBT_TARGET": "duckdb", "ZENDESK_DUCKDB_PATH": str(self.path)}
        self._folder = folder
        self._zendesk = zendesk
        self._state: dict[str, Any] | None = None
        self.load(*streams)

    def load(self, *streams: str) -> None:
        """Load the streams from the end of the last load."""
        config, catalog = config_for(self._zendesk), select(*streams)
        tap = command_for(self._folder, config=config, catalog=catalog, state=self._state)
        messages = subprocess.run(tap, check=True, capture_output=True).stdout
        loader = LOADER_PYTHON.with_name("target-duckdb")
        command = (loader, "--config", self._folder / "target.json")
        run = subprocess.run(command, check=True, input=messages, capture_output=True)
        self._state = json.loads(run.stdout.splitlines()[-1])

    def build(self, *arguments: str) -> str:
        """Build the project or a part of it, and return the output of dbt."""
        return build(self._folder, self.variables, *EVERY_TABLE, *arguments)

    def query(self, schema: str, query: str) -> Rows:
        """Return the rows of a query in the schema with this suffix."""
        sql = f"set search_path = 'zendesk_{schema}'; {query}"
        command = (LOADER_PYTHON, "-c", QUERY, self.path, sql)
        rows: Rows = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        return rows

    def execute(self, schema: str, statement: str) -> None:
        """Execute a statement in the schema with this suffix."""
        sql = f"set search_path = 'zendesk_{schema}'; {statement}"
        subprocess.run((LOADER_PYTHON, "-c", EXECUTE, self.path, sql), check=True)


class PostgreSQL:
    """A PostgreSQL schema that the loader of the examples has written."""

    def __init__(self, folder: Path, zendesk: DemoSimulator, url: str) -> None:
        """Load the streams, and build the project through Meltano."""
        self.raw = Schema(url)
        self._pipeline = Pipeline(folder, zendesk, self.raw)
        self.load(*STREAMS)
        self.variables = postgres_variables(self.raw.url, self.raw.name)
        self._folder = folder
        copy = Project(folder, zendesk)
        copy.variables |= {k: v for k, v in self.variables.items() if k != "DBT_TARGET"}
        copy.variables["DBT_TARGET_PATH"] = str(folder / "target")  # where `build` goes on
        command = ("invoke", "--no-install", "dbt-postgres", "build", *EVERY_TABLE)
        self.printed = copy.meltano(*command)

    def load(self, *streams: str) -> None:
        """Load the streams from the end of the last load."""
        self._pipeline.run(catalog=select(*streams))

    def build(self, *arguments: str) -> str:
        """Build the project or a part of it, and return the output of dbt."""
        return build(self._folder, self.variables, *EVERY_TABLE, *arguments)

    def query(self, schema: str, query: str) -> Rows:
        """Return the rows of a query in the schema with this suffix."""
        return Schema(self.raw.url, f"{self.raw.name}_{schema}").query(query)

    def execute(self, schema: str, statement: str) -> None:
        """Execute a statement in the schema with this suffix."""
        Schema(self.raw.url, f"{self.raw.name}_{schema}").execute(statement)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoSimulator]:
    """A demo account."""
    with DemoSimulator(tickets=150, users=60, organizations=10) as simulator:
        yield simulator


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def built(
    request: pytest.FixtureRequest, demo: DemoSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    """The project, built in each kind of database."""
    folder = tmp_path_factory.mktemp("transform")
    if request.param == "duckdb":
        if not LOADER_PYTHON.exists():
            pytest.skip("no loader for DuckDB here; `make test` sets it up")
        loaded = DuckDB(folder, demo, *STREAMS)
        loaded.printed = loaded.build()
        yield loaded
        return
    if not project.is_there():
        pytest.skip(project.REASON)
    yield PostgreSQL(folder, demo, request.getfixturevalue("postgres"))


def seconds(text: str) -> datetime:
    """Parse the time of a record or a row. All times are in UTC."""
    return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=None)


def histories(demo: DemoSimulator, field: str) -> dict[int, list[tuple[datetime, Any]]]:
    """Return the values of a field by ticket, oldest first, from the simulator's events."""
    found: dict[int, list[tuple[datetime, Any]]] = {}
    events = sorted(demo.store.records["ticket_events"].values(), key=lambda e: int(e["id"]))
    for event in events:
        for child in event["child_events"]:
            if field in child:
                change = (seconds(event["created_at"]), child[field])
                found.setdefault(event["ticket_id"], []).append(change)
    return found


def group_names(demo: DemoSimulator) -> dict[int | None, str]:
    """Return the names of groups by id."""
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
        "select sum(created_tickets) as created, sum(reopened_tickets) as reopened, "
        "sum(solved_tickets) as solved from backlog_by_day",
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
        "solved": sum(one[1] == "solved" for changes in statuses.values() for one in changes),
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


def test_tickets_of_each_group(built: Built, demo: DemoSimulator) -> None:
    names = group_names(demo)
    expected = Counter(
        (names[ticket["group_id"]], ticket["status"])
        for ticket in demo.store.records["tickets"].values()
    )
    rows = built.query("answers", "select * from tickets_by_group_and_status")
    assert {(row["group_name"], row["status"]): row["tickets"] for row in rows} == expected


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


def test_dbt_finds_nothing_wrong(built: Built) -> None:
    assert "WARN=0 ERROR=0" in built.printed
    missing = re.findall(r"stream (\w+) was not loaded", built.printed)
    assert "ticket_metrics" in missing
    assert not set(missing).intersection(STREAMS)


@pytest.mark.parametrize(("schema", "folder"), [("source", "zendesk_source"), ("answers",) * 2])
def test_tables_have_the_documented_columns(built: Built, schema: str, folder: str) -> None:
    rows = built.query(
        schema,
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_schema = current_schema()",
    )
    tables: dict[str, dict[str, str]] = {}
    for row in rows:
        kind = TYPES[row["data_type"].upper()]
        tables.setdefault(row["table_name"], {})[row["column_name"]] = kind
    assert tables == promised_columns(folder)


def test_history_has_every_change(built: Built, demo: DemoSimulator) -> None:
    expected = {
        (ticket, field, str(at), str(value))
        for field in ("status", "priority", "group_id", "assignee_id")
        for ticket, changes in histories(demo, field).items()
        for at, value in changes
    }
    rows = built.query(
        "source",
        "select * from ticket_field_history where field_name not like '%time' "
        "and field_name <> 'sla_policy'",
    )
    found = {
        (row["ticket_id"], row["field_name"], str(seconds(row["updated"])), row["value"])
        for row in rows
    }
    assert found == expected
    assert len(rows) == len(found)


@pytest.mark.skipif(not project.is_there(), reason=project.REASON)
def test_meltano_builds_the_project_without_most_streams(
    demo: DemoSimulator, tmp_path: Path
) -> None:
    loaded = DuckDB(tmp_path, demo, "tickets", "ticket_events")
    copy = Project(tmp_path, demo)
    copy.variables["ZENDESK_DUCKDB_PATH"] = loaded.variables["ZENDESK_DUCKDB_PATH"]
    shown = copy.meltano("run", "--no-install", "dbt-duckdb:build")
    assert "ERROR=0 SKIP=0" in shown
    assert shown.count("stream groups was not loaded") == 1
    assert "stream tickets was not loaded" not in shown
    rows = loaded.query("answers", "select * from tickets_by_group_and_status")
    assert sum(row["tickets"] for row in rows) == len(demo.store.records["tickets"])
    assert {row["group_name"] for row in rows} == {"No group"}


def test_variables_of_dbt_zendesk_leave_tables_out(tmp_path: Path) -> None:
    """Another dbt project sets these variables and uses this one as a package."""
    switched = {
        "using_audit_log": {"audit_log"},
        "using_brands": {"brand"},
        "using_domain_names": {"domain_name"},
        "using_holidays": {"schedule_holiday"},
        "using_organization_tags": {"organization_tag"},
        "using_organizations": {"organization"},
        "using_schedules": {
            *("schedule", "schedule_holiday", "ticket_schedule", "time_zone", "daylight_time"),
        },
        "using_sla_policy_metric_history": {"sla_policy_metric_history"},
        "using_ticket_form_history": {"ticket_form_history"},
        "using_ticket_sla_policy": {"ticket_sla_policy"},
        "using_user_tags": {"user_tag"},
    }
    root = project_of(tmp_path / "root", [PROJECT], dict.fromkeys(switched, False))
    database = {"DBT_TARGET": "duckdb", "ZENDESK_DUCKDB_PATH": str(tmp_path / "none.duckdb")}
    listed = run_dbt("ls", root, tmp_path, database, "--resource-type", "model", "--quiet")
    tables = {
        name.rpartition("zendesk_source__")[2]
        for name in listed.splitlines()
        if "zendesk_source__" in name
    }
    assert tables == promised_columns("zendesk_source").keys() - set[str]().union(
        *switched.values()
    )
    assert "zendesk_answers__sla_breaches" in listed


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium to draw the page")
def test_the_page_draws_its_charts_without_a_network(built: Built, tmp_path: Path) -> None:
    if not isinstance(built, DuckDB):
        pytest.skip("the page reads DuckDB")
    page = tmp_path / "answers.html"
    [is_open, _, breached] = write_page(built.path, page).splitlines()
    [now] = built.query(
        "answers", "select open_tickets from backlog_by_day order by day desc limit 1"
    )
    assert is_open == f"{now['open_tickets']} tickets are open."
    [breaches] = built.query(
        "answers", "select count(*) filter (is_breached) as breached from sla_breaches"
    )
    assert breached.startswith(f"{breaches['breached']} of ")
    # This browser resolves no host name, so the page has to contain everything it needs.
    offline = ("--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr")
    command = (*BROWSER, *offline, "--dump-dom", page.as_uri())
    seen = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert 'data-drawn="4"' in seen.stdout
    assert seen.stdout.count('class="marks"') == 4
    # Areas and bars are paths. A chart without data has only an axis.
    assert seen.stdout.count("mark-area") + seen.stdout.count("mark-rect") >= 4
    assert "CONSOLE" not in seen.stderr


def test_custom_fields_have_titles_and_labels(built: Built, demo: DemoSimulator) -> None:
    fields: dict[int, dict[str, str]] = {}
    titles: dict[int, str] = {}
    for field in definitions("ticket_fields"):
        title = field["title"]
        titles[field["id"]] = f"{title} ({field['id']})" if title in titles.values() else title
        options = field.get("custom_field_options", ())
        fields[field["id"]] = {option["value"]: option["name"] for option in options}

    def text_of(field: dict[str, Any]) -> str | None:
        value, labels = field["value"], fields[field["id"]]
        if isinstance(value, list):
            return ", ".join(labels.get(str(tag), str(tag)) for tag in value) or "[]"
        if value is None or isinstance(value, bool):
            return None if value is None else str(value).lower()
        return labels.get(value, str(value))

    expected = {
        ticket["id"]: {titles[field["id"]]: text_of(field) for field in ticket["custom_fields"]}
        for ticket in demo.store.records["tickets"].values()
    }
    rows = built.query("staging", "select * from ticket_custom_fields_wide")
    assert {row.pop("ticket_id"): row for row in rows} == expected
    assert len(titles) > 20
    texts = {text for row in expected.values() for text in row.values()}
    assert {"Plan_Gold", "Alpha, Beta"} <= texts


def test_policy_targets_are_in_the_history(built: Built, demo: DemoSimulator) -> None:
    """dbt_zendesk reads them from there."""
    expected = {
        (event["ticket_id"], seconds(event["time"]), event["sla"]["target"])
        for event in demo.store.records["ticket_metric_events"].values()
        if event["type"] == "apply_sla"
    }
    rows = built.query(
        "source", "select * from ticket_field_history where field_name = 'first_reply_time'"
    )
    found = {
        (row["ticket_id"], seconds(row["updated"]), json.loads(row["value"])["minutes"])
        for row in rows
    }
    assert found == expected
    assert all(json.loads(row["value"])["in_business_hours"] for row in rows)


def test_a_second_build_adds_only_new_events(built: Built, demo: DemoSimulator) -> None:
    """This test comes last, because it changes the account."""
    history = "select ticket_id, field_name, updated, user_id, value from ticket_field_history"
    order = "where field_name = 'status' order by updated, ticket_id"
    before = built.query("source", f"{history} {order}")
    last = {row["ticket_id"]: row for row in before}
    old, late = min(last.values(), key=lambda row: str(row["updated"])), before[-len(before) // 4]
    assert str(old["updated"]) < str(late["updated"])

    def execute(statement: str, row: dict[str, Any]) -> None:
        where = f"where ticket_id = {row['ticket_id']} and updated = '{row['updated']}'"
        built.execute("source", f"{statement} {where} and field_name = 'status'")

    # A row that only a full build would correct, and one whose event is loaded only now.
    execute("update ticket_field_history set value = 'mangled'", old)
    if isinstance(built, PostgreSQL):
        execute("delete from ticket_field_history", late)
        built.raw.execute(
            "update ticket_events set _sdc_received_at = _sdc_received_at + interval '1 minute' "  # noqa: S608 - our own values
            f"where ticket_id = {late['ticket_id']} and created_at = '{late['updated']}'"
        )
    store = demo.store
    ticket = next(t for t in store.records["tickets"].values() if t["status"] == "open")
    store.update("tickets", ticket["id"], priority="urgent")
    told = {"id": 1, "event_type": "Change", "priority": "urgent", "previous_value": "low"}
    store.create("ticket_events", ticket_id=ticket["id"], child_events=[told])

    built.load(*STREAMS)
    assert "Got 1 result, configured to warn if != 0" in built.build(*HISTORY)
    after = built.query("source", f"{history} {order}")
    assert after == [row | {"value": "mangled"} if row == old else row for row in before]
    rows = built.query(
        "source",
        f"{history} where field_name = 'priority' and ticket_id = {ticket['id']} order by updated",
    )
    assert rows[-1]["value"] == "urgent"
    assert len(rows) == len(histories(demo, "priority")[ticket["id"]])
