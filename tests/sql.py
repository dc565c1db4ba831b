"""Queries the demo's database: `make sql QUERY='select …'` runs this with the loader's DuckDB."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

DATABASE = Path(__file__).parent.parent / ".demo/zendesk.duckdb"


def main() -> None:
    """Print the rows of `QUERY`."""
    if not DATABASE.exists():
        sys.exit("There is no database yet; run make demo first.")
    duckdb = import_module("duckdb")  # installed in the loader's environment, not in the tests'
    try:
        with duckdb.connect(str(DATABASE), read_only=True) as database:
            database.sql(os.environ["QUERY"]).show()
    except duckdb.Error as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
