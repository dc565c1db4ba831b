"""The dbt project's promises: descriptions of all columns, and the tables of dbt_zendesk."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
import yaml

from .transform import PROJECT, promised_columns
from .warehouse import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS_FILE = Path(__file__).resolve().parents[2] / "shared/dbt-zendesk-columns.csv"
"""The columns that dbt_zendesk's macros read: table, column, type."""

CHAT_TABLES = {"ticket_chat", "ticket_chat_event"}
"""Tables that dbt_zendesk reads only if `using_ticket_chat` is set. No stream has them."""

TYPES = {"int": "bigint", "string": "string", "datetime": "timestamp"}
OTHER_TYPES = {
    # The file has a number type for columns in which the package's authors never saw a value.
    "string": (
        *("organization.details", "organization.external_id", "organization.notes"),
        *("ticket.external_id", "ticket.recipient", "ticket.system_json_email_identifier"),
        *("ticket.system_message_id", "ticket.system_raw_email_identifier"),
        *("ticket.via_source_from_address", "ticket.via_source_from_title"),
        *("ticket.via_source_rel", "ticket.via_source_to_address", "ticket.via_source_to_name"),
        *("ticket_comment.location", "ticket_comment.recording_url"),
        *("ticket_comment.transcription_status", "ticket_comment.transcription_text"),
        *("user.authenticity_token", "user.details", "user.external_id", "user.notes"),
        *("user.remote_photo_url", "user.signature"),
    ),
    "boolean": ("ticket_comment.voice_comment_transcription_visible",),
    # The file has strings here, but the package casts them to timestamps.
    "timestamp": ("ticket.updated_at", "ticket_comment._fivetran_synced", "user.updated_at"),
}


def descriptions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each entry in the project's YAML files, with its kind in the plural."""
    for file in (*PROJECT.glob("models/*/*.yml"), *PROJECT.glob("seeds/*.yml")):
        content = yaml.safe_load(file.read_text())
        for kind in ("models", "seeds", "sources"):
            for entry in content.get(kind, ()):
                yield kind, entry
                yield from (("tables", table) for table in entry.get("tables", ()))


def test_everything_is_described() -> None:
    described: dict[str, set[str]] = {}
    for kind, entry in descriptions():
        described.setdefault(kind, set()).add(entry["name"])
        parts = [entry, *entry.get("columns", ())]
        lacking = [part["name"] for part in parts if len(part.get("description", "")) < 4]
        assert not lacking, f"{entry['name']}: {lacking}"
        if kind in {"models", "seeds"}:
            assert entry["columns"], entry["name"]
    assert described["models"] == {file.stem for file in PROJECT.glob("models/**/*.sql")}
    assert described["seeds"] == {file.stem for file in PROJECT.glob("seeds/*.csv")}


def test_the_page_names_the_streams_that_the_answers_read() -> None:
    texts = {one.stem: one.read_text(encoding="utf-8") for one in PROJECT.rglob("models/*/*.sql")}
    read = [name for name in texts if name.startswith("zendesk_answers__")]
    macros = (PROJECT / "macros/answers.sql").read_text(encoding="utf-8")
    read += re.findall(r"ref\('(\w+)'\)", macros)
    streams = set()
    for name in read:  # which grows meanwhile
        layer, _, stream = name.partition("__")
        if layer == "zendesk_staging":
            streams.add(stream)
        else:
            read += re.findall(r"ref\('(\w+)'\)", texts[name])
    page = (ROOT / "docs/dbt.md").read_text(encoding="utf-8")
    named = page.partition("They read the streams")[2].partition("is empty")[0]
    assert {*re.findall(r"`(\w+)`", named)} - {"sla_breaches"} == streams


def test_tables_have_the_columns_that_dbt_zendesk_reads() -> None:
    if not COLUMNS_FILE.exists():
        pytest.skip("the list of dbt_zendesk's columns is not part of the repository")
    expected: dict[str, dict[str, str]] = {}
    with COLUMNS_FILE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            # Tags are in upper and lower case, for warehouses with case-sensitive names.
            column, kind = row["column"].lower(), row["type"]
            expected.setdefault(row["table"], {})[column] = TYPES.get(kind, kind)
    for kind, columns in OTHER_TYPES.items():
        for table, _, column in (name.partition(".") for name in columns):
            assert expected[table][column] != kind
            expected[table][column] = kind
    for table in CHAT_TABLES:
        del expected[table]
    assert promised_columns("zendesk_source") == expected


def read_seed(name: str) -> list[dict[str, str]]:
    """Return the rows of a seed."""
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_time_zones_match_the_iana_data() -> None:
    """The test compares local times of past years, which new IANA data does not change."""
    utc = timezone.utc
    daylight: dict[str, list[tuple[datetime, datetime, int]]] = {}
    for row in read_seed("zendesk_daylight_times"):
        start, end = (
            datetime.fromisoformat(row[f"daylight_{name}_utc"]).replace(tzinfo=utc)
            for name in ("start", "end")
        )
        daylight.setdefault(row["time_zone"], []).append((start, end, int(row["daylight_offset"])))
    zones = read_seed("zendesk_time_zones")
    assert daylight.keys() < {row["time_zone"] for row in zones}
    compared = 0
    for row in zones:
        try:
            zone = ZoneInfo(row["iana_name"])
        except ZoneInfoNotFoundError:
            pytest.skip("no IANA data here")
        sign = -1 if row["standard_offset"].startswith("-") else 1
        hours, minutes = row["standard_offset"][1:].split(":")
        standard = sign * timedelta(hours=int(hours), minutes=int(minutes))
        moment = datetime(2017, 1, 1, 0, 30, tzinfo=utc)
        while moment.year < 2024:
            more = sum(
                h for start, end, h in daylight.get(row["time_zone"], []) if start <= moment < end
            )
            found = moment.astimezone(zone).utcoffset()
            assert standard + timedelta(hours=more) == found, (row["time_zone"], moment)
            moment += timedelta(hours=61)
            compared += 1
    assert compared > 100_000
