"""Runs of the Meltano project: its commands, jobs, states and errors."""

from __future__ import annotations

import json
import re
import runpy
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX
from tap_zendesk_incremental.streams import STREAMS

from . import project
from .accounts import KEYS, SIDELOADED, holds
from .project import Project
from .running import config_for, run_tap
from .simulator.credentials import CHAT_ACCESS_TOKEN
from .test_postgres import change_everything
from .test_recipes import recipe
from .warehouse import ROOT, as_loaded, differences, read_database

if TYPE_CHECKING:
    from pathlib import Path

    from .postgres import Schema
    from .running import Json
    from .simulator import Simulator

pytestmark = pytest.mark.skipif(not project.is_there(), reason=project.REASON)

TAP = "tap-zendesk-incremental"
IDS = {part: f"prod:{TAP}--{part}-to-target-postgres:acme" for part in ("tickets", "others")}


@pytest.fixture
def copy(tmp_path: Path, zendesk: Simulator) -> Project:
    """A copy of the project that loads from the test's own account."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, zendesk)


def test_meltano_tests_the_settings(copy: Project, zendesk: Simulator) -> None:
    assert "Plugin configuration is valid" in copy.meltano("config", "test", "--no-install", TAP)
    copy.variables["TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN"] = "wrong"
    zendesk.clear()
    shown = copy.meltano("config", "test", "--no-install", TAP, exit_code=1)
    assert "Plugin configuration is invalid" in shown


def test_the_selection_matches_the_default_of_the_tap(
    copy: Project, zendesk: Simulator, tmp_path: Path
) -> None:
    shown = copy.meltano("select", "--no-install", "--list", TAP)
    found = set(re.findall(r"\[(?:selected|automatic) *\] ([\w-]+\.[\w-]+)$", shown, re.MULTILINE))
    run = run_tap(tmp_path, config_for(zendesk), "--discover")
    expected = set()
    for entry in json.loads(run.stdout)["streams"]:
        metadata = {tuple(one["breadcrumb"]): one["metadata"] for one in entry["metadata"]}
        if metadata[()]["selected-by-default"]:
            expected |= {
                f"{entry['tap_stream_id']}.{breadcrumb[1]}"
                for breadcrumb, one in metadata.items()
                if len(breadcrumb) == 2 and one.get("selected-by-default", True)
            }
    assert found == expected


def load_into(copy: Project, schema: Schema) -> None:
    """Let the loader write into a schema."""
    copy.variables |= {
        "TARGET_POSTGRES_SQLALCHEMY_URL": schema.url,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema.name,
    }


def test_jobs_load_everything_into_postgres(
    copy: Project, zendesk: Simulator, schema: Schema
) -> None:
    load_into(copy, schema)
    selected = {stream.name for stream in STREAMS if stream.selected_by_default}
    streams = {
        name: records.values()
        for name, records in zendesk.store.records.items()
        if name in selected or name.startswith(CUSTOM_OBJECT_PREFIX)
    }
    copy.meltano("run", "--no-install", "--state-id-suffix=acme", "zendesk-all")
    assert schema.differences(streams) == []
    states = copy.states()
    assert states.keys() == set(IDS.values())
    assert states[IDS["tickets"]]["bookmarks"].keys() == {"tickets"}
    assert "tickets" not in states[IDS["others"]]["bookmarks"]

    change_everything(zendesk)
    zendesk.clear()
    copy.meltano("run", "--no-install", "--state-id-suffix=acme", "zendesk-tickets")
    [request] = [one for one in zendesk.requests if "/incremental/" in one.path]
    assert request.params["cursor"] == states[IDS["tickets"]]["bookmarks"]["tickets"]["cursor"]
    assert schema.differences({"tickets": streams["tickets"]}) == []
    assert schema.differences({"users": streams["users"]})

    zendesk.clear()
    copy.meltano(
        "run",
        "--no-install",
        "--state-id-suffix=acme",
        "--full-refresh",
        f"{TAP}--tickets",
        "target-postgres",
    )
    [request] = [one for one in zendesk.requests if "/incremental/" in one.path]
    assert request.params["start_time"] == "0"
    assert request.records == len(streams["tickets"])
    assert copy.states()[IDS["others"]] == states[IDS["others"]]


LOAD_TICKETS = ("run", "--no-install", f"{TAP}--tickets", "target-postgres")


def logged_by_tap(copy: Project) -> list[Json]:
    """Load the tickets, and return what Meltano logs of the tap."""
    shown = copy.meltano("--log-format=json", *LOAD_TICKETS).splitlines()
    lines: list[Json] = [json.loads(line) for line in shown]
    return [line for line in lines if line.get("string_id") == f"{TAP}--tickets"]


def test_logs_of_failed_and_good_runs(copy: Project, zendesk: Simulator, schema: Schema) -> None:
    """A failed run logs one line of the tap that names the error. A good run logs no metrics."""
    load_into(copy, schema)

    zendesk.faults.add("status", code=403, path="incremental/tickets")
    shown = copy.meltano(*LOAD_TICKETS, exit_code=1)
    assert "Extractor failed" in shown
    assert "Traceback" not in shown
    [error] = [line for line in shown.splitlines() if re.search(rf"\[error *\] {TAP}", line)]
    assert "tickets: HTTP 403" in error
    lines = logged_by_tap(copy)
    assert schema.differences({"tickets": zendesk.store.records["tickets"].values()}) == []
    assert any(re.match(r"tickets +\d", line["event"]) for line in lines)
    assert not any("METRIC" in line["event"] for line in lines)


def leave_a_row_stale(zendesk: Simulator) -> str:
    """Solve a ticket as an automation does, unseen by lists. Return its id as text."""
    tickets = zendesk.store.records["tickets"]
    stale = next(id_ for id_, ticket in tickets.items() if ticket["status"] == "open")
    zendesk.store.system_update(stale, at=int(time.time()) - 61, status="solved")
    return str(stale)


def check_full_walk(before: tuple[str, Json], walk: tuple[str, Json]) -> None:
    """Assert that a full walk left the bookmark in place, and logged its time.

    Args:
        before: The log of the run before the walk, and the bookmark of tickets after it.
        walk: The log of the walk, and the bookmark after it.
    """
    (shown, bookmark), (shown_by_walk, moved) = before, walk
    said = f"tickets: the list was last read in full at {moved['read_whole_at']}"
    assert moved == bookmark | {"read_whole_at": moved["read_whole_at"]}
    assert said not in shown
    assert said in shown_by_walk


def test_the_weekly_schedule_corrects_stale_rows(
    copy: Project, zendesk: Simulator, schema: Schema
) -> None:
    """The schedule from the how-to has the same job and state, and another replication method."""
    load_into(copy, schema)
    copy.variables["TAP_ZENDESK_INCREMENTAL_EXPORT_METHOD"] = "list"
    [weekly] = recipe("Walk the lists once a week")["schedules"]
    file = copy.folder / "meltano.yml"
    settings = yaml.safe_load(file.read_text())
    settings["schedules"].append(weekly)
    file.write_text(yaml.safe_dump(settings))

    def run(*command: str) -> tuple[str, Json]:
        shown = copy.meltano(*command)
        [(state_id, state)] = copy.states().items()
        assert state_id == IDS["tickets"]
        return shown, state["bookmarks"]["tickets"]

    options = ("--no-install", "--state-id-suffix=acme")
    before = run("run", *options, "zendesk-tickets")
    stale = leave_a_row_stale(zendesk)
    status = f"select status from tickets where id = {stale}"  # noqa: S608 - our own number
    assert schema.query(status) == [{"status": "open"}]
    walk = run("schedule", "run", weekly["name"], *options)
    assert schema.query(status) == [{"status": "solved"}]
    check_full_walk(before, walk)


def test_a_full_walk_by_an_orchestrator_corrects_stale_rows(
    copy: Project, zendesk: Simulator
) -> None:
    """The test runs what the examples for Airflow and Dagster run."""
    file = copy.folder / "orchestrate/zendesk_accounts.py"
    file.parent.mkdir()
    file.write_bytes((ROOT / "orchestrate/zendesk_accounts.py").read_bytes())
    example = runpy.run_path(str(file))
    database = copy.folder / "zendesk.duckdb"
    settings = copy.variables | {
        "TAP_ZENDESK_INCREMENTAL_EXPORT_METHOD": "list",
        "TAP_ZENDESK_INCREMENTAL__SELECT": '["tickets.*"]',
        "TARGET_DUCKDB_FILEPATH": str(database),
    }
    account = {"subdomain": "acme", "settings": settings, "secrets": {}}

    def run(*, whole: bool = False) -> tuple[str, Json]:
        copy.variables = example["environment"](account, "core", whole=whole)
        shown = copy.meltano(*example["command"](account, "core")[1:])
        [state] = copy.states().values()
        return shown, state["bookmarks"]["tickets"]

    def status() -> str:
        _, rows = read_database(database, {"tickets": "id"})["tickets"]
        return str(rows[stale]["status"])

    before = run()
    stale = leave_a_row_stale(zendesk)
    assert status() == "open"
    walk = run(whole=True)
    assert status() == "solved"
    check_full_walk(before, walk)


def test_streams_that_the_demo_does_not_compare_arrive_in_duckdb(
    copy: Project, zendesk: Simulator
) -> None:
    """Definitions of fields, sideloads, and streams of Chat."""
    # The loader rejects text in the JSON columns of chat_department_events.
    chat = ("chats", "chat_agent_timeline", "chat_conversions")
    streams = (*SIDELOADED, "ticket_fields", "user_fields", "organization_fields", *chat)
    keys = {stream: KEYS.get(stream, "id") for stream in streams}
    database = copy.folder / "zendesk.duckdb"
    copy.variables |= {
        "TAP_ZENDESK_INCREMENTAL__SELECT": json.dumps([f"{stream}.*" for stream in streams]),
        "TARGET_DUCKDB_FILEPATH": str(database),
        "TAP_ZENDESK_INCREMENTAL_CHAT_ACCESS_TOKEN": CHAT_ACCESS_TOKEN,
    }
    copy.meltano("run", "--no-install", TAP, "target-duckdb")
    for stream, (types, rows) in read_database(database, keys).items():
        key = keys[stream]
        records = {
            str(as_loaded(record[key], types[key])): record
            for record in holds(zendesk, stream).values()
        }
        assert differences(stream, records, types, rows) == []


def test_metrics_are_logged_on_request(copy: Project, schema: Schema) -> None:
    load_into(copy, schema)
    file = copy.folder / "meltano.yml"
    project = yaml.safe_load(file.read_text(encoding="utf-8"))
    [extractor] = [one for one in project["plugins"]["extractors"] if one["name"] == TAP]
    extractor.update(recipe("Log the SDK's metrics"))
    file.write_text(yaml.safe_dump(project), encoding="utf-8")
    lines = logged_by_tap(copy)
    assert any("METRIC" in line["event"] for line in lines)
    assert not any(line["level"] == "debug" for line in lines)
