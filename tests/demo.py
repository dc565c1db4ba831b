"""A whole pipeline: a simulated Zendesk, this tap, Meltano and a DuckDB file.

`make demo` runs this. It loads everything, compares every column of every row with the simulator's
own records, changes some of them, loads again and compares again. If a single value is missing or
differs, it prints one line and ends with exit code 1. It stops whatever it started.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from textwrap import indent
from typing import IO, TYPE_CHECKING, Any

import requests

from tap_zendesk_incremental.streams import STREAMS
from tests.accounts import KEYS, PARENTS
from tests.simulator.credentials import ACCESS_TOKEN
from tests.simulator.resources import RESOURCES
from tests.warehouse import LOADER_PYTHON, ROOT, LoadError, Records, differences, read_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / ".demo"
DATABASE = FOLDER / "zendesk.duckdb"
LOG = FOLDER / "meltano.log"
QUERY_FILE = ROOT / "tests/demo.sql"
"""The README shows the same query."""

MELTANO = ROOT / ".venv-meltano/bin/meltano"
SIZE = {"tickets": 5000, "users": 1500, "organizations": 300}

NEWEST_BY: dict[str, str | None] = {
    stream.name: stream.replication_key
    for stream in STREAMS
    if not (stream.time and stream.time.token_setting)  # the demo logs in to Support alone
}
LOADED = [
    resource.name
    for resource in RESOURCES
    if resource.make and (resource.name in {*NEWEST_BY, *PARENTS} or "custom_" in resource.name)
]
"""The streams whose records the simulator stores. Sideloads are not stored."""

EXPORTS = sum(
    1 if getattr(resource.endpoints[0].form, "end_of_stream", True) else 2
    for resource in RESOURCES
    if resource.name in LOADED and "incremental/" in resource.endpoints[0].path
)
"""The requests that a run takes if the changes of each export fit on one page.

