"""Compares what arrived in the database of a pipeline with the records that it came from."""

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
"""Type of each column by name, and rows by id."""

ROOT = Path(__file__).parent.parent
LOADER_PYTHON = ROOT / ".meltano/loaders/target-duckdb/venv/bin/python"
LEFT_OUT = {"tickets": {"fields"}}
"""Properties that a stream leaves out on purpose, because they are copies of others."""

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
    """What went wrong with a load, in one line."""


def read_database(
    path: Path, streams: Mapping[str, str]
) -> dict[str, tuple[dict[str, str], Records]]:
    """Reads the database, with the DuckDB that the loader wrote it with.

    Args:
        path: the database file.
        streams: names of the streams that were loaded, and the key property of each.

    Returns:
        The table of each stream.

    Raises:
        LoadError: there is no such database, or a table is missing.
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
    """Turns a value of a record into what the loader makes of it in a column.

    The loader stores an empty string as NULL, and a date-time without its time zone, UTC.

    Args:
        value: as Zendesk sent it.
        kind: the column's type.
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
    """Compares every column of every row with the record it came from.

    Args:
        stream: name of the stream.
        records: what there is, by id.
        types: type of each column by name.
        rows: what arrived, by id.
        as_loaded: turns a value into what the loader makes of it in a column of a type.

    Returns:
        A line for each difference.
    """
    found = [f"{stream} {key} is missing" for key in records.keys() - rows.keys()]
    found += [f"{stream} {key} was never there" for key in rows.keys() - records.keys()]
    for key in records.keys() & rows.keys():
        record = {name.lower(): value for name, value in records[key].items()}
        for name in LEFT_OUT.get(stream, ()):
            record.pop(name, None)
        # What no column is there for is kept together.
        unknown = {name: record[name] for name in record.keys() - types.keys()}
        record["_rescued_data"] = unknown or None
        for name, kind in ({"_rescued_data": "JSON"} | types).items():
            expected, loaded = as_loaded(record.get(name), kind), rows[key].get(name)
            # As text, because 1, 1.0 and true are equal in Python.
            if json.dumps(expected, sort_keys=True) != json.dumps(loaded, sort_keys=True):
                found.append(f"{stream} {key}: {name} is {loaded!r} instead of {expected!r}")
    return found
