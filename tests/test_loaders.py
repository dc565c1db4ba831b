"""Statements of docs/loaders.md about each loader, checked against tables that it wrote."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_zendesk_incremental.state import epoch

from .postgres import Pipeline
from .running import config_for, run_tap, select
from .simulator import Simulator
from .warehouse import LOADER_PYTHON, ROOT, read_database

if TYPE_CHECKING:
    from pathlib import Path

    from .postgres import Schema

HOW_TO = (ROOT / "docs/how-to.md").read_text(encoding="utf-8")
SYSTEM_UPDATES = HOW_TO.partition("## Tell system updates")[2].split("```")[1].removeprefix("sql")
PAGE = (ROOT / "docs/loaders.md").read_text(encoding="utf-8")
EXAMPLES = {
    "integer, also epoch seconds and ids": ("id", "generated_timestamp", "brand_id"),
    "text": ("subject", "status"),
    "true or false": ("is_public",),
    "date-time": ("created_at", "updated_at"),
    "object": ("via", "_rescued_data"),
    "array of integers": ("collaborator_ids", "follower_ids"),
    "array of text": ("tags",),
    "array of objects": ("custom_fields",),
}
"""Properties of tickets, by the kind of column in the document's table."""

COUNT_ROWS = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as database:
    print(len(database.sql(sys.argv[2]).fetchall()))
