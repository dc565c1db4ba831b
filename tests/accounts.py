"""The records that an account holds and that the tap exported, by stream, for tests of coverage."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental.child_stream import SideloadStream
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS
from tap_zendesk_incremental.streams.support import Tickets

from .running import Json, Run, config_for, run_tap
from .simulator import definitions
from .simulator.sideloads import sideload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from .simulator import Simulator

SIDELOADS = Tickets.sideloads
"""Properties of tickets, and the sideload that fills each."""

PARENTS = {stream.name: str(vars(stream.parent_stream_type)["name"]) for stream in CHILD_STREAMS}
"""Child streams, and the parent of each."""

SIDELOADED = {
    stream.name: (PARENTS[stream.name], str(stream.include))
    for stream in CHILD_STREAMS
    if issubclass(stream, SideloadStream)
}
"""Child streams that come with their parent's pages, with the parent and the sideload of each."""

KEYS = {stream.name: stream.primary_keys[-1] for stream in STREAMS}
"""Streams, and the property that identifies their records here: the last one of their key.

For child streams and custom objects, it is `id`.
"""


def discovered(zendesk: Simulator, folder: Path, **settings: object) -> Json:
    """Return the catalog that the command discovers.

    Args:
        zendesk: The account.
        folder: The folder for the command's files.
        settings: See `config_for`.
    """
    run = run_tap(folder, config_for(zendesk, **settings), "--discover")
    assert run.exit_code == 0, run.stderr
    catalog: Json = json.loads(run.stdout)
    return catalog


def choose(
    catalog: Json, *streams: str, on: Collection[str] = (), off: Collection[str] = ()
) -> Json:
    """Return a copy of a catalog in which only the given streams are selected.

    Args:
        catalog: The catalog.
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
    """Return a stream's entry of a catalog."""
    [entry] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream]
    return dict(entry)


def holds(zendesk: Simulator, stream: str, *include: str) -> dict[Any, Json]:
    """Return the records that an account holds for a stream, by id.

    Args:
        zendesk: The account.
        stream: The stream, which can be a child stream.
        include: The sideloads that come inside the records.
    """
    if stream not in zendesk.store.records and stream not in SIDELOADED:
        return by_id(definitions.definitions(stream))
    parent, more = SIDELOADED.get(stream, (stream, ""))
    table = zendesk.store.records[parent]
    asked = [name for name in (*include, more) if name]
    records, beside = sideload(zendesk.store, parent, list(table.values()), asked)
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
    return by_id(records, KEYS.get(stream, "id"))


def shows(zendesk: Simulator, stream: str) -> dict[Any, Json]:
    """Return the records that the list of a stream shows now, by id: none deleted or archived.

    Args:
        zendesk: The account.
        stream: A stream that has a list, or a child stream of tickets or users.
    """
    parent = SIDELOADED.get(stream, (stream, ""))[0]
    [listing] = [s.listing for s in STREAMS if s.name == parent and s.listing]
    shown = zendesk.api.shown(listing.path.removeprefix("/api/v2/").removesuffix(".json")).keys()
    if parent == stream:
        return {id_: record for id_, record in holds(zendesk, stream).items() if id_ in shown}
    [key] = [
        s.parent_key for s in CHILD_STREAMS if s.name == stream and issubclass(s, SideloadStream)
    ]
    return {id_: child for id_, child in holds(zendesk, stream).items() if child[key] in shown}


def by_id(records: Iterable[Json], key: str = "id") -> dict[Any, Json]:
    """Return records by id, and assert that none came twice.

    Args:
        records: The records.
        key: The property that holds the id.
    """
    found: dict[Any, Json] = {}
    for record in records:
        assert record[key] not in found, f"{record[key]} came twice"
        found[record[key]] = record
    return found


def whole(run: Run, stream: str) -> dict[Any, Json]:
    """Return a stream's records by id as Zendesk sent them, with rescued properties put back."""
    return by_id(
        (
            {k: v for k, v in record.items() if k != "_rescued_data"}
            | (record.get("_rescued_data") or {})
            for record in run.records[stream]
        ),
        KEYS.get(stream, "id"),
    )


def asked(zendesk: Simulator, path: str) -> list[Json]:
    """Return the parameters of the requests whose path matches a regular expression."""
    return [dict(r.params) for r in list(zendesk.requests) if re.search(path, r.path)]


def lines_about(run: Run, stream: str, *levels: str) -> list[str]:
    """Return the lines of a log that name a stream; only warnings and errors by default."""
    chosen = levels or ("WARNING", "ERROR", "CRITICAL")
    return [
        line for level in chosen for line in run.log(level) if re.search(rf"\b{stream}\b", line)
    ]
