"""Runs the DAG as `airflow dags test` does, over two simulated accounts, and checks both databases.

`make test-airflow` runs this and `make test` does not: Airflow has an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator import Simulator
from tests.warehouse import ROOT, differences, read_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AIRFLOW = ROOT / ".venv-airflow/bin/airflow"
MELTANO = ROOT / ".venv-meltano/bin/meltano"
ACCOUNTS = ROOT / ".meltano/accounts"
STREAMS = ("tickets", "ticket_events", "users", "organizations", "ticket_metric_events", "articles")
GROUPS = {"core", "people", "rest"}
# What is sent along with pages changes them, and is no part of the simulator's tables.
NOT_SENT_ALONG = ("metric_events", "slas", "dates", "comment_count", "incident_count")
SELECT = [f"{name}.*" for name in STREAMS] + [f"!tickets.{name}" for name in NOT_SENT_ALONG]
OTHERS = ("AIRFLOW", "MELTANO_", "PYTHON", "TAP_", "TARGET_")
"""Beginnings of variables for other pipelines of whoever runs this."""


@dataclass(frozen=True)
class Account:
    """A simulated account and the file that it is loaded into."""

    zendesk: Simulator
    token: str
    database: Path

    def described(self) -> dict[str, Any]:
        """Gives its item in the variable `zendesk_accounts`."""
        return {
            "subdomain": self.database.stem,
            "settings": {
                "TAP_ZENDESK_INCREMENTAL_API_URL": self.zendesk.url,
                "TAP_ZENDESK_INCREMENTAL__SELECT": json.dumps(SELECT),
                "TARGET_DUCKDB_FILEPATH": str(self.database),
            },
            "secrets": {"TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN": self.variable},
        }

    @property
    def variable(self) -> str:
        """The variable of the worker that holds its token."""
        return f"{self.database.stem}_TOKEN"

    def wrong(self) -> list[str]:
        """Compares every column of every row of its database with its records."""
        found: list[str] = []
        for stream, (types, rows) in read_database(self.database, STREAMS).items():
            records = self.zendesk.store.records[stream].values()
            assert records, stream
            found += differences(stream, {str(one["id"]): one for one in records}, types, rows)
        return found

    def pages(self) -> int:
        """Gives how many pages of exports were asked for."""
        return sum("/incremental/" in request.path for request in self.zendesk.requests)

    def state_ids(self) -> set[str]:
        """Asks Meltano for the states that it keeps for the account."""
        folder = {"MELTANO_SYS_DIR_ROOT": str(ACCOUNTS / self.database.stem)}
        command = (MELTANO, "--environment=prod", "state", "list")
        said = subprocess.run(
            command, cwd=ROOT, env=clean() | folder, check=True, capture_output=True, text=True
        ).stdout
        return {line.rpartition(":")[2] for line in said.split() if line.startswith("prod:")}


def clean() -> dict[str, str]:
    """Gives the environment, without what belongs to other pipelines."""
    return {name: v for name, v in os.environ.items() if not name.startswith(OTHERS)}


class Airflow:
    """An Airflow with its own folder and an SQLite database."""

    def __init__(self, home: Path) -> None:
        """Sets it up."""
        self.home = home
        self.settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestrate"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
            "MELTANO_ENVIRONMENT": "prod",
            "PATH": f"{MELTANO.parent}{os.pathsep}{os.environ['PATH']}",
        }
        home.mkdir()
        made = self("db", "migrate")
        assert made.returncode == 0, made.stdout[-5000:]

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of its own, the log in `stdout`."""
        return subprocess.run(
            (AIRFLOW, *arguments),
            check=False,
            cwd=self.home,
            env=clean() | self.settings | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run_dag(self, *accounts: Account, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs the DAG once over some accounts."""
        described = json.dumps([account.described() for account in accounts])
        return self("dags", "test", "zendesk", AIRFLOW_VAR_ZENDESK_ACCOUNTS=described, **variables)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[list[Account]]:
    """Gives two accounts with data and tokens of their own."""
    with Simulator(seed=1, tickets=60) as acme, Simulator(seed=2, users=40) as globex:
        opened = []
        for name, zendesk in (("check-acme", acme), ("check-globex", globex)):
            token = f"access-token-of-{name}"
            zendesk.api.auth.tokens[0].access_token = token
            shutil.rmtree(ACCOUNTS / name, ignore_errors=True)
            opened.append(Account(zendesk, token, tmp_path / f"{name}.duckdb"))
        yield opened
    for account in opened:
        shutil.rmtree(ACCOUNTS / account.database.stem, ignore_errors=True)


def test_accounts_are_loaded_apart_and_go_on_from_their_states(
    accounts: list[Account], tmp_path: Path
) -> None:
    """One DAG, two runs: everything, then the changes, with something wrong each time."""
    airflow = Airflow(tmp_path / "airflow")
    acme, globex = accounts
    tokens = {account.variable: account.token for account in accounts}

    globex.zendesk.faults.add("status", code=403, path="incremental/tickets")
    first = airflow.run_dag(*accounts, **tokens)
    assert first.returncode == 0, first.stdout[-5000:]
    assert "check-globex: meltano run ended with exit code 1" in first.stdout
    for account in accounts:
        assert account.wrong() == []
        assert account.state_ids() == {f"{account.database.stem}-{group}" for group in GROUPS}

    for account in accounts:
        account.zendesk.clear()
        store = account.zendesk.store
        store.update("tickets", next(iter(store.records["tickets"])), subject="Changed")
        store.update("users", next(iter(store.records["users"])), name="Zo\u00eb \u674e")
        store.create("ticket_events")
    del tokens[globex.variable]
    second = airflow.run_dag(*accounts, **tokens)
    assert second.returncode != 0
    assert f"check-globex: no environment variable {globex.variable}" in second.stdout
    assert acme.wrong() == []
    assert acme.pages() == len(STREAMS)
    assert globex.zendesk.requests == []

    kept = [first.stdout, second.stdout]
    folders = (airflow.home, *(ACCOUNTS / account.database.stem for account in accounts))
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    kept += [file.read_bytes().decode(errors="replace") for file in files]
    assert not [text for text in kept for account in accounts if account.token in text]
