"""Runs the installed command as a process, and reads what it wrote."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tap_zendesk_incremental.tap import TapZendeskIncremental

from .simulator import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk import Tap

    from .simulator import Simulator

Json = dict[str, Any]
COMMAND = Path(sys.executable).with_name("tap-zendesk-incremental")
TIMEOUT_SECONDS = 60
STREAMS = ("tickets", "ticket_events", "users", "organizations")


@dataclass(frozen=True)
class Run:
    """What a process left behind.

    Attributes:
        exit_code: negative for the signal that ended it.
        stdout: the messages, as bytes.
        stderr: the log.
    """

    exit_code: int
    stdout: bytes
    stderr: str

    @cached_property
    def lines(self) -> list[bytes]:
        """The complete lines of standard output; a line cut short is not among them."""
        return self.stdout.split(b"\n")[:-1]

    @cached_property
    def messages(self) -> list[Json]:
        """The complete messages."""
        return [msgspec.json.decode(line) for line in self.lines]

    @cached_property
    def records(self) -> dict[str, list[Json]]:
        """The records by stream, in the order they came; streams without any give []."""
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
        """The last state, None if none came out."""
        return self.states[-1] if self.states else None

    def log(self, level: str) -> list[str]:
        """Gives the tap's lines of the log that have a level, such as ERROR or WARNING.

        Warnings of Python itself, such as of an old version, are not among them.
        """
        lines = (line for line in self.stderr.splitlines() if "| py.warnings " not in line)
        return [line for line in lines if f"| {level} " in line]


def config_for(zendesk: Simulator | str, **settings: object) -> Json:
    """Gives the settings to reach a simulator, with a ready token unless another login is given.

    Args:
        zendesk: the simulator, or the address of another server.
        settings: more settings; None leaves one out.
    """
    url = zendesk if isinstance(zendesk, str) else zendesk.url
    logins = {"client_id", "refresh_token", "api_token", "password", "access_token"}
    login = {} if logins & settings.keys() else {"access_token": credentials.ACCESS_TOKEN}
    config = {"subdomain": "example", "api_url": url, **login, **settings}
    return {name: value for name, value in config.items() if value is not None}


def command_for(
    folder: Path, *, config: Json | None, state: object = None, catalog: Json | None = None
) -> list[str]:
    """Writes the files of a run and gives its command line.

    Args:
        folder: where the files go.
        config: the settings; None for a run without.
        state: JSON of any shape, or bytes as they shall stand in the file.
        catalog: what to select.
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
    """Gives the environment of a run: without settings of whoever runs the tests."""
    others = ("TAP_", "LOGLEVEL", "SINGER_", "PYTHONWARNINGS")
    return {k: v for k, v in os.environ.items() if not k.startswith(others)} | variables


def start(command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a command with pipes on standard output and error."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**env or {}),
    )


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
    """Runs a command to its end.

    Raises:
        subprocess.TimeoutExpired: it takes longer than any test may.
    """
    with start(command, env) as process:
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    return Run(process.returncode, stdout, stderr.decode())


def run_tap(
    folder: Path,
    config: Json | None = None,
    *arguments: str,
    state: object = None,
    catalog: Json | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Runs the tap to its end.

    Args:
        folder: where its files go.
        config: the settings; None for a run without.
        arguments: more of the command line.
        state: JSON of any shape, or bytes as they shall stand in the file.
        catalog: what to select.
        env: more environment variables.
    """
    command = command_for(folder, config=config, state=state, catalog=catalog)
    return run([*command, *arguments], env)


def sync(
    config: Json,
    *,
    state: Json | None = None,
    catalog: Json | None = None,
    tap: type[Tap] = TapZendeskIncremental,
) -> Run:
    """Runs the tap in this process, which saves the start of another.

    Args:
        config: the settings.
        state: where to go on.
        catalog: what to select.
        tap: the tap.

    Raises:
        Exception: whatever ends the tap; its log goes where the test's goes.
    """
    with io.TextIOWrapper(io.BytesIO()) as output, contextlib.redirect_stdout(output):
        tap(config=config, state=state, catalog=catalog).sync_all()
        written: bytes = output.buffer.getvalue()
    return Run(0, written, "")


def discover() -> Json:
    """Gives the catalog that discovery makes without an account."""
    catalog: Json = TapZendeskIncremental(validate_config=False).catalog_dict
    return copy.deepcopy(catalog)


def select(*streams: str, off: Sequence[str] = (), full_table: bool = False) -> Json:
    """Gives a catalog that selects some streams and no others.

    Args:
        streams: the streams to select.
        off: properties to deselect in them, nested ones with dots.
        full_table: whether to ask for full tables.
    """
    deselected = [["properties", *"/properties/".join(path.split(".")).split("/")] for path in off]
    catalog = discover()
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] in streams
            elif metadata["breadcrumb"] in deselected:
                metadata["metadata"]["selected"] = False
        if full_table:
            entry["replication_method"] = "FULL_TABLE"
            for metadata in entry["metadata"]:
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["forced-replication-method"] = "FULL_TABLE"
    return catalog
