"""Simulated accounts, each with a database to be loaded into."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.warehouse import ROOT, differences, read_database

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.simulator import Simulator

MELTANO = ROOT / ".venv-meltano/bin/meltano"
ACCOUNTS = ROOT / ".meltano/accounts"
STREAMS = ("tickets", "ticket_events", "users", "organizations", "ticket_metric_events", "articles")
GROUPS = {"core", "people", "rest"}
# What is sent along with pages changes them, and is no part of the simulator's tables.
NOT_SENT_ALONG = ("metric_events", "slas", "dates", "comment_count", "incident_count")
SELECT = [f"{name}.*" for name in STREAMS] + [f"!tickets.{name}" for name in NOT_SENT_ALONG]
OTHERS = ("AIRFLOW", "DAGSTER", "MELTANO_", "PYTHON", "TAP_", "TARGET_")
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
        for stream, (types, rows) in read_database(
            self.database, dict.fromkeys(STREAMS, "id")
        ).items():
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


def change(zendesk: Simulator) -> None:
    """Changes a few records of an account, and forgets its requests."""
    zendesk.clear()
    store = zendesk.store
    store.update("tickets", next(iter(store.records["tickets"])), subject="Changed")
    store.update("users", next(iter(store.records["users"])), name="Zo\u00eb \u674e")
    store.create("ticket_events")


def kept_secrets(accounts: Iterable[Account], home: Path, *said: str) -> list[str]:
    """Gives the tokens that are found in what an orchestrator said or keeps.

    Args:
        accounts: the accounts.
        home: the folder of the orchestrator.
        said: what its commands wrote.
    """
    folders = (home, *(ACCOUNTS / account.database.stem for account in accounts))
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    kept = [*said, *(file.read_bytes().decode(errors="replace") for file in files)]
    return [one.token for one in accounts if any(one.token in text for text in kept)]
