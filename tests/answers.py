"""Answers questions from the rows that `make demo` loaded, in words and as a page with charts.

`make answers` runs this. `--screenshot FILE` takes a picture of the page with a headless Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from .demo import DATABASE, FOLDER
from .transform import DBT, PROJECT, build
from .warehouse import ROOT

PAGE = FOLDER / "answers.html"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""The path of Chromium, if it is installed under one of its names."""

BROWSER = (
    *(CHROMIUM or "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--window-size=1240,860", "--virtual-time-budget=10000"),
)


def write_page(database: Path, page: Path) -> str:
    """Write the page with the answers of a database in which the project was built.

    Args:
        database: the DuckDB file.
        page: the file of the page.

    Returns:
        Three of the answers, a line each.

    Raises:
        subprocess.CalledProcessError: the page cannot be written; standard error has the reason.
    """
    command = (DBT.with_name("python"), PROJECT / "page.py", database, page)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Build the project in the demo's database, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.answers", description=__doc__)
    parser.add_argument("--screenshot", type=Path, help="file for a picture of the page")
    picture = parser.parse_args().screenshot
    variables = {"DBT_TARGET": "duckdb", "ZENDESK_DUCKDB_PATH": str(DATABASE)}
    with tempfile.TemporaryDirectory() as folder:
        printed = build(Path(folder), variables)
    for line in printed.splitlines():
        if "was not loaded" in line:
            print(line.partition("zendesk_export: ")[2])
    print(f"\n{write_page(DATABASE, PAGE)}\nThe page is {PAGE.relative_to(ROOT)}.")
    if picture:
        command = (*BROWSER, f"--screenshot={picture.resolve()}", PAGE.as_uri())
        subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
