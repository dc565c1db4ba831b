"""A copy of the Meltano project, which tests run with Meltano itself and then discard."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from .simulator.credentials import ACCESS_TOKEN
from .warehouse import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json
    from .simulator import Simulator

MELTANO = ROOT / ".venv-meltano/bin/meltano"
PLUGINS = (
    "extractors/tap-zendesk-incremental",
    "loaders/target-duckdb",
    "loaders/target-postgres",
)
UTILITIES = ("utilities/dbt-duckdb", "utilities/dbt-postgres")
"""Plugins that use the dbt environment of `make test`."""

TIMEOUT_SECONDS = 150
REASON = "no Meltano with its plugins here; `make test` sets them up"


def is_there() -> bool:
    """Return whether Meltano and the plugins are installed."""
    return all((ROOT / ".meltano" / plugin / "venv/bin/python").exists() for plugin in PLUGINS)


class Project:
    """The project in its own folder, with the plugins that are already installed.

    Attributes:
        folder: the folder of the project.
        variables: the environment variables of its commands: a user's settings.
    """

    def __init__(self, folder: Path, zendesk: Simulator) -> None:
        """Copy the project.

        Args:
            folder: an empty folder.
            zendesk: the account to load from.
        """
        self.folder = folder
        (folder / "meltano.yml").write_bytes((ROOT / "meltano.yml").read_bytes())
        for plugin in PLUGINS:
            (folder / ".meltano" / plugin).mkdir(parents=True)
            (folder / ".meltano" / plugin / "venv").symlink_to(ROOT / ".meltano" / plugin / "venv")
        for plugin in UTILITIES:
            (folder / ".meltano" / plugin).mkdir(parents=True)
            (folder / ".meltano" / plugin / "venv").symlink_to(ROOT / ".venv-dbt")
        (folder / "transform").symlink_to(ROOT / "transform")
        self.variables = {
            "MELTANO_ENVIRONMENT": "prod",
            "MELTANO_STATE_BACKEND_URI": f"file://{folder}/states",
            "NO_COLOR": "1",
            # The dbt project is only a link, so dbt must write its files elsewhere.
            "DBT_TARGET_PATH": str(folder / "dbt/target"),
            "DBT_LOG_PATH": str(folder / "dbt/logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TAP_ZENDESK_INCREMENTAL_SUBDOMAIN": "example",
            "TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN": ACCESS_TOKEN,
            "TAP_ZENDESK_INCREMENTAL_API_URL": zendesk.url,
        }

    def meltano(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a command of Meltano.

        Args:
            arguments: the arguments of `meltano`.
            exit_code: the expected exit code.

        Returns:
            Standard output and standard error together.

        Raises:
            AssertionError: it had another exit code. The message is the end of its output.
        """
        others = ("TAP_", "TARGET_", "MELTANO_", "ZENDESK_", "DBT_", "PG", "LOGLEVEL")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        run = subprocess.run(
            (MELTANO, *arguments),
            check=False,
            cwd=self.folder,
            env=kept | self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert run.returncode == exit_code, run.stdout[-5000:]
        return run.stdout

    def states(self) -> dict[str, Json]:
        """Return the states in the state backend, by their ids."""
        return {
            file.parent.name: json.loads(file.read_text())["completed"]["singer_state"]
            for file in self.folder.glob("states/*/state.json")
        }
