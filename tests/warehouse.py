"""Compares the rows in the database of a pipeline with the records that they came from."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Record = dict[str, Any]
Records = dict[str, Record]
Table = tuple[dict[str, str], Records]
"""The type of each column by name, and the rows by id."""

ROOT = Path(__file__).parent.parent
LOADER_PYTHON = ROOT / ".meltano/loaders/target-duckdb/venv/bin/python"
LEFT_OUT = {"tickets": {"fields"}}
"""Properties that the tap leaves out on purpose, because they are copies of others."""

READ_DATABASE = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as database:
    for table in sys.argv[2:]:
        types = dict(database.execute(
            "select column_name, data_type from duckdb_columns() where table_name = ?", [table]
        ).fetchall())
        rows = database.execute(f"select * from {table}")
        names = [column[0] for column in rows.description]
        rows = [dict(zip(names, row)) for row in rows.fetchall()]
        print(json.dumps([types, rows], default=str))
"""


class LoadError(Exception):
    """A load went wrong. The message is one line."""


def read_database(
    path: Path, streams: Mapping[str, str]
) -> dict[str, tuple[dict[str, str], Records]]:
    """Read a database with the loader's own DuckDB.

    Args:
        path: the database file.
        streams: the names of the loaded streams, and the key property of each.

    Returns:
        The table of each stream.

    Raises:
        LoadError: the database or a table does not exist.
    """
    command: tuple[str | Path, ...] = (LOADER_PYTHON, "-c", READ_DATABASE, path, *streams)
    reader = subprocess.run(command, check=False, capture_output=True, text=True)
    if reader.returncode:
        message = f"the database cannot be read: {reader.stderr.strip().splitlines()[-1]}"
        raise LoadError(message)
    tables = {}
    for (stream, key), line in zip(streams.items(), reader.stdout.splitlines(), strict=True):
        types, rows = json.loads(line)
        for row in rows:
            row |= {
                name: json.loads(row[name]) for name in types if types[name] == "JSON" and row[name]
            }
        tables[stream] = types, {str(row[key]): row for row in rows}
    return tables


def as_loaded(value: Any, kind: str) -> Any:  # noqa: ANN401 - a JSON value
    """Turn a value of a record into the value that the loader stores in a column.

    The loader stores an empty string as NULL, and a date-time without its time zone, UTC.

    Args:
        value: the value that Zendesk sent.
        kind: the type of the column.
    """
    if value is None or value == "":
        return None
    if kind == "TIMESTAMP":
        return str(datetime.fromisoformat(value.replace("Z", "+00:00")).replace(tzinfo=None))
    if kind == "DOUBLE":
        return float(value)
    if kind == "VARCHAR" and not isinstance(value, str):
        return str(value)
    return value


def differences(
    stream: str,
    records: Records,
    types: dict[str, str],
    rows: Records,
    as_loaded: Callable[[Any, str], Any] = as_loaded,
) -> list[str]:
    """Compare every column of every row with the record it came from.

    Args:
        stream: the name of the stream.
        records: the records of the account, by id.
        types: the type of each column by name.
        rows: the rows of the database, by id.
        as_loaded: turns a value into the value that the loader stores in a column of a type.

    Returns:
        A line for each difference.
    """
    found = [f"{stream} {key} is missing" for key in records.keys() - rows.keys()]
    found += [f"{stream} {key} was never there" for key in rows.keys() - records.keys()]
    for key in records.keys() & rows.keys():
        record = {name.lower(): value for name, value in records[key].items()}
        for name in LEFT_OUT.get(stream, ()):
            record.pop(name, None)
        # Properties without a column go into `_rescued_data`.
        unknown = {name: record[name] for name in record.keys() - types.keys()}
        record["_rescued_data"] = unknown or None
        for name, kind in ({"_rescued_data": "JSON"} | types).items():
            expected, loaded = as_loaded(record.get(name), kind), rows[key].get(name)
            # As text, because 1, 1.0 and true are equal in Python.
            if json.dumps(expected, sort_keys=True) != json.dumps(loaded, sort_keys=True):
                found.append(f"{stream} {key}: {name} is {loaded!r} instead of {expected!r}")
    return found
