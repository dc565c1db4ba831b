"""The Meltano project, run: its commands, its jobs, its states, and what it shows of errors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX
from tap_zendesk_incremental.streams import STREAMS

from . import project
from .postgres import TARGET, Schema, served
from .project import Project
from .running import config_for, run_tap
from .test_postgres import change_everything

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .simulator import Simulator

pytestmark = pytest.mark.skipif(not project.is_there(), reason=project.REASON)

TAP = "tap-zendesk-incremental"
IDS = {part: f"prod:{TAP}--{part}-to-target-postgres:acme" for part in ("tickets", "others")}


@pytest.fixture
def copy(tmp_path: Path, zendesk: Simulator) -> Project:
    """Gives a copy of the project that loads from the test's own account."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, zendesk)


@pytest.fixture
def schema() -> Iterator[Schema]:
    """Gives a place in a PostgreSQL database."""
    if not TARGET.exists():
        pytest.skip("no PostgreSQL here; `make test` sets it up")
    with served() as url:
        schema = Schema(url)
        yield schema
        schema.drop()


def test_settings_can_be_tested_with_one_page(copy: Project, zendesk: Simulator) -> None:
    assert "Plugin configuration is valid" in copy.meltano("config", "test", "--no-install", TAP)
    copy.variables["TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN"] = "wrong"
    zendesk.clear()
    shown = copy.meltano("config", "test", "--no-install", TAP, exit_code=1)
    assert "Plugin configuration is invalid" in shown


def test_selection_is_what_the_tap_selects_by_itself(
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
    """Points the loader to a schema."""
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
        name: records
        for name, records in zendesk.store.records.items()
        if name in selected or name.startswith(CUSTOM_OBJECT_PREFIX)
    }
    copy.meltano("run", "--no-install", "--state-id-suffix=acme", "zendesk-all")
    for stream, records in streams.items():
        assert schema.differences(stream, records.values()) == []
    states = copy.states()
    assert states.keys() == set(IDS.values())
    assert states[IDS["tickets"]]["bookmarks"].keys() == {"tickets"}
    assert "tickets" not in states[IDS["others"]]["bookmarks"]

    change_everything(zendesk)
    zendesk.clear()
    copy.meltano("run", "--no-install", "--state-id-suffix=acme", "zendesk-tickets")
    [request] = [one for one in zendesk.requests if "/incremental/" in one.path]
    assert request.params["cursor"] == states[IDS["tickets"]]["bookmarks"]["tickets"]["cursor"]
    assert schema.differences("tickets", streams["tickets"].values()) == []
    assert schema.differences("users", streams["users"].values())

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


def test_errors_say_what_is_wrong(copy: Project, zendesk: Simulator, schema: Schema) -> None:
    """Whoever reads the log of a failed run finds one line of the tap, and an exit code."""
    load_into(copy, schema)
    tickets = (
        "run",
        "--no-install",
        "--state-id-suffix=acme",
        f"{TAP}--tickets",
        "target-postgres",
    )

    def error_of_failed_run() -> str:
        shown = copy.meltano(*tickets, exit_code=1)
        assert "Extractor failed" in shown
        assert "Traceback" not in shown
        [line] = [one for one in shown.splitlines() if re.search(rf"\[error *\] {TAP}", one)]
        return line

    zendesk.faults.add("status", code=403, path="incremental/tickets")
    assert "tickets: HTTP 403" in error_of_failed_run()
    copy.meltano(*tickets)
    [state] = copy.folder.glob("states/*/state.json")
    good = state.read_text()
    state.write_text(good.replace('"cursor"', '"cursor_of_a_later_version"'))
    assert "The state cannot be used" in error_of_failed_run()
    state.write_text(good)
    copy.meltano(*tickets)
    assert schema.differences("tickets", zendesk.store.records["tickets"].values()) == []
