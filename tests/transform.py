"""Runs the dbt project in `transform/`, in the virtual environment that `make test` sets up."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from .warehouse import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT = ROOT / "transform"
DBT = ROOT / ".venv-dbt/bin/dbt"
TIMEOUT_SECONDS = 120


def build(folder: Path, database: Mapping[str, str], *arguments: str) -> str:
    """Builds all models and runs all tests of the project.

    Args:
        folder: for dbt's own files.
        database: environment variables of `transform/profiles.yml`.
        arguments: more of the command line.

    Returns:
        What dbt printed.

    Raises:
        AssertionError: a model or a test failed; the end of what dbt printed is in the message.
    """
    command: list[str | Path] = [DBT, "--no-use-colors", "build", "--project-dir", PROJECT]
    command += ["--profiles-dir", PROJECT, "--target-path", folder / "target"]
    command += ["--log-path", folder / "logs", *arguments]
    run = subprocess.run(
        command,
        check=False,
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"} | dict(database),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    return run.stdout


def postgres_variables(url: str, schema: str) -> dict[str, str]:
    """Gives the variables that lead dbt to a PostgreSQL database.

    Args:
        url: address of the database; a server on a socket has it in the query's `host`.
        schema: schema of the loader's tables; the models' schemas begin with its name.
    """
    parts = urlsplit(url)
    [host] = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])
    return {
        "DBT_TARGET": "postgres",
        "PGHOST": host,
        "PGPORT": str(parts.port or 5432),
        "PGUSER": parts.username or "postgres",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
        "ZENDESK_SCHEMA": schema,
    }
