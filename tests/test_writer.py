"""The writer: complete lines, in batches, no later than the STATE that covers them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import msgspec
import pytest
from singer_sdk.singerlib.messages import RecordMessage, StateMessage

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.records.writer import (
    MAX_COLLECTED_BYTES,
    CollectingWriter,
    TargetGoneError,
)

from .running import command_for, config_for, run, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .running import Json, Run
    from .simulator import Simulator

READ_AT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
STATE = StateMessage(value={"bookmarks": {}})


class Thing(msgspec.Struct):
    """A record that holds its bytes."""

    id: msgspec.Raw


@contextlib.contextmanager
def standard_output() -> Iterator[io.BytesIO]:
    """Provide the bytes that are written to standard output."""
    written = io.BytesIO()
    with io.TextIOWrapper(written) as stdout, contextlib.redirect_stdout(stdout):
        yield written


def test_records_wait_for_a_state() -> None:
    with standard_output() as output:
        writer = CollectingWriter()
        writer.write_message(RecordMessage(stream="things", record={"id": 1}))
        writer.write_records("things", [Thing(msgspec.Raw(b"2.50"))], READ_AT)
        assert output.getvalue() == b""
        writer.write_message(STATE)
        lines = output.getvalue().splitlines()
        kinds = [msgspec.json.decode(line)["type"] for line in lines]
        assert kinds == ["RECORD", "RECORD", "STATE"]
        assert lines[1] == (
            b'{"type":"RECORD","stream":"things","record":{"id":2.50},'
            b'"time_extracted":"2026-11-22T12:00:00Z"}'
        )
        writer.write_message(STATE)
        assert output.getvalue().splitlines()[3:] == lines[2:]


def test_records_do_not_wait_beyond_a_megabyte() -> None:
    with standard_output() as output:
        writer = CollectingWriter()
        record = Thing(msgspec.Raw(b'"' + b"x" * 100_000 + b'"'))
        writer.write_records("things", [record] * 11, READ_AT)
        assert MAX_COLLECTED_BYTES < len(output.getvalue()) < MAX_COLLECTED_BYTES + 110_000
        assert output.getvalue().endswith(b"\n")


def test_records_one_by_one_do_not_wait_beyond_a_megabyte() -> None:
    with standard_output() as output:
        writer = CollectingWriter()
        message = RecordMessage(stream="things", record={"id": "x" * 100_000})
        for _ in range(10):
            writer.write_message(message)
        assert output.getvalue() == b""
        writer.write_message(message)
        assert len(output.getvalue()) > MAX_COLLECTED_BYTES
        assert output.getvalue().endswith(b"\n")


def test_a_signal_during_a_write_does_not_cut_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(io.BytesIO):
        """A pipe on which a signal arrives in the middle of a write."""

        def write(self, data: object) -> int:
            signal.raise_signal(signal.SIGTERM)
            return super().write(data)  # type: ignore[arg-type]

    monkeypatch.setattr(shutdown, "_pending", [])
    before = signal.signal(signal.SIGTERM, lambda number, _: shutdown.end(number))
    writer, written = CollectingWriter(), Interrupted()
    try:
        with (
            io.TextIOWrapper(written) as stdout,
            contextlib.redirect_stdout(stdout),
        ):
            with pytest.raises(SystemExit) as ended:
                writer.write_message(STATE)
            assert ended.value.code == 143
            assert written.getvalue().endswith(b"}}}\n")
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_target_that_has_ended() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    writer = CollectingWriter()
    with (
        open(writing, "w") as pipe,  # noqa: PTH123 - a file descriptor has no path
        contextlib.redirect_stdout(pipe),
    ):
        with pytest.raises(TargetGoneError, match="reads no more"):
            writer.write_message(STATE)
        writer.flush()  # as Python does when it exits: it reports no second error


def run_in_shell(folder: Path, redirection: str, *arguments: str, config: Json | None) -> Run:
    """Run the tap with its standard files redirected by bash."""
    catalog = None if arguments else select("users")
    command = command_for(folder, config=config, catalog=catalog)
    return run(["bash", "-c", f'"$0" "$@" {redirection}', *command, *arguments])


@pytest.mark.parametrize("arguments", [(), ("--discover",)])
@pytest.mark.parametrize(
    ("redirection", "says"),
    [
        (">/dev/full", "Cannot write to standard output: No space left on device"),
        (">&-", "Standard output is closed; the tap writes its messages there"),
    ],
)
def test_an_unusable_standard_output_is_named(
    zendesk_shared: Simulator,
    tmp_path: Path,
    redirection: str,
    says: str,
    arguments: tuple[str, ...],
) -> None:
    config = config_for(zendesk_shared)
    failed = run_in_shell(tmp_path, redirection, *arguments, config=config)
    assert failed.exit_code == 1
    [line] = failed.log("ERROR")
    assert line.endswith(says)
    assert "Traceback" not in failed.stderr
    assert "Exception ignored" not in failed.stderr


def test_a_catalog_whose_reader_ends(zendesk_shared: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk_shared)
    script = "| true; exit ${PIPESTATUS[0]}"
    failed = run_in_shell(tmp_path, script, "--discover", config=config)
    assert failed.exit_code == 1
    [line] = failed.log("ERROR")
    assert "reads no more" in line
    assert "Exception ignored" not in failed.stderr


def test_a_closed_standard_error_changes_nothing(zendesk_shared: Simulator, tmp_path: Path) -> None:
    quiet = run_in_shell(tmp_path, "2>&-", config=config_for(zendesk_shared))
    assert quiet.exit_code == 0
    assert len(quiet.records["users"]) == 30


def test_debug_logs_omit_the_selection_of_each_property(
    zendesk_shared: Simulator, tmp_path: Path
) -> None:
    found = run_tap(tmp_path, config_for(zendesk_shared), env={"LOGLEVEL": "DEBUG"})
    assert "Records pass through as bytes" in found.stderr
    assert "Selection metadata omitted" not in found.stderr
    assert len(found.stderr.splitlines()) < 300
