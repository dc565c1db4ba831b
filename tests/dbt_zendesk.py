"""Runs the dbt package dbt_zendesk, unmodified, over the tables that `transform/` builds.

`make dbt-zendesk DBT_ZENDESK=folder` runs this. The folder holds the package and the packages that
it needs, each in its own folder: `dbt_zendesk`, `fivetran_utils` and `dbt_utils`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .postgres import Pipeline, Schema, served
from .running import select
from .simulator.demo_account import DemoSimulator
from .transform import PROJECT, PROJECT_FILE, postgres_variables, project_of, run_dbt

STREAMS = (
    *("tickets", "ticket_events", "ticket_comments", "ticket_metric_events", "users"),
    *("organizations", "groups", "brands", "ticket_forms", "schedules", "schedule_holidays"),
    *("sla_policies", "audit_logs"),
)
QUESTIONS = {
    "tickets that are open": (
        """select count(*) as figure from zendesk__ticket_metrics
        where status in ('new', 'open', 'pending', 'hold')""",
        """select sum(tickets) as figure from tickets_by_group_and_status
        where status in ('new', 'open', 'pending', 'hold')""",
    ),
    "tickets in the backlog of the last day": (
        """select count(*) as figure from zendesk__ticket_backlog
        where date_day = (select max(date_day) from zendesk__ticket_backlog)""",
        "select open_tickets as figure from backlog_by_day order by day desc limit 1",
    ),
    "minutes to the first reply, on average": (
        "select avg(first_reply_time_calendar_minutes) as figure from zendesk__ticket_metrics",
        "select avg(first_reply_minutes) as figure from first_reply_time",
    ),
    "minutes to the solution, on average": (
        "select avg(final_resolution_calendar_minutes) as figure from zendesk__ticket_metrics",
        "select avg(full_resolution_minutes) as figure from full_resolution_time",
    ),
    "reopened tickets": (
        "select sum(count_reopens) as figure from zendesk__ticket_metrics",
        "select sum(reopens) as figure from full_resolution_time",
    ),
    "SLA targets": (
        "select count(*) as figure from zendesk__sla_policies",
        "select count(*) as figure from sla_breaches",
    ),
    "SLA targets that were breached": (
        "select count(*) as figure from zendesk__sla_policies where is_sla_breach",
        "select count(*) as figure from sla_breaches where is_breached",
    ),
}
"""Figures, with the query for dbt_zendesk's and the query for ours."""


def main() -> None:
    """Load a demo account into a PostgreSQL server, build both projects, and compare figures."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "dbt_zendesk").is_dir():
        sys.exit("usage: make dbt-zendesk DBT_ZENDESK=folder (with dbt_zendesk and its packages)")
    with (
        tempfile.TemporaryDirectory() as temporary,
        DemoSimulator(tickets=500, users=150, organizations=30) as zendesk,
        served() as url,
    ):
        folder = Path(temporary)
        schema = Schema(url)
        Pipeline(folder, zendesk, schema).run(catalog=select(*STREAMS))
        variables = postgres_variables(url, schema.name)
        packages = [one for one in Path(sys.argv[1]).iterdir() if (one / PROJECT_FILE).exists()]
        settings = {"zendesk_schema": f"{schema.name}_source", "using_audit_log": True}
        both = project_of(folder / "both", [PROJECT, *packages], settings)
        run_dbt("build", both, folder, variables, "--select", "package:zendesk_export")
        print(run_dbt("run", both, folder, variables, "--select", "package:zendesk"))
        print(f"\n  {'':40}{'dbt_zendesk':>12}{'ours':>10}")
        for question, queries in QUESTIONS.items():
            theirs, ours = (
                Schema(url, f"{schema.name}_{suffix}").query(query)[0]["figure"]
                for suffix, query in zip(("zendesk", "answers"), queries, strict=True)
            )
            print(f"  {question:40}{theirs:>12.0f}{ours:>10.0f}")


if __name__ == "__main__":
    main()
