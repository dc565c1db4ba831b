"""Runs the dbt project in `transform/`, in the virtual environment that `make test` sets up."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import yaml

from .warehouse import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PROJECT = ROOT / "transform"
PROJECT_FILE = "dbt_project.yml"
DBT = ROOT / ".venv-dbt/bin/dbt"
TIMEOUT_SECONDS = 120


def build(folder: Path, database: Mapping[str, str], *arguments: str) -> str:
    """Build all models, and run all tests of the project.

    Args:
        folder: the folder for dbt's own files.
        database: the environment variables of `transform/profiles.yml`.
        arguments: more arguments of the command line.

    Returns:
        The output of dbt.

    Raises:
        AssertionError: a model or a test failed. The message is the end of dbt's output.
    """
    return run_dbt("build", PROJECT, folder, database, *arguments)


def run_dbt(
    command: str, project: Path, folder: Path, database: Mapping[str, str], *arguments: str
) -> str:
    """Run a command of dbt.

    Args:
        command: the command.
        project: the folder of the dbt project.
        folder: the folder for dbt's own files.
        database: the environment variables of `transform/profiles.yml`.
        arguments: more arguments of the command line.

    Returns:
        The output of dbt.

    Raises:
        AssertionError: dbt failed. The message is the end of its output.
    """
    line: list[str | Path] = [DBT, "--no-use-colors", command, "--project-dir", project]
    line += ["--profiles-dir", PROJECT, "--target-path", folder / "target"]
    line += ["--log-path", folder / "logs", *arguments]
    # No one reads dbt's log files and JSON files, which take a fifth of its CPU time.
    settings = {
        "DBT_LOG_LEVEL_FILE": "none",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_WRITE_JSON": "false",
    }
    run = subprocess.run(
        line,
        check=False,
        env=os.environ | settings | dict(database),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    return run.stdout


def project_of(folder: Path, packages: Iterable[Path], variables: Mapping[str, object]) -> Path:
    """Write a dbt project that consists of packages only.

    Args:
        folder: the folder of the project, which must not exist yet.
        packages: the folders of the packages.
        variables: the variables of the project.

    Returns:
        The folder of the project.
    """
    installed = folder / "dbt_packages"
    installed.mkdir(parents=True)
    for package in packages:
        (installed / package.name).symlink_to(package.resolve())
    settings = {
        "name": "nothing_but_packages",
        "version": "1.0.0",
        "profile": "zendesk_export",
        "vars": variables,
    }
    (folder / PROJECT_FILE).write_text(yaml.safe_dump(settings))
    return folder


def postgres_variables(url: str, schema: str) -> dict[str, str]:
    """Return the environment variables that connect dbt to a PostgreSQL database.

    Args:
        url: the address of the database. If the server listens on a socket, the query's `host` is
            the folder of the socket.
        schema: the schema of the loader's tables. The names of the models' schemas begin with it.
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


def promised_columns(folder: str) -> dict[str, dict[str, str]]:
    """Return the documented columns of a folder's models: their types by table and name.

    Args:
        folder: the name of the folder in `models`.
    """
    [file] = (PROJECT / "models" / folder).glob("*.yml")
    return {
        model["config"]["alias"]: {c["name"]: c["data_type"] for c in model["columns"]}
        for model in yaml.safe_load(file.read_text())["models"]
    }
