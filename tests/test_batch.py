"""Batches: files of records for loaders that take files, and states that cover only them."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import signal
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from singer_sdk.exceptions import SingerSDKError

from tap_zendesk_incremental.errors import RefusedError
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .postgres import Pipeline
from .processes import trimmed
from .running import (
    STREAMS,
    TIMEOUT_SECONDS,
    Run,
    command_for,
    config_for,
    run,
    run_tap,
    select,
    start,
    sync,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .postgres import Schema
    from .running import Json
    from .simulator import Simulator

Records = dict[str, list["Json"]]


def batches_in(folder: Path, batch_size: int) -> Json:
    """Return settings that write batches to a folder, as gzipped JSON lines."""
    folder.mkdir(exist_ok=True)
    return {
        "batch_size": batch_size,
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{folder}", "prefix": "zendesk-"},
    }


def lines_of(address: str) -> list[Json]:
    """Read the records of a batch file."""
    with gzip.open(unquote(urlsplit(address).path), "rb") as file:
        return [msgspec.json.decode(line) for line in file]


def records_of(messages: Iterable[Json]) -> Records:
    """Return the records in the files that BATCH messages name, by stream."""
    found: Records = {stream: [] for stream in STREAMS}
    for message in messages:
        if message["type"] == "BATCH":
            assert message["encoding"] == {"format": "jsonl", "compression": "gzip"}
            for address in message["manifest"]:
                found[message["stream"]] += lines_of(address)
    return found


def check_complete(zendesk: Simulator, *parts: Records) -> None:
    """Assert that the records of the runs add up to the account, as Zendesk sent them."""
    for stream in STREAMS:
        came = {one["id"]: one for part in parts for one in part[stream]}
        there = {key: trimmed(one) for key, one in zendesk.store.records[stream].items()}
        assert came == there


def test_storage_without_its_package_is_reported(zendesk: Simulator, tmp_path: Path) -> None:
    batches = {"encoding": {"format": "jsonl"}, "storage": {"root": "s3://bucket"}}
    ended = run(
        command_for(
            tmp_path, config=config_for(zendesk, batch_config=batches), catalog=select("users")
        )
    )
    assert ended.exit_code == 1
    [line] = ended.log("ERROR")
    assert "Install s3fs to access S3" in line
    assert not ended.log("CRITICAL")


def test_files_hold_every_record_once(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk, per_page=10, batch_config=batches_in(tmp_path / "files", 7))
    ended = run(command_for(tmp_path, config=config, catalog=select(*STREAMS)))
    assert ended.exit_code == 0, ended.stderr
    assert {message["type"] for message in ended.messages} == {"SCHEMA", "BATCH", "STATE"}
    records = records_of(ended.messages)
    check_complete(zendesk, records)
    for stream in STREAMS:
        assert len(records[stream]) == len(zendesk.store.records[stream])


# Smaller than a page, as large as one, larger, and larger than the whole account.
@pytest.mark.parametrize("batch_size", [4, 10, 13, 1000])
def test_state_covers_only_batches_before_it(
    zendesk: Simulator, tmp_path: Path, batch_size: int
) -> None:
    """The files before any state, and those of a run from it, together hold all records."""
    batches = batches_in(tmp_path / "files", batch_size)
    config = config_for(zendesk, per_page=10, batch_config=batches)
    catalog = select(*STREAMS)
    messages = sync(config, catalog=catalog).messages
    places = [n for n, message in enumerate(messages) if message["type"] == "STATE"]
    assert places
    for place in {*places[:: max(1, len(places) // 8)], places[-1]}:
        rest = sync(config, catalog=catalog, state=messages[place]["value"])
        check_complete(zendesk, records_of(messages[:place]), records_of(rest.messages))


def test_a_sideload_alone_resumes_from_its_state(zendesk: Simulator, tmp_path: Path) -> None:
    """Records of sideloads come as RECORD messages."""
    catalog = select("ticket_metrics")
    config = config_for(zendesk, batch_config=batches_in(tmp_path / "files", 40))
    first = sync(config, catalog=catalog)
    assert len(first.records["ticket_metrics"]) == len(zendesk.store.records["tickets"])
    second = sync(config, catalog=catalog, state=first.state)
    assert not second.records["ticket_metrics"]


def test_files_follow_stream_maps_and_selection(zendesk: Simulator, tmp_path: Path) -> None:
    maps = {"users": {"email": None, "name": "'x'", "__filter__": "id % 2 == 0"}}
    batches = batches_in(tmp_path / "files", 7)
    config = config_for(zendesk, batch_config=batches, stream_maps=maps)
    messages = sync(config, catalog=select("users", "tickets", off=["via.source"])).messages
    found = records_of(messages)
    assert {user["id"] for user in found["users"]} == {
        id_ for id_ in zendesk.store.records["users"] if id_ % 2 == 0
    }
    assert all("email" not in user and user["name"] == "x" for user in found["users"])
    assert found["tickets"]
    assert all("source" not in ticket["via"] for ticket in found["tickets"] if "via" in ticket)


def test_files_of_a_renamed_stream_have_its_new_name(zendesk: Simulator, tmp_path: Path) -> None:
    maps = {"users": None, "people": {"__source__": "users", "email": None}}
    batches = batches_in(tmp_path / "files", 7)
    config = config_for(zendesk, batch_config=batches, stream_maps=maps)
    run = sync(config, catalog=select("users"))
    files = [message for message in run.messages if message["type"] == "BATCH"]
    assert {message["stream"] for message in files} == set(run.schemas) == {"people"}
    found = [user for m in files for address in m["manifest"] for user in lines_of(address)]
    assert {user["id"] for user in found} == set(zendesk.store.records["users"])
    assert not any("email" in user for user in found)


def test_several_stream_maps_of_one_stream_are_refused(zendesk: Simulator, tmp_path: Path) -> None:
    maps = {"users": {}, "people": {"__source__": "users"}}
    batches = batches_in(tmp_path / "files", 7)
    config = config_for(zendesk, batch_config=batches, stream_maps=maps)
    with pytest.raises(SingerSDKError, match="users has several stream maps"):
        sync(config, catalog=select("users"))


def test_other_streams_are_exported_when_one_fails(zendesk: Simulator, tmp_path: Path) -> None:
    """Its own records up to the error are in files too, and the next run continues there."""
    zendesk.faults.add("status", code=403, path="incremental/users", after=2, times=99)
    config = config_for(zendesk, per_page=5, batch_config=batches_in(tmp_path / "files", 7))
    failed = run(command_for(tmp_path, config=config, catalog=select(*STREAMS)))
    assert failed.exit_code == 1
    (warning,) = failed.log("WARNING")
    assert warning.endswith("; the other streams are exported before the run fails")
    (error,) = failed.log("ERROR")
    assert "users: HTTP 403" in error
    found = records_of(failed.messages)
    assert len(found["users"]) == 10
    zendesk.faults.clear()
    again = sync(config, catalog=select(*STREAMS), state=failed.state)
    check_complete(zendesk, found, records_of(again.messages))
    assert len(records_of(again.messages)["users"]) == len(zendesk.store.records["users"]) - 10


def test_a_failed_run_does_not_fail_the_next_one_of_the_same_tap(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.faults.add("status", code=403, path="incremental/users", after=2, times=1)
    config = config_for(zendesk, per_page=5, batch_config=batches_in(tmp_path / "files", 7))
    tap = TapZendeskIncremental(config=config, catalog=select("users", "organizations"))
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        with pytest.raises(RefusedError, match="users: HTTP 403"):
            tap.sync_all()
        tap.sync_all()


def test_the_only_stream_fails_with_one_line(zendesk: Simulator, tmp_path: Path) -> None:
    """A child stream does not count as another: it comes with its parent."""
    zendesk.faults.add("status", code=403, path="incremental/users", after=2, times=99)
    config = config_for(zendesk, per_page=5, batch_config=batches_in(tmp_path / "files", 7))
    failed = run_tap(tmp_path, config, catalog=select("users", "user_identities"))
    assert failed.exit_code == 1
    assert not failed.log("WARNING")
    assert len(failed.log("ERROR")) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle(zendesk: Simulator, tmp_path: Path, number: signal.Signals) -> None:
    zendesk.faults.add("hang", path="incremental/users", seconds=3600.0)  # never ends by itself
    config = config_for(zendesk, per_page=5, batch_config=batches_in(tmp_path / "files", 7))
    catalog = select(*STREAMS)
    output = b""
    with start(command_for(tmp_path, config=config, catalog=catalog)) as process:
        assert process.stdout
        while output.count(b'"BATCH"') < 15:
            line = process.stdout.readline()
            assert line, "the run ended before it could be killed"
            output += line
        os.kill(process.pid, number)
        rest, log = process.communicate(timeout=TIMEOUT_SECONDS)
    killed = Run(process.returncode, output + rest, log.decode())
    assert killed.exit_code in {-9, 143}
    assert killed.state
    came = records_of(killed.messages)
    assert 0 < sum(map(len, came.values())) < sum(len(zendesk.store.records[s]) for s in STREAMS)
    zendesk.faults.clear()
    again = sync(config, catalog=catalog, state=killed.state)
    check_complete(zendesk, came, records_of(again.messages))


def test_a_loader_loads_the_files(zendesk: Simulator, tmp_path: Path, schema: Schema) -> None:
    batches = batches_in(tmp_path / "files", 40)
    pipeline = Pipeline(tmp_path, zendesk, schema)
    pipeline.run(catalog=select(*STREAMS), per_page=20, batch_config=batches)
    records = {stream: zendesk.store.records[stream].values() for stream in STREAMS}
    assert schema.differences(records) == []
    assert pipeline.state
