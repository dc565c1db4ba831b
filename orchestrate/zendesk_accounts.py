"""What an orchestrator runs for an account: Meltano, for each group of streams and then for dbt.

An account is a dictionary with its `subdomain`, `settings` (environment variables of its runs) and
`secrets` (environment variables of its runs, each with the name of the worker's variable that holds
the value).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PLUGINS = ("tap-zendesk-incremental", "target-duckdb")
DBT = "dbt-duckdb"
"""The plugin that builds `transform/` (`docs/dbt.md`)."""


# A stream that comes with the pages of another one must be in the same group, or the tap would
# fetch these pages twice.
CORE = ("tickets", "ticket_metrics", "ticket_events", "ticket_comments")
PEOPLE = ("users", "user_identities", "organizations")
GROUPS = {"core": CORE, "people": PEOPLE, "rest": [f"!{name}" for name in (*CORE, *PEOPLE)]}
"""Patterns for Meltano's `select_filter`, which narrows the project's own selection."""

ANSWERS = "answers"
"""The step after the groups: dbt builds tables and views from what they loaded."""

STEPS = (*GROUPS, ANSWERS)
"""The steps to run for an account, in this order."""

WHOLE = {"tickets": {"replication-method": "FULL_TABLE"}}
"""Meltano's `metadata` for a run that reads the whole list of tickets (`docs/how-to.md`)."""


def command(account: dict[str, Any], step: str) -> list[str]:
    """Return the command line of a step. A group of streams resumes where its last run ended.

    Args:
        account: the account.
        step: one of `STEPS`.
    """
    if step == ANSWERS:
        return ["meltano", "invoke", DBT, "build"]
    return ["meltano", "run", f"--state-id-suffix={account['subdomain']}-{step}", *PLUGINS]


def secrets(account: dict[str, Any]) -> dict[str, str]:
    """Read the secrets of an account. Call it in the run itself, so that nothing else sees them.

    Args:
        account: the account.

    Raises:
        LookupError: this worker lacks a secret, so a retry would not help.
    """
    names: dict[str, str] = account["secrets"]
    if missing := [name for name in names.values() if name not in os.environ]:
        lacks = f"no environment variable {', '.join(missing)} on this worker"
        message = f"{account['subdomain']}: {lacks}"
        raise LookupError(message)
    return {setting: os.environ[name] for setting, name in names.items()}


def environment(account: dict[str, Any], step: str, *, whole: bool = False) -> dict[str, str]:
    """Return the environment of the command, including the secrets.

    Args:
        account: the account.
        step: one of `STEPS`.
        whole: whether to read the whole list of tickets, if the account uses the list form.

    Raises:
        LookupError: see `secrets`.
    """
    settings = account.get("settings", {})
    folder = _folder(account["subdomain"])
    common = {
        **os.environ,
        **settings,
        **secrets(account),
        "MELTANO_SYS_DIR_ROOT": str(folder),
        "TAP_ZENDESK_INCREMENTAL_SUBDOMAIN": account["subdomain"],
    }
    if step == ANSWERS:
        # Accounts are built in parallel, too.
        own = {"DBT_TARGET_PATH": str(folder / "dbt"), "DBT_LOG_PATH": str(folder / "dbt")}
        return common | own
    is_list = settings.get("TAP_ZENDESK_INCREMENTAL_EXPORT_METHOD") == "list"
    return {
        **common,
        "TAP_ZENDESK_INCREMENTAL__SELECT_FILTER": json.dumps(GROUPS[step]),
        **({"TAP_ZENDESK_INCREMENTAL__METADATA": json.dumps(WHOLE)} if whole and is_list else {}),
    }


def _folder(subdomain: str) -> Path:
    """Create an account's own folder for Meltano, with links to the project's installed plugins.

    Meltano keeps one catalog for each plugin and folder. Two accounts that run at once would use
    each other's catalog, and would wait for each other at Meltano's SQLite database.
    """
    installed = PROJECT / ".meltano"
    folder = installed / "accounts" / subdomain
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("extractors", "loaders", "utilities"):
        with suppress(FileExistsError):
            (folder / kind).symlink_to(installed / kind)
    return folder
