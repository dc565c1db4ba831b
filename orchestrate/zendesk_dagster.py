"""Loads any number of Zendesk accounts every hour; see `docs/dagster.md`.

The environment variable `ZENDESK_ACCOUNTS` is a JSON list of accounts, as in `zendesk_accounts.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import dagster as dg
from zendesk_accounts import ANSWERS, PROJECT, STEPS, command, environment

# Meltano refuses a run with the state of a killed run for five minutes: the first retry comes then.
RETRIES = dg.RetryPolicy(max_retries=3, delay=300, backoff=dg.Backoff.EXPONENTIAL)

WHOLE_TAG = "zendesk/whole"
"""The tag of a run that reads the whole list of tickets."""


def meltano_run(
    account: dict[str, Any], step: str, after: dg.AssetKey | None
) -> dg.AssetsDefinition:
    """Return the asset of a step: a group of streams of an account, or the answers from all.

    Args:
        account: the account.
        step: one of `STEPS`.
        after: the asset of the step before, if there is one.
    """
    subdomain = account["subdomain"]
    loaded = f"Streams of the group {step}, loaded from where the last run ended"
    built = "Tables and views that dbt builds from all streams"

    @dg.asset(
        key=[subdomain, step],
        group_name=_name(subdomain),
        deps=[after] if after else [],
        pool=f"zendesk_{_name(subdomain)}",
        retry_policy=RETRIES,
        description=built if step == ANSWERS else loaded,
    )
    def load() -> None:
        tags = dg.AssetExecutionContext.get().run.tags
        try:
            variables = environment(account, step, whole=WHOLE_TAG in tags)
        except LookupError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        line = command(account, step)
        with subprocess.Popen(line, cwd=PROJECT, env=variables) as process:  # noqa: S603 - ours
            try:
                exit_code = process.wait()
            except BaseException:
                process.terminate()  # ends Meltano, the tap and the loader
                raise
        if exit_code:
            message = f"{subdomain}: meltano ended with exit code {exit_code}"
            raise dg.Failure(message)

    return load


def of_account(account: dict[str, Any]) -> dg.Definitions:
    """Return the assets of an account, and the job that loads them every hour.

    Once a week, another schedule reads the whole list of tickets, if the account uses the list form
    (`docs/how-to.md`).

    The steps run one after another: most streams of an account share its ten export requests a
    minute, and a DuckDB file allows only one writer at a time.

    Args:
        account: the account.
    """
    assets: list[dg.AssetsDefinition] = []
    for step in STEPS:
        assets.append(meltano_run(account, step, assets[-1].key if assets else None))
    job = dg.define_asset_job(f"zendesk_{_name(account['subdomain'])}", selection=assets)
    hourly = dg.ScheduleDefinition(job=job, cron_schedule="@hourly")
    whole = dg.ScheduleDefinition(
        f"{job.name}_whole", job=job, cron_schedule="@weekly", tags={WHOLE_TAG: "true"}
    )
    return dg.Definitions(assets=assets, jobs=[job], schedules=[hourly, whole])


def _name(subdomain: str) -> str:
    """Return a subdomain as a name that Dagster accepts: without hyphens."""
    return subdomain.replace("-", "_")


defs = dg.Definitions.merge(*map(of_account, json.loads(os.environ.get("ZENDESK_ACCOUNTS", "[]"))))
