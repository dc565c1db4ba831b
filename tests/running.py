"""Runs the tap as a process or in this one, and reads what it wrote."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tap_zendesk_incremental.tap import TapZendeskIncremental

from . import shortened_waits
from .simulator import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.process import BaseProcess

    from singer_sdk import Tap

    from .simulator import Simulator

Json = dict[str, Any]
COMMAND = Path(sys.executable).with_name("tap-zendesk-incremental")
TIMEOUT_SECONDS = 120
STREAMS = ("tickets", "ticket_events", "users", "organizations")

# Runs are forked from a process that has imported the tap: each takes 0.1 s instead of 1 s.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.shortened_waits"])


@dataclass(frozen=True)
class Run:
    """The output of a run.

    Attributes:
        exit_code: the exit code; minus its number for a signal that ended the process.
        stdout: the messages, as bytes.
        stderr: the log.
    """

    exit_code: int
    stdout: bytes
    stderr: str

    @cached_property
    def lines(self) -> list[bytes]:
        """The complete lines of standard output, without a last one that was cut short."""
        return self.stdout.split(b"\n")[:-1]

    @cached_property
    def messages(self) -> list[Json]:
        """The complete messages."""
        return [msgspec.json.decode(line) for line in self.lines]

    @cached_property
    def records(self) -> dict[str, list[Json]]:
        """The records by stream, in their order; [] for a stream without records."""
        found: dict[str, list[Json]] = defaultdict(list)
        for message in self.messages:
            if message["type"] == "RECORD":
                found[message["stream"]].append(message["record"])
        return found

    @property
    def schemas(self) -> dict[str, Json]:
        """The SCHEMA messages by stream."""
        return {m["stream"]: m for m in self.messages if m["type"] == "SCHEMA"}

    @property
    def states(self) -> list[Json]:
        """The value of every STATE message."""
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def state(self) -> Json | None:
        """The last state, or None if there was none."""
        return self.states[-1] if self.states else None

    def log(self, level: str) -> list[str]:
        """Return the lines of the log at a level, such as ERROR or WARNING.

        Warnings of Python itself, for example about an old version, are left out.
        """
        lines = (line for line in self.stderr.splitlines() if "| py.warnings " not in line)
        return [line for line in lines if f"| {level} " in line]


def config_for(zendesk: Simulator | str, **settings: object) -> Json:
    """Return the settings for a simulator, with an access token unless another login is given.

    Args:
        zendesk: the simulator, or the address of another server.
        settings: more settings; None removes a setting.
    """
    url = zendesk if isinstance(zendesk, str) else zendesk.url
    logins = {"client_id", "refresh_token", "api_token", "password", "access_token"}
    login = {} if logins & settings.keys() else {"access_token": credentials.ACCESS_TOKEN}
    chat = {"chat_access_token": credentials.CHAT_ACCESS_TOKEN}
    config = {"subdomain": "example", "api_url": url, **login, **chat, **settings}
    return {name: value for name, value in config.items() if value is not None}


def command_for(
    folder: Path, *, config: Json | None, state: object = None, catalog: Json | None = None
) -> list[str]:
    """Write the files of a run, and return its command line.

    Args:
        folder: the folder for the files.
        config: the settings; None for a run without settings.
        state: JSON of any shape, or the exact bytes of the file.
        catalog: the catalog.
    """
    arguments = [str(COMMAND)]
    for name, content in (("config", config), ("state", state), ("catalog", catalog)):
        if content is not None:
            file = folder / f"{name}.json"
            data = content if isinstance(content, bytes) else msgspec.json.encode(content)
            file.write_bytes(data)
            arguments += [f"--{name}", str(file)]
    return arguments


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a run, without the settings of whoever runs the tests."""
    others = ("TAP_", "LOGLEVEL", "SINGER_", "PYTHONWARNINGS")
    return {k: v for k, v in os.environ.items() if not k.startswith(others)} | variables


