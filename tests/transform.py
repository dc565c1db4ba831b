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
    return run_dbt("build", PROJECT, folder, database, *arguments)


def run_dbt(
    command: str, project: Path, folder: Path, database: Mapping[str, str], *arguments: str
) -> str:
    """Runs a command of dbt.

    Args:
        command: the command.
        project: folder of the dbt project.
        folder: for dbt's own files.
        database: environment variables of `transform/profiles.yml`.
        arguments: more of the command line.

    Returns:
        What dbt printed.

    Raises:
        AssertionError: dbt failed; the end of what it printed is in the message.
    """
    line: list[str | Path] = [DBT, "--no-use-colors", command, "--project-dir", project]
    line += ["--profiles-dir", PROJECT, "--target-path", folder / "target"]
    line += ["--log-path", folder / "logs", *arguments]
    run = subprocess.run(
        line,
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


def project_of(folder: Path, packages: Iterable[Path], variables: Mapping[str, object]) -> Path:
    """Writes a dbt project that has nothing but packages.

    Args:
        folder: a new folder.
        packages: folders of the packages.
        variables: variables of the project.

    Returns:
        The project's folder.
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


def promised_columns(folder: str) -> dict[str, dict[str, str]]:
    """Gives the columns that the models of a folder promise: their types by table and name.

    Args:
        folder: name of the folder in `models`.
    """
    [file] = (PROJECT / "models" / folder).glob("*.yml")
    return {
        model["config"]["alias"]: {c["name"]: c["data_type"] for c in model["columns"]}
        for model in yaml.safe_load(file.read_text())["models"]
    }
