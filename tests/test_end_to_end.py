"""The installed command as a process: its options, its errors, and a kill at any moment."""

from __future__ import annotations

import random
import sys
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from .running import COMMAND, STREAMS, Run, command_for, config_for, run, run_tap, select, start
from .simulator import credentials
from .test_export import asked, by_id, data_of

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

run_command = partial(run_tap, is_command=True)
RECORD = b'{"type":"RECORD"'


def killed_after(records: int, command: list[str]) -> Run:
    """Kill the tap after some records, and return what it wrote until then."""
    lines: list[bytes] = []
    with start(command) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            records -= line.startswith(RECORD)
            if not records:
                break
        process.kill()
    return Run(process.returncode, b"".join(lines), "")


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_at_a_random_record_loses_nothing(
    zendesk: Simulator, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    config = config_for(
        zendesk,
        export_method=chance.choice(["cursor", "time"]),
        per_page=chance.choice([5, 12, 30]),
    )
    catalog = select(*STREAMS)
    total = sum(len(zendesk.store.records[stream]) for stream in STREAMS)
    command = command_for(tmp_path, config=config, catalog=catalog)
    killed = killed_after(chance.randrange(1, total), command)
    first = {stream: asked(zendesk, stream) for stream in STREAMS}
    zendesk.clear()
    resumed = run_tap(tmp_path, config, state=killed.state, catalog=catalog)
    assert resumed.exit_code == 0
    bookmarks = (killed.state or {}).get("bookmarks", {})
    for stream in STREAMS:
        before, after = by_id(killed.records[stream]), by_id(resumed.records[stream])
        assert before | after == data_of(zendesk, stream)
        # Each stream resumes at its bookmark, not earlier.
        token = {k: str(v) for k, v in bookmarks.get(stream, {}).items() if k == "cursor"}
        if end_time := bookmarks.get(stream, {}).get("end_time"):
            token = {"start_time": str(end_time)}
        assert asked(zendesk, stream)[0] == {
            **(token or {"start_time": "0"}),
            "per_page": str(config["per_page"]),
        }
        # Pages requested again: the one being written, the one fetched in the meantime, and
        # those that the tap wrote but this test did not read before the kill.
        again = [params for params in asked(zendesk, stream) if params in first[stream]]
        assert again == asked(zendesk, stream)[: len(again)]


def test_only_the_page_that_a_kill_cut_short_is_repeated(
    zendesk: Simulator, tmp_path: Path
) -> None:
    config, catalog = config_for(zendesk, per_page=10), select("tickets")
    run_ = killed_after(35, command_for(tmp_path, config=config, catalog=catalog))
    assert len(run_.states) == 3
    resumed = run_tap(tmp_path, config, state=run_.state, catalog=catalog)
    ids = [ticket["id"] for ticket in run_.records["tickets"][:30] + resumed.records["tickets"]]
    assert sorted(ids) == sorted(zendesk.store.records["tickets"])
    assert len(ids) == len(set(ids))


def test_discovery_needs_no_settings(tmp_path: Path) -> None:
    found = run_command(tmp_path, None, "--discover")
    assert found.exit_code == 0
    streams = {s["tap_stream_id"]: s for s in msgspec.json.decode(found.stdout)["streams"]}
    assert streams.keys() >= set(STREAMS)
    for name in STREAMS:
        assert streams[name]["key_properties"] == ["id"]
        assert streams[name]["replication_method"] == "INCREMENTAL"
        assert "fields" not in streams[name]["schema"]["properties"]
    assert {name: streams[name]["replication_key"] for name in STREAMS} == {
        "tickets": "generated_timestamp",
        "ticket_events": "timestamp",
        "users": "updated_at",
        "organizations": "updated_at",
    }


def test_a_discovered_catalog_exports(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk)
    catalog = msgspec.json.decode(run_command(tmp_path, config, "--discover").stdout)
    found = run_command(tmp_path, config, catalog=catalog)
    assert found.exit_code == 0
    assert by_id(found.records["users"]) == data_of(zendesk, "users")


def test_about(tmp_path: Path) -> None:
    markdown = run_command(tmp_path, None, "--about", "--format=markdown")
    about = run_command(tmp_path, None, "--about", "--format=json")
    assert markdown.exit_code == about.exit_code == 0
    settings = msgspec.json.decode(about.stdout)["settings"]["properties"]
    for name in ("subdomain", "client_secret", "export_method", "per_page", "start_date"):
        assert name in settings
        assert f"| {name} |" in markdown.stdout.decode()
    assert settings["client_secret"]["secret"] is True
    assert settings["export_method"]["enum"] == ["cursor", "time", "list"]


@pytest.mark.parametrize("option", ["--test", "--test=schema"])
def test_dry_runs(zendesk: Simulator, tmp_path: Path, option: str) -> None:
    tried = run_command(tmp_path, config_for(zendesk), option)
    assert tried.exit_code == 0
    assert set(STREAMS) <= tried.schemas.keys()
    for stream in STREAMS:
        assert bool(tried.records[stream]) == (option == "--test")
        assert len(asked(zendesk, stream)) <= 1


def test_settings_and_login_from_the_environment(zendesk: Simulator, tmp_path: Path) -> None:
    prefix = "TAP_ZENDESK_INCREMENTAL_"
    env = {
        f"{prefix}SUBDOMAIN": "example",
        f"{prefix}API_URL": zendesk.url,
        f"{prefix}CLIENT_ID": credentials.CLIENT_ID,
        f"{prefix}CLIENT_SECRET": credentials.CLIENT_SECRET,
        f"{prefix}PER_PAGE": "25",
    }
    found = run_command(tmp_path, None, "--config=ENV", catalog=select("tickets"), env=env)
    assert found.exit_code == 0
    assert by_id(found.records["tickets"]) == data_of(zendesk, "tickets")
    assert [params["per_page"] for params in asked(zendesk, "tickets")] == ["25", "25"]


def test_the_tap_runs_as_a_module(zendesk: Simulator, tmp_path: Path) -> None:
    command = command_for(tmp_path, config=config_for(zendesk), catalog=select("users"))
    found = run([sys.executable, "-m", "tap_zendesk_incremental", *command[1:]])
    assert found.exit_code == 0
    assert by_id(found.records["users"]) == data_of(zendesk, "users")


def test_version(tmp_path: Path) -> None:
    found = run_command(tmp_path, None, "--version")
    assert found.exit_code == 0
    assert found.stdout.startswith(b"tap-zendesk-incremental v")


def test_a_stuck_cursor_ends_with_one_line_after_the_last_state(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.faults.add("stuck_cursor", times=9, path="tickets/cursor", after=2)
    config, catalog = config_for(zendesk, per_page=10), select("tickets")
    stuck = run_command(tmp_path, config, catalog=catalog)
    assert stuck.exit_code == 1
    (line,) = stuck.log("ERROR")
    assert "tickets: Zendesk's cursor does not advance" in line
    assert "Traceback" not in stuck.stderr
    assert len(stuck.records["tickets"]) == 20
    zendesk.clear()
    rest = run_tap(tmp_path, config, state=stuck.state, catalog=catalog)
    assert by_id(stuck.records["tickets"] + rest.records["tickets"]) == data_of(zendesk, "tickets")
    assert len(rest.records["tickets"]) == 30


def test_the_command_is_installed() -> None:
    assert COMMAND.is_file()
