"""Runs the jobs of the Dagster example, over two simulated accounts, and checks both databases.

`make test-dagster` runs this. `make test` does not, because Dagster needs its own environment.
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

DAGSTER = ROOT / ".venv-dagster/bin/dagster"
CODE = ROOT / "orchestrate"


class Dagster:
    """A Dagster with its own folder and SQLite databases."""

    def __init__(self, home: Path, accounts: list[Account]) -> None:
        """Set up Dagster for some accounts."""
        self.home = home
        self.settings = {
            "DAGSTER_HOME": str(home),
            "MELTANO_ENVIRONMENT": "prod",
            "PATH": f"{MELTANO.parent}{os.pathsep}{os.environ['PATH']}",
            "ZENDESK_ACCOUNTS": json.dumps([account.described() for account in accounts]),
        }
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Dagster. Its log is in `stdout`."""
        return subprocess.run(
            (DAGSTER, *arguments),
            check=False,
            env=clean() | self.settings | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run_job(
        self, account: Account, tags: str = "{}", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the job of an account once."""
        place = (
            "--python-file",
            str(CODE / "zendesk_dagster.py"),
            "--working-directory",
            str(CODE),
        )
        job = "zendesk_" + account.database.stem.replace("-", "_")
        return self("job", "execute", *place, "--job", job, "--tags", tags, **variables)


def test_accounts_are_loaded_independently_and_resume_from_their_states(
    accounts: list[Account], tmp_path: Path
) -> None:
    """The job of each account loads everything. Then one loads changes, and one has no secret."""
    dagster = Dagster(tmp_path / "dagster", accounts)
    listed = dagster("schedule", "list", "--workspace", str(CODE / "workspace.yaml"))
    said = [listed.stdout]
    for account in accounts:
        assert f"zendesk_{account.database.stem}_schedule".replace("-", "_") in listed.stdout
        run = dagster.run_job(account, **{account.variable: account.token})
        assert run.returncode == 0, run.stdout[-5000:]
        assert account.wrong() == []
        assert account.answered()
        assert account.state_ids() == {f"{account.database.stem}-{group}" for group in GROUPS}
        said.append(run.stdout)
        change(account.zendesk)

    acme, globex = accounts
    run = dagster.run_job(acme, **{acme.variable: acme.token})
    assert run.returncode == 0, run.stdout[-5000:]
    assert acme.wrong() == []
    assert acme.pages() == len(STREAMS)
    refused = dagster.run_job(globex)
    assert refused.returncode != 0
    assert f"check-globex: no environment variable {globex.variable}" in refused.stdout
    assert globex.zendesk.requests == []
    assert kept_secrets(accounts, dagster.home, *said, run.stdout, refused.stdout) == []


def test_reading_the_whole_list_corrects_stale_rows(
    accounts: list[Account], tmp_path: Path
) -> None:
    """The run that the weekly schedule starts, for an account in list form."""
    acme = replace(accounts[0], settings=IN_LIST_FORM)
    dagster, token = Dagster(tmp_path / "dagster", [acme]), {acme.variable: acme.token}
    assert dagster.run_job(acme, **token).returncode == 0
    stale = acme.leave_a_row_stale()
    assert dagster.run_job(acme, **token).returncode == 0
    assert acme.loaded_status(stale) == "open"
    assert dagster.run_job(acme, '{"zendesk/whole": "true"}', **token).returncode == 0
    assert acme.loaded_status(stale) == "solved"
