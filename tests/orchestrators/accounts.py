"""Simulated accounts, each with a database to load into."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.warehouse import LOADER_PYTHON, ROOT, differences, read_database

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.simulator import Simulator

MELTANO = ROOT / ".venv-meltano/bin/meltano"
ACCOUNTS = ROOT / ".meltano/accounts"
ASK = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as database:
    print(database.execute(sys.argv[2]).fetchone()[0])
"""
STREAMS = ("tickets", "ticket_events", "users", "organizations", "ticket_metric_events", "articles")
GROUPS = {"core", "people", "rest"}
# The simulator's tables do not hold these sideloads, so there is nothing to compare them with.
NOT_SENT_ALONG = ("metric_events", "slas", "dates", "comment_count", "incident_count")
SELECT = [f"{name}.*" for name in STREAMS] + [f"!tickets.{name}" for name in NOT_SENT_ALONG]
IN_LIST_FORM = {"TAP_ZENDESK_INCREMENTAL_EXPORT_METHOD": "list"}
OTHERS = ("AIRFLOW", "DAGSTER", "DBT_", "MELTANO_", "PYTHON", "TAP_", "TARGET_", "ZENDESK_")
"""Prefixes of environment variables that belong to other pipelines of whoever runs this."""


@dataclass(frozen=True)
class Account:
    """A simulated account and the file to load it into.

    Attributes:
        zendesk: the account.
        token: its access token.
        database: the DuckDB file; its name is the account's subdomain.
        settings: more environment variables of its runs.
    """

    zendesk: Simulator
    token: str
    database: Path
    settings: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Return the account as an orchestrator gets it: see `zendesk_accounts.py`."""
        return {
            "subdomain": self.database.stem,
            "settings": {
                "TAP_ZENDESK_INCREMENTAL_API_URL": self.zendesk.url,
                "TAP_ZENDESK_INCREMENTAL__SELECT": json.dumps(SELECT),
                "ZENDESK_DUCKDB_PATH": str(self.database),
                **self.settings,
            },
            "secrets": {"TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN": self.variable},
        }

    @property
    def variable(self) -> str:
        """The worker's variable that holds the token."""
        return f"{self.database.stem}_TOKEN"

    def wrong(self) -> list[str]:
        """Compare every column of every row in the database with the account's records."""
        found: list[str] = []
        for stream, (types, rows) in read_database(
            self.database, dict.fromkeys(STREAMS, "id")
        ).items():
            records = self.zendesk.store.records[stream].values()
            assert records, stream
            found += differences(stream, {str(one["id"]): one for one in records}, types, rows)
        return found

    def answered(self) -> bool:
        """Return whether the answers count all tickets of the account."""
        query = "select sum(tickets) from zendesk_answers.tickets_by_group_and_status"
        command = (LOADER_PYTHON, "-c", ASK, self.database, query)
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        tickets = self.zendesk.store.records["tickets"].values()
        return int(said) == len([one for one in tickets if one["status"] != "deleted"])

    def leave_a_row_stale(self) -> str:
        """Solve a ticket as an automation does, which a list does not show, and return its id."""
        tickets = self.zendesk.store.records["tickets"]
        stale = next(id_ for id_, ticket in tickets.items() if ticket["status"] == "open")
        self.zendesk.store.system_update(stale, status="solved")
        return str(stale)

    def loaded_status(self, ticket_id: str) -> str:
        """Return the status of a ticket in the database."""
        _, rows = read_database(self.database, {"tickets": "id"})["tickets"]
        return str(rows[ticket_id]["status"])

    def pages(self) -> int:
        """Count the requests for pages of exports."""
        return sum("/incremental/" in request.path for request in self.zendesk.requests)

    def state_ids(self) -> set[str]:
        """Return the ids of the states that Meltano keeps for the account."""
        folder = {"MELTANO_SYS_DIR_ROOT": str(ACCOUNTS / self.database.stem)}
        command = (MELTANO, "--environment=prod", "state", "list")
        said = subprocess.run(
            command, cwd=ROOT, env=clean() | folder, check=True, capture_output=True, text=True
        ).stdout
        return {line.rpartition(":")[2] for line in said.split() if line.startswith("prod:")}


def clean() -> dict[str, str]:
    """Return the environment without the variables of other pipelines."""
    return {name: v for name, v in os.environ.items() if not name.startswith(OTHERS)}


def change(zendesk: Simulator) -> None:
    """Forget the requests of an account, and change a few of its records."""
    zendesk.clear()
    store = zendesk.store
    store.update("tickets", next(iter(store.records["tickets"])), subject="Changed")
    store.update("users", next(iter(store.records["users"])), name="Zo\u00eb \u674e")
    store.create("ticket_events")


def kept_secrets(accounts: Iterable[Account], home: Path, *said: str) -> list[str]:
    """Return the tokens that occur in the output or the files of an orchestrator.

    Args:
        accounts: the accounts.
        home: the folder of the orchestrator.
        said: the output of its commands.
    """
    folders = (home, *(ACCOUNTS / account.database.stem for account in accounts))
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    kept = [*said, *(file.read_bytes().decode(errors="replace") for file in files)]
    return [one.token for one in accounts if any(one.token in text for text in kept)]