Where Zendesk does not mark the last page, the tap needs another request to find the end."""


@contextmanager
def started(*command: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401
    """Run a command in its own process group, and end the group when the block ends.

    Args:
        command: the program and its arguments.
        options: more arguments for `subprocess.Popen`.

    Yields:
        The running process.
    """
    process = subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, sign)
                process.wait(10)


class Zendesk:
    """The running simulator, seen from outside."""

    def __init__(self, output: IO[str]) -> None:
        """Wait until the simulator is ready.

        Args:
            output: the simulator's standard output, where it prints its address.

        Raises:
            LoadError: the simulator did not start.
        """
        line = output.readline()
        if "http" not in line:
            message = "the simulator did not start"
            raise LoadError(message)
        self.url = line.split()[-1]

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """Read from the simulator's control endpoints."""
        answer = requests.get(f"{self.url}/_control/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> None:
        """Write to the simulator's control endpoints."""
        answer = requests.post(f"{self.url}/_control/{path}", json=body, timeout=60)
        answer.raise_for_status()

    def records(self, stream: str) -> Records:
        """Return all records of a stream by id."""
        # Audits of archived tickets are not listed.
        kind = "shown" if stream == "ticket_audits" else "records"
        key = KEYS.get(stream, "id")
        return {str(record[key]): record for record in self.get(f"{kind}/{stream}")}


def load(zendesk: Zendesk) -> int:
    """Run the pipeline once, and print what it took.

    Args:
        zendesk: the account to load.

    Returns:
        The number of export requests.

    Raises:
        LoadError: Meltano failed; the end of its log is printed.
    """
    # The user's settings for other pipelines must not reach this one.
    others = ("TAP_", "TARGET_", "MELTANO_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(others)} | {
        "MELTANO_DATABASE_URI": f"sqlite:///{FOLDER / 'meltano.db'}",
        "NO_COLOR": "1",
        "TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN": ACCESS_TOKEN,
        "TAP_ZENDESK_INCREMENTAL_API_URL": zendesk.url,
    }
    zendesk.post("clear", {})
    begin = time.monotonic()
    pipeline = ("--environment=demo", "run", "tap-zendesk-incremental", "target-duckdb")
    with (
        LOG.open("a") as log,
        started(
            MELTANO, *pipeline, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        exit_code = process.wait()
    if exit_code:
        print(*LOG.read_text().splitlines()[-40:], sep="\n")
        message = f"meltano run ended with exit code {exit_code}"
        raise LoadError(message)
    exports = [one for one in zendesk.get("requests") if "/incremental/" in one["path"]]
    count = sum(one["records"] for one in exports)
    seconds = time.monotonic() - begin
    print(f"  {seconds:.1f} s, {len(exports)} export requests, {count:,} records exported\n")
    return len(exports)


def check(zendesk: Zendesk) -> dict[str, Records]:
    """Compare the database with the simulator, and print a table.

    Args:
        zendesk: the account that was loaded.

    Returns:
        The rows of each stream by id.

    Raises:
        LoadError: a value is missing or differs.
    """
    print(f"  {'stream':26}{'expected':>10}{'loaded':>10}   newest record")
    wrong: list[str] = []
    tables = read_database(DATABASE, {stream: KEYS.get(stream, "id") for stream in LOADED})
    for stream, (types, rows) in tables.items():
        records = zendesk.records(stream)
        wrong += differences(stream, records, types, rows)
        print(f"  {stream:26}{len(records):10,}{len(rows):10,}   {newest_of(stream, rows)}")
    if wrong:
        message = f"{len(wrong)} differences, the first: {wrong[0]}"
        raise LoadError(message)
    print("  Every column of every row is as in Zendesk.")
    return {stream: rows for stream, (_, rows) in tables.items()}


def newest_of(stream: str, rows: Records) -> str:
    """Return the time of a stream's newest row, or "" if the stream has no replication key.

    Args:
        stream: the name of the stream.
        rows: the loaded rows.
    """
    key = NEWEST_BY.get(stream)
    if key is None or not rows:
        return ""
    newest = max(row[key] for row in rows.values())
    if isinstance(newest, int):
        newest = datetime.fromtimestamp(newest, timezone.utc).replace(tzinfo=None)
    return f"{newest} UTC"


def change(zendesk: Zendesk) -> None:
    """Change, create and delete a few records."""
    tickets, users, organizations = (
        list(zendesk.records(stream).values()) for stream in ("tickets", "users", "organizations")
    )
    living = [ticket["id"] for ticket in tickets if ticket["status"] != "deleted"]
    subject = "Kaffee \u2615 statt Tee"
    # The ticket and its event must agree, or the ticket's history would end in another subject.
    told = {"id": 1, "event_type": "Change", "subject": subject, "previous_value": None}
    changes = [
        # A property that is in no schema must arrive too.
        ("update", "tickets", {"id": living[0], "changes": {"subject": subject, "mood": "good"}}),
        # Later than all other deletions, because a cursor finds no change before its place.
        ("delete", "tickets", {"id": living[1], "at": int(time.time()) - 120}),
        ("create", "tickets", {"fields": {"subject": "Where is my order?"}}),
        ("create", "ticket_events", {"fields": {"ticket_id": living[0], "child_events": [told]}}),
        ("update", "users", {"id": users[0]["id"], "changes": {"name": "Zo\u00eb \u674e"}}),
        ("update", "organizations", {"id": organizations[0]["id"], "changes": {"notes": "VIP"}}),
    ]
    for what, resource, body in changes:
        zendesk.post(what, {"resource": resource, **body})
    zendesk.post("system_update", {"id": living[2]})


def print_changes(before: dict[str, Records], after: dict[str, Records]) -> None:
    """Print which rows are new or changed, and in which columns."""
    for stream, rows in after.items():
        for key, row in rows.items():
            old = before[stream].get(key)
            if old is None:
                print(f"  {stream} {key}: new")
            elif old != row:
                print(f"  {stream} {key}: {', '.join(n for n in row if row[n] != old[n])}")


def run(zendesk: Zendesk) -> None:
    """Load, change a few records and load again.

    Args:
        zendesk: the account to load.

    Raises:
        LoadError: a run failed, a value is missing or differs, or the second run sent more requests
            than the changes need.
    """
    print("First run")
    load(zendesk)
    before = check(zendesk)
    change(zendesk)
    print("\nSecond run, after a few changes")
    count = load(zendesk)
    print_changes(before, check(zendesk))
    if count > EXPORTS:
        message = f"{count} requests, but {EXPORTS} are enough for the changes"
        raise LoadError(message)


def ask() -> None:
    """Print a query, and the rows that answer it.

    Raises:
        LoadError: the query failed.
    """
    query = QUERY_FILE.read_text(encoding="utf-8")
    print(f"\nA question to the database\n{indent(query, '  ')}", flush=True)
    environment = {**os.environ, "QUERY": query}
    command = (LOADER_PYTHON, "-m", "tests.sql")
    if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode:
        message = "the database does not answer"
        raise LoadError(message)


def main() -> None:
    """Run the demo in a clean folder."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    size = [f"--{option}={count}" for option, count in SIZE.items()]
    simulator = (sys.executable, "-m", "tests.simulator", "--port=0", *size)
    try:
        with started(*simulator, stdout=subprocess.PIPE) as process:
            run(Zendesk(process.stdout))  # type: ignore[arg-type]
        ask()
    except LoadError as error:
        sys.exit(f"Demo failed: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    print(f"The database is {DATABASE.relative_to(ROOT)}, Meltano's log {LOG.relative_to(ROOT)}.")
    print("Ask it yourself: make sql QUERY='from tickets limit 5'")


if __name__ == "__main__":
    main()