def start(command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a command with pipes on standard output and error."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**env or {}),
    )


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.

    Raises:
        subprocess.TimeoutExpired: it takes longer than any test may.
    """
    with start(command, env) as process:
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    return Run(process.returncode, stdout, stderr.decode())


def fork(
    command: Sequence[str], env: Mapping[str, str], output: Path, errors: Path, waits: float | None
) -> BaseProcess:
    """Return a process, not started yet, that runs the tap without the start-up of Python.

    Args:
        command: the command line.
        env: all environment variables.
        output: the file for standard output.
        errors: the file for standard error.
        waits: the share that is left of each wait; None runs the installed command unchanged.
    """
    args = ([*command], {**env}, str(output), str(errors), waits)
    return _forks.Process(target=shortened_waits.become, args=args)


def run_tap(  # noqa: PLR0913 (named, each with a default)
    folder: Path,
    config: Json | None = None,
    *arguments: str,
    state: object = None,
    catalog: Json | None = None,
    env: Mapping[str, str] | None = None,
    is_command: bool = False,
) -> Run:
    """Run the tap to its end.

    Args:
        folder: the folder for its files.
        config: the settings; None for a run without settings.
        arguments: more arguments of the command line.
        state: JSON of any shape, or the exact bytes of the file.
        catalog: the catalog.
        env: more environment variables.
        is_command: whether to run the installed command, including the start-up of Python.
    """
    command = [*command_for(folder, config=config, state=state, catalog=catalog), *arguments]
    if is_command:
        return run(command, env)
    with tempfile.TemporaryDirectory() as written:
        output, errors = Path(written, "output"), Path(written, "errors")
        process = fork(command, environment(**env or {}), output, errors, 1.0)
        process.start()
        try:
            process.join(TIMEOUT_SECONDS)
            assert process.exitcode is not None, "the tap does not end"
        finally:
            process.kill()
            process.join()
        return Run(process.exitcode, output.read_bytes(), errors.read_text())


def killed(
    folder: Path, config: Json, lines: int, *, state: object = None, catalog: Json | None = None
) -> Run:
    """Run the tap, and kill it as soon as it has written so many lines.

    Args:
        folder: Where its files go.
        config: The settings.
        lines: How many; the run must not end by itself before it is killed.
        state: Where to go on.
        catalog: What to select.
    """
    command = command_for(folder, config=config, state=state, catalog=catalog)
    output, errors = folder / "output", folder / "errors"
    output.write_bytes(b"")
    process = fork(command, environment(), output, errors, 1.0)
    process.start()
    end = time.monotonic() + TIMEOUT_SECONDS
    try:
        while process.is_alive() and output.read_bytes().count(b"\n") < lines:
            assert time.monotonic() < end, "the tap writes too little"
            time.sleep(0.005)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL, "the run ended before it could be killed"
    return Run(process.exitcode, output.read_bytes(), errors.read_text())


def sync(
    config: Json,
    *,
    state: Json | None = None,
    catalog: Json | None = None,
    tap: type[Tap] = TapZendeskIncremental,
) -> Run:
    """Run the tap in this process, which saves the start of another. The log is the test's own.

    Args:
        config: the settings.
        state: the state to resume from.
        catalog: the catalog.
        tap: the class of the tap.

    Raises:
        Exception: any error that ends the tap.
    """
    with io.TextIOWrapper(io.BytesIO()) as output, contextlib.redirect_stdout(output):
        tap(config=config, state=state, catalog=catalog).sync_all()
        written: bytes = output.buffer.getvalue()
    return Run(0, written, "")


def discover() -> Json:
    """Return the catalog of a discovery without an account."""
    catalog: Json = msgspec.json.decode(_discovered())
    return catalog


@cache
def _discovered() -> bytes:
    return msgspec.json.encode(TapZendeskIncremental(validate_config=False).catalog_dict)


def select(*streams: str, off: Sequence[str] = (), full_table: bool = False) -> Json:
    """Return a catalog of some streams, all of them selected.

    Args:
        streams: the streams.
        off: properties to deselect in all of them; dots separate the names of nested ones.
        full_table: whether to set the replication method to FULL_TABLE.
    """
    deselected = [["properties", *"/properties/".join(path.split(".")).split("/")] for path in off]
    catalog = discover()
    catalog["streams"] = [e for e in catalog["streams"] if e["tap_stream_id"] in streams]
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = True
            elif metadata["breadcrumb"] in deselected:
                metadata["metadata"]["selected"] = False
        if full_table:
            entry["replication_method"] = "FULL_TABLE"
            for metadata in entry["metadata"]:
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["forced-replication-method"] = "FULL_TABLE"
    return catalog
