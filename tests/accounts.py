"""What an account holds and what the tap gave of it, stream by stream, for tests of coverage."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

from .running import Json, Run, config_for, run_tap
from .simulator import definitions
from .simulator.sideloads import sideload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from .simulator import Simulator

SIDELOADS = {
    "metric_events": "metric_events",
    "slas": "slas",
    "dates": "dates",
    "comment_count": "comment_count",
    "incident_count": "incident_counts",
}
"""Properties of tickets, and what to ask for to get them."""

FED = {
    "ticket_metrics": ("tickets", "metric_sets"),
    "ticket_comments": ("ticket_events", "comment_events"),
    "user_identities": ("users", "identities"),
}
"""Fed streams, the streams that feed them, and what to ask for."""


def discovered(zendesk: Simulator, folder: Path, **settings: object) -> Json:
    """Give the catalog that the command discovers.

    Args:
        zendesk: The account.
        folder: For the command's files.
        settings: See `config_for`.
    """
    run = run_tap(folder, config_for(zendesk, **settings), "--discover")
    assert run.exit_code == 0, run.stderr
    catalog: Json = json.loads(run.stdout)
    return catalog


def choose(
    catalog: Json, *streams: str, on: Collection[str] = (), off: Collection[str] = ()
) -> Json:
    """Give a catalog with nothing but some streams selected.

    Args:
        catalog: What to select from; stays as it is.
        streams: The streams.
        on: Properties to select that are off by default, such as `tickets.slas`.
        off: Properties to deselect.
    """
    chosen = copy.deepcopy(catalog)
    for entry in chosen["streams"]:
        name = entry["tap_stream_id"]
        for item in entry["metadata"]:
            path = ".".join([name, *item["breadcrumb"][1::2]])
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = name in streams
            elif path in off or item["metadata"].get("selected-by-default") is False:
                item["metadata"]["selected"] = path in on
    return chosen


def entry_of(catalog: Json, stream: str) -> Json:
    """Give a stream's entry of a catalog."""
    [entry] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream]
    return dict(entry)


def holds(zendesk: Simulator, stream: str, *include: str) -> dict[Any, Json]:
    """Give what an account holds for a stream, by id.

    Args:
        zendesk: The account.
        stream: The stream, a fed one too.
        include: What comes along inside the records.
    """
    if stream.endswith("_fields"):
        return by_id(definitions.definitions(stream))
    feeder, more = FED.get(stream, (stream, ""))
    table = zendesk.store.records[feeder]
    asked = [name for name in (*include, more) if name]
    records, beside = sideload(zendesk.store, feeder, list(table.values()), asked)
    if stream == "ticket_metrics":
        return by_id(ticket["metric_set"] for ticket in records)
    if stream == "user_identities":
        return by_id(beside["identities"])
    if stream == "ticket_comments":
        return by_id(
            {"ticket_id": e["ticket_id"], "event_id": e["id"], "timestamp": e["timestamp"], **child}
            for e in records
            for child in e["child_events"]
            if child["event_type"] == "Comment"
        )
    for record in records:
        record.pop("fields", None)  # a copy of custom_fields
    return by_id(records)


def by_id(records: Iterable[Json]) -> dict[Any, Json]:
    """Give records by id, after asserting that none came twice."""
    found: dict[Any, Json] = {}
    for record in records:
        assert record["id"] not in found, f"{record['id']} came twice"
        found[record["id"]] = record
    return found


def whole(run: Run, stream: str) -> dict[Any, Json]:
    """Give a stream's records by id as Zendesk sent them: what was rescued is put back."""
    return by_id(
        {k: v for k, v in record.items() if k != "_rescued_data"}
        | (record.get("_rescued_data") or {})
        for record in run.records[stream]
    )


def asked(zendesk: Simulator, path: str) -> list[Json]:
    """Give the parameters of the requests whose path matches a regular expression."""
    return [dict(r.params) for r in list(zendesk.requests) if re.search(path, r.path)]


def lines_about(run: Run, stream: str, *levels: str) -> list[str]:
    """Give the lines of a log that name a stream: warnings and worse, unless said otherwise."""
    chosen = levels or ("WARNING", "ERROR", "CRITICAL")
    return [
        line for level in chosen for line in run.log(level) if re.search(rf"\b{stream}\b", line)
    ]
