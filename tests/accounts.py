"""What an account holds and what the tap gave of it, stream by stream, for tests of coverage."""

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
from .simulator.resources import RESOURCES
from .simulator.sideloads import sideload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from tap_zendesk_incremental.child_stream import ChildStream
    from tap_zendesk_incremental.export_stream import ExportStream

    from .simulator import Simulator


def _parent_of(stream: type[ChildStream]) -> str:
    return next(parent.name for parent in STREAMS if parent is stream.parent_stream_type)


SIDELOADS = dict(Tickets.sideloads)
"""Properties of tickets, and what to ask for to get them."""

SIDELOADED = {
    stream.name: (_parent_of(stream), str(stream.include))
    for stream in CHILD_STREAMS
    if issubclass(stream, SideloadStream)
}
"""Streams that come on the pages of another one: which one, and what to ask for."""

LISTED_CHILDREN = {
    stream.name: _parent_of(stream) for stream in CHILD_STREAMS if stream.name not in SIDELOADED
}
"""Streams with a list for each record of another one: which one."""

DECLARED: tuple[type[ExportStream | ChildStream], ...] = (*STREAMS, *CHILD_STREAMS)
"""Every stream that does not depend on the account."""

KEYS: dict[str, str] = {stream.name: stream.primary_keys[0] for stream in DECLARED}
"""The property that tells the records of a stream apart; that of a custom object is `id`."""

DEFINITIONS = {
    resource.name for resource in RESOURCES if not resource.make and resource.name in KEYS
}
"""Streams whose records the account never changes."""

ONLY_LISTED = {
    stream.name: stream.listing
    for stream in STREAMS
    if stream.listing and not (stream.cursor or stream.time)
}
"""Streams that have no export, and where their list is."""


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
    """Give what an account holds for a stream, by its key.

    Args:
        zendesk: The account.
        stream: The stream, a child stream too.
        include: What comes along inside the records.
    """
    if stream in DEFINITIONS:
        return by_id(definitions.definitions(stream))
    if listing := ONLY_LISTED.get(stream):
        path = listing.path.removeprefix("/api/v2/").removesuffix(".json")
        return zendesk.api.shown(path, listing.fixed)
    parent, sideload_name = SIDELOADED.get(stream, (stream, ""))
    table = zendesk.store.records[parent]
    names = [name for name in (*include, sideload_name) if name]
    records, arrays = sideload(zendesk.store, parent, list(table.values()), names)
    if stream == "ticket_metrics":
        return by_id(ticket["metric_set"] for ticket in records)
    if stream == "user_identities":
        return by_id(arrays["identities"])
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


def key_of(stream: str) -> str:
    """Give the property that tells the records of a stream apart."""
    return KEYS.get(stream, "id")


def by_id(records: Iterable[Json], key: str = "id") -> dict[Any, Json]:
    """Give records by their key, after asserting that none came twice."""
    found: dict[Any, Json] = {}
    for record in records:
        assert record[key] not in found, f"{record[key]} came twice"
        found[record[key]] = record
    return found


def whole(run: Run, stream: str) -> dict[Any, Json]:
    """Give a stream's records by key as Zendesk sent them: what was rescued is put back."""
    records = (
        {k: v for k, v in record.items() if k != "_rescued_data"}
        | (record.get("_rescued_data") or {})
        for record in run.records[stream]
    )
    return by_id(records, key_of(stream))


def asked(zendesk: Simulator, path: str) -> list[Json]:
    """Give the parameters of the requests whose path matches a regular expression."""
    return [dict(r.params) for r in list(zendesk.requests) if re.search(path, r.path)]


def lines_about(run: Run, stream: str, *levels: str) -> list[str]:
    """Give the lines of a log that name a stream: warnings and worse, unless said otherwise."""
    chosen = levels or ("WARNING", "ERROR", "CRITICAL")
    return [
        line for level in chosen for line in run.log(level) if re.search(rf"\b{stream}\b", line)
    ]
