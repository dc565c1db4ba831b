"""Runs the DAG as `airflow dags test` does, over two simulated accounts, and checks both databases.

`make test-airflow` runs this. `make test` does not, because Airflow needs its own environment.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.warehouse import ROOT

from .accounts import GROUPS, IN_LIST_FORM, MELTANO, STREAMS, Account, change, clean, kept_secrets

if TYPE_CHECKING:
    from pathlib import Path

AIRFLOW = ROOT / ".venv-airflow/bin/airflow"


class Airflow:
    """An Airflow with its own folder and an SQLite database."""

    def __init__(self, home: Path) -> None:
        """Set up Airflow."""
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
        """Run a command of Airflow. Its log is in `stdout`."""
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

    def run_dag(
        self, *accounts: Account, conf: str = "{}", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the DAG once for some accounts."""
        described = json.dumps([account.described() for account in accounts])
        command = ("dags", "test", "zendesk", "--conf", conf)
        return self(*command, AIRFLOW_VAR_ZENDESK_ACCOUNTS=described, **variables)


def test_accounts_are_loaded_independently_and_resume_from_their_states(
    accounts: list[Account], tmp_path: Path
) -> None:
    """The DAG runs twice, for everything and for the changes, with something wrong each time."""
    airflow = Airflow(tmp_path / "airflow")
    acme, globex = accounts
    tokens = {account.variable: account.token for account in accounts}

    globex.zendesk.faults.add("status", code=403, path="incremental/tickets")
    first = airflow.run_dag(*accounts, **tokens)
    assert first.returncode == 0, first.stdout[-5000:]
    assert "check-globex: meltano ended with exit code 1" in first.stdout
    for account in accounts:
        assert account.wrong() == []
        assert account.state_ids() == {f"{account.database.stem}-{group}" for group in GROUPS}
        assert account.answered()

    for account in accounts:
        change(account.zendesk)
    del tokens[globex.variable]
    second = airflow.run_dag(*accounts, **tokens)
    assert second.returncode != 0
    assert f"check-globex: no environment variable {globex.variable}" in second.stdout
    assert acme.wrong() == []
    assert acme.pages() == len(STREAMS)
    assert globex.zendesk.requests == []

    assert kept_secrets(accounts, airflow.home, first.stdout, second.stdout) == []


def test_reading_the_whole_list_corrects_stale_rows(
    accounts: list[Account], tmp_path: Path
) -> None:
    """The run that the DAG `zendesk_whole` triggers, for an account in list form."""
    airflow, acme = Airflow(tmp_path / "airflow"), replace(accounts[0], settings=IN_LIST_FORM)
    tokens = {acme.variable: acme.token}
    assert airflow.run_dag(acme, **tokens).returncode == 0
    stale = acme.leave_a_row_stale()
    assert airflow.run_dag(acme, **tokens).returncode == 0
    assert acme.loaded_status(stale) == "open"
    assert airflow.run_dag(acme, conf='{"whole": true}', **tokens).returncode == 0
    assert acme.loaded_status(stale) == "solved"
    shown = airflow("tasks", "list", "zendesk_whole")
    assert shown.stdout.split()[-1] == "walk", shown.stdout[-5000:]