"""

POSTGRES_NAMES = {
    "timestamp without time zone": "timestamp",
    "_int8": "bigint[]",
    "_text": "text[]",
    "_jsonb": "jsonb[]",
}


def told(loader: str) -> dict[str, str]:
    """Return the documented column type of each example, for a loader."""
    section = PAGE.partition("## What a column becomes\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    place = rows[0].index(loader)
    types = {row[0]: row[place].split("`")[1] for row in rows[2:]}
    assert types.keys() == EXAMPLES.keys()
    return {name: types[kind] for kind, names in EXAMPLES.items() for name in names}


def queries(loader: str) -> list[str]:
    """Return the queries in the section of a loader."""
    section = PAGE.partition(f"## {loader}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sql\n(.*?)```", section, flags=re.DOTALL)


def touched(zendesk: Simulator) -> set[int]:
    """Return the tickets whose last change is a system update."""
    tickets = zendesk.store.records["tickets"]
    found = {
        ticket["id"]
        for ticket in map(tickets.__getitem__, tickets)
        if ticket["generated_timestamp"] > epoch(ticket["updated_at"]) + 60
    }
    assert 0 < len(found) < len(tickets)
    return found


def test_documented_versions_are_the_pinned_ones() -> None:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    pins = {one["name"]: one["pip_url"] for one in project["plugins"]["loaders"]}
    row = re.compile(r"^\| (target-\w+) \(.*?\) \| (\S+)(?: with DuckDB (\S+))? \|", re.MULTILINE)
    rows = row.findall(PAGE)
    assert len(rows) == 2
    for name, version, duckdb in rows:
        assert re.search(rf"{name}=={version}", pins[name])
        assert f"duckdb=={duckdb}" in pins[name] or not duckdb


def test_types_and_queries_in_postgres(zendesk: Simulator, tmp_path: Path, schema: Schema) -> None:
    """Each query runs as printed, and `_rescued_data` is NULL where the page says so."""
    expected_ids = touched(zendesk)
    Pipeline(tmp_path, zendesk, schema).run(catalog=select("tickets"))
    types, _ = schema.tables(["tickets"])["tickets"]
    expected = told("PostgreSQL")
    assert {name: POSTGRES_NAMES.get(types[name], types[name]) for name in expected} == expected
    assert {row["id"] for row in schema.query(SYSTEM_UPDATES)} == expected_ids
    rows = [schema.query(query) for query in queries("PostgreSQL")]
    assert [bool(found) for found in rows] == [True, True, False]
    [count] = schema.query("select count(_rescued_data) as n from tickets")
    assert count["n"] == len(rows[1])  # no NULL among them


@pytest.mark.skipif(not LOADER_PYTHON.exists(), reason="no loader for DuckDB here; see `make test`")
def test_types_and_queries_in_duckdb(tmp_path: Path) -> None:
    """The same for DuckDB, where an empty string becomes NULL and an empty stream has a table."""
    with Simulator(organizations=0) as zendesk:
        tickets = zendesk.store.records["tickets"]
        first, *_ = tickets
        zendesk.store.update("tickets", first, subject="")
        system_updates = len(touched(zendesk))
        section = PAGE.partition("## DuckDB\n")[2].partition("\n## ")[0]
        settings = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
        streams = ("tickets", "organizations", "chat_department_events")
        run = run_tap(tmp_path, config_for(zendesk, **settings), catalog=select(*streams))
        changes = zendesk.store.records["chat_department_events"]
        values = {change["id"]: change["value"] for change in changes.values()}
    database, config = tmp_path / "zendesk.duckdb", tmp_path / "target.json"
    loaded = {"filepath": str(database), "default_target_schema": "main"}
    config.write_text(json.dumps(loaded), encoding="utf-8")
    loader = (LOADER_PYTHON.with_name("target-duckdb"), "--config", config)
    subprocess.run(loader, input=run.stdout, check=True, capture_output=True)
    tables = read_database(database, dict.fromkeys(streams, "id"))
    types, rows = tables["tickets"]
    expected = told("DuckDB")
    assert {name: types[name].split()[0] for name in expected} == expected
    assert len(rows) == len(tickets)
    assert rows[str(first)]["subject"] is None
    assert tables["organizations"][1] == {}
    _, changed = tables["chat_department_events"]
    assert {id_: json.loads(row["value"]) for id_, row in changed.items()} == values
    fields, times = queries("DuckDB")
    field_count = sum(len(ticket["custom_fields"]) for ticket in tickets.values())
    asked = [(SYSTEM_UPDATES, system_updates), (fields, field_count), (times, len(rows))]
    for query, count in asked:
        command = (LOADER_PYTHON, "-c", COUNT_ROWS, database, query)
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert int(found) == count


@pytest.mark.skipif(not LOADER_PYTHON.exists(), reason="no loader for DuckDB here; see `make test`")
def test_no_state_of_duckdb_covers_what_it_has_not_stored(
    zendesk_shared: Simulator, tmp_path: Path
) -> None:
    """By itself it stores one stream at a time, and a bookmark covers a stream's children too."""
    catalog = select("ticket_events", "ticket_comments")
    run = run_tap(tmp_path, config_for(zendesk_shared, per_page=20), catalog=catalog)
    kinds = [(message["type"], message.get("stream")) for message in run.messages]
    first_state = kinds.index(("STATE", None))
    event, comment = ("RECORD", "ticket_events"), ("RECORD", "ticket_comments")
    batch = kinds[:first_state].count(event) + 1
    end = kinds.index(event, first_state) + 1  # the loader stores the batch, and ends
    assert 0 < kinds[:end].count(comment) < batch

    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    [loader] = [one for one in project["plugins"]["loaders"] if one["name"] == "target-duckdb"]
    settings = {one["name"]: one["value"] for one in loader["settings"] if "value" in one}
    database, config = tmp_path / "zendesk.duckdb", tmp_path / "target.json"
    settings |= {"filepath": str(database), "batch_size_rows": batch}
    config.write_text(json.dumps(settings), encoding="utf-8")
    load = subprocess.run(
        (LOADER_PYTHON.with_name("target-duckdb"), "--config", config),
        input=b"\n".join([*run.lines[:end], b"cut"]),
        check=False,
        capture_output=True,
    )
    assert load.returncode
    assert json.loads(load.stdout) == run.states[0]
    stored = read_database(database, {"ticket_events": "id", "ticket_comments": "id"})
    for message in run.messages[:first_state]:
        if message["type"] == "RECORD":
            assert str(message["record"]["id"]) in stored[message["stream"]][1]
