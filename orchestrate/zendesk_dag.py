"""Loads any number of Zendesk accounts every hour (`docs/airflow.md`).

The Airflow variable `zendesk_accounts` is a JSON list with an object for each account: its
`subdomain`, `settings` (environment variables of its runs, with their values) and `secrets`
(environment variables of its runs, with the name of the worker's variable that holds the value).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, Variable, chain, dag, task, task_group
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

PROJECT = Path(__file__).resolve().parent.parent
PLUGINS = ("tap-zendesk-incremental", "target-duckdb")

# Streams that come along on the pages of others stay in the group of those: in another one, the
# same pages would be fetched twice.
CORE = ("tickets", "ticket_metrics", "ticket_events", "ticket_comments")
PEOPLE = ("users", "user_identities", "organizations")
GROUPS = {"core": CORE, "people": PEOPLE, "rest": [f"!{name}" for name in (*CORE, *PEOPLE)]}
"""Patterns for Meltano's `select_filter`, which narrows the project's own selection."""


class MeltanoRun(BaseOperator):
    """Loads one group of streams of one account, from where its last run ended."""

    template_fields: ClassVar[Sequence[str]] = ("account",)

    def __init__(self, *, account: dict[str, Any], group: str, **options: Any) -> None:  # noqa: ANN401
        """Describes the run.

        Args:
            account: an item of the variable `zendesk_accounts`.
            group: a key of `GROUPS`.
            options: more for `BaseOperator`.
        """
        super().__init__(**options)
        self.account = account
        self.group = group
        self.hook = SubprocessHook()

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Runs Meltano, its log in the log of the task.

        Raises:
            AirflowFailException: the worker lacks a secret, which no retry will mend.
            AirflowException: Meltano failed; the next try goes on from the last page written.
        """
        subdomain, secrets = self.account["subdomain"], self.account["secrets"]
        missing = [name for name in secrets.values() if name not in os.environ]
        if missing:
            message = f"{subdomain}: no environment variable {', '.join(missing)} on this worker"
            raise AirflowFailException(message)
        # Read here and nowhere earlier: what Airflow stores and shows has only their names.
        values = {setting: os.environ[name] for setting, name in secrets.items()}
        for value in values.values():
            mask_secret(value)
        environment = {
            **os.environ,
            **self.account.get("settings", {}),
            **values,
            "MELTANO_SYS_DIR_ROOT": str(account_folder(subdomain)),
            "TAP_ZENDESK_INCREMENTAL_SUBDOMAIN": subdomain,
            "TAP_ZENDESK_INCREMENTAL__SELECT_FILTER": json.dumps(GROUPS[self.group]),
        }
        command = ["meltano", "run", f"--state-id-suffix={subdomain}-{self.group}", *PLUGINS]
        result = self.hook.run_command(command, env=environment, cwd=str(PROJECT))
        if result.exit_code:
            message = f"{subdomain}: meltano run ended with exit code {result.exit_code}"
            raise AirflowException(message)

    def on_kill(self) -> None:
        """Ends Meltano, the tap and the loader; the state of the last full page is kept."""
        self.hook.send_sigterm()


def account_folder(subdomain: str) -> Path:
    """Gives an account's own folder for Meltano's work, with the installed plugins of the project.

    Meltano keeps the catalog of a running tap in one place per project. Two accounts at once would
    load by each other's, and would wait for each other at Meltano's SQLite database.

    Args:
        subdomain: the account.
    """
    installed = PROJECT / ".meltano"
    folder = installed / "accounts" / subdomain
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("extractors", "loaders"):
        with suppress(FileExistsError):
            (folder / kind).symlink_to(installed / kind)
    return folder


# One run at a time, so that no two runs share a state. The first retry comes after Airflow's
# `default_task_retry_delay` (five minutes, as long as Meltano holds the lock of a run that was
# killed), each further one after twice the time.
@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_exponential_backoff": 2},
)
def zendesk() -> None:
    """Loads the accounts beside each other, and the groups of each account in turn.

    The groups of an account share its ten export requests a minute: side by side they would take
    three workers and be no faster.
    """

    @task
    def accounts() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = Variable.get("zendesk_accounts", deserialize_json=True)
        return found

    @task_group
    def load(account: dict[str, Any]) -> None:
        chain(
            *(
                MeltanoRun(
                    task_id=group,
                    group=group,
                    account=account,
                    map_index_template="{{ task.account['subdomain'] }}",
                )
                for group in GROUPS
            )
        )

    load.expand(account=accounts())


zendesk()
