"""Loads any number of Zendesk accounts every hour; see `docs/airflow.md`.

The Airflow variable `zendesk_accounts` is a JSON list of accounts, as in `zendesk_accounts.py`.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Variable, chain, dag, task, task_group
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret
from zendesk_accounts import PROJECT, STEPS, command, environment, secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class MeltanoRun(BaseOperator):
    """Runs one step for one account: loads a group of streams, or builds answers from all."""

    template_fields: ClassVar[Sequence[str]] = ("account",)

    def __init__(self, *, account: dict[str, Any], step: str, **options: Any) -> None:  # noqa: ANN401 - Airflow's
        """Create the operator.

        Args:
            account: an item of the variable `zendesk_accounts`.
            step: one of `STEPS`.
            options: more arguments for `BaseOperator`.
        """
        super().__init__(**options)
        self.account = account
        self.step = step
        self.hook = SubprocessHook()

    def execute(self, context: Context) -> None:
        """Run Meltano. Its log goes to the log of the task.

        Raises:
            AirflowFailException: the worker lacks a secret, so a retry would not help.
            AirflowException: Meltano failed. A retry resumes at the page that it was at.
        """
        subdomain = self.account["subdomain"]
        try:
            # Airflow stores and shows only the names of the secrets.
            for value in secrets(self.account).values():
                mask_secret(value)
        except LookupError as error:
            raise AirflowFailException(str(error)) from error
        result = self.hook.run_command(
            command(self.account, self.step),
            env=environment(self.account, self.step, whole=context["params"]["whole"]),
            cwd=str(PROJECT),
        )
        if result.exit_code:
            message = f"{subdomain}: meltano ended with exit code {result.exit_code}"
            raise AirflowException(message)

    def on_kill(self) -> None:
        """End Meltano, the tap and the loader. The last state is kept."""
        self.hook.send_sigterm()


# One run at a time, so that no two runs share a state. The first retry comes after Airflow's
# `default_task_retry_delay`: five minutes, which is how long Meltano refuses a run with the state
# of a run that was killed. Each further retry waits twice as long.
@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_exponential_backoff": 2},
    params={"whole": False},
)
def zendesk() -> None:
    """Load accounts in parallel, and run the steps of each account one after another.

    Most streams of an account share its ten export requests a minute, and a DuckDB file allows only
    one writer at a time.
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
                    task_id=step,
                    step=step,
                    account=account,
                    map_index_template="{{ task.account['subdomain'] }}",
                )
                for step in STEPS
            )
        )

    load.expand(account=accounts())


# It triggers a run of the DAG above, so that this run and the hourly ones wait for each other.
@dag(schedule="@weekly", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False)
def zendesk_whole() -> None:
    """Read the whole list of tickets of accounts in list form (`docs/how-to.md`)."""
    TriggerDagRunOperator(task_id="walk", trigger_dag_id="zendesk", conf={"whole": True})


zendesk()
zendesk_whole()
