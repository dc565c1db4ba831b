"""Writes tables into the documents, from the code: `python -m tests.tables`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental.config import SETTINGS
from tap_zendesk_incremental.discovery import TypedFields
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS, CustomObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_zendesk_incremental.child_stream import ChildStream
    from tap_zendesk_incremental.export_stream import ExportStream

ROOT = Path(__file__).parent.parent
WRITTEN = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "meltano.yml"]
"""The files that hold the tables."""

MINUTE_SECONDS = 60
FORMS = {
    "cursor": "cursor list",
    "offset": "numbered pages",
    "single": "one page",
    "changes": "list in order of change",
    "filtered": "filtered list",
    "newest_first": "list, newest first",
}
"""The names of lists in the documents."""


def with_tables(text: str) -> str:
    """Return a text with new tables between each comment `table: …` and the next comment `end`."""
    tables = {
        "streams": streams_table,
        "children": children_table,
        "sideloads": sideloads_table,
        "settings": settings_table,
        "select": select_list,
        "requests": requests_table,
    }

    def written(found: re.Match[str]) -> str:
        return found[1] + tables[found[2]]() + found[3]

    pattern = r"(?ms)^((?:<!--| *#) table: (\w+)(?: -->)?\n).*?^((?:<!--| *#) end(?: -->)?$)"
    return re.sub(pattern, written, text)


def streams_table() -> str:
    """Return a table with a row for each stream that has its own pages."""
    head = ("Stream", "What it holds", "Key", "Replication key", "Forms", "By default")
    rows = [
        *(_export_row(stream, stream.name) for stream in STREAMS),
        _export_row(CustomObject, "custom_object_…"),
    ]
    return _table(head, rows)


def children_table() -> str:
    """Return a table with a row for each stream that is written with its parent."""
    head = ("Stream", "What it holds", "Key", "Parent", "Cost")
    rows = [
        (
            f"`{stream.name}`",
            _summary(stream),
            ", ".join(f"`{key}`" for key in stream.primary_keys),
            f"`{_parent(stream)}`",
            "no request" if stream.include else "at least one request per record of the parent",
        )
        for stream in CHILD_STREAMS
    ]
    return _table(head, rows)


def select_list() -> str:
    """Return the tap's default selection as Meltano's `select`."""
    names = [stream.name for stream in STREAMS if stream.selected_by_default]
    sideloads = [f"!{stream.name}.{name}" for stream in STREAMS for name in stream.sideloads]
    patterns = [*(f"{name}.*" for name in names), "custom_object_*.*", *sideloads]
    return "".join(
        f'        - "{pattern}"\n' if pattern[0] == "!" else f"        - {pattern}\n"
        for pattern in patterns
    )


def sideloads_table() -> str:
    """Return a table with a row for each sideload."""
    head = ("Select", "Comes with the pages of", "`include`")
    properties = [
        (f"property `{name}` of `{stream.name}`", f"`{stream.name}`", f"`{sideload}`")
        for stream in STREAMS
        for name, sideload in stream.sideloads.items()
    ]
    streams = [
        (f"stream `{stream.name}`", f"`{_parent(stream)}`", f"`{stream.include}`")
        for stream in CHILD_STREAMS
        if stream.include
    ]
    return _table(head, [*properties, *streams])


def requests_of_a_quiet_run(objects: int) -> dict[str, int]:
    """Return what a run asks for if nothing is new, with the default selection.

    Args:
        objects: How many custom objects the account has.
    """
    selected = [stream for stream in STREAMS if stream.selected_by_default]
    exports = objects + sum(bool(stream.cursor or stream.time) for stream in selected)
    typed = sum(isinstance(vars(stream).get("schema"), TypedFields) for stream in selected)
    return {
        "pages of exports": exports,
        "pages of lists": objects + len(selected) - exports,
        # Fields of these streams, custom objects, and fields of each of them.
        "definitions, without a catalog": typed + 1 + objects,
    }


def requests_table() -> str:
    """Return a table with the requests of a run with nothing new."""
    rows = [(what, str(count)) for what, count in requests_of_a_quiet_run(objects=2).items()]
    return _table(("Requests for", "Number"), rows)


def settings_table() -> str:
    """Return a table with a row for each of the tap's own settings."""
    schema = SETTINGS.to_dict()
    head = ("Setting", "Type", "Default", "Meaning")
    rows = [
        (f"`{name}`", _type(setting), _default(setting), _meaning(name, setting, schema))
        for name, setting in schema["properties"].items()
    ]
    return _table(head, rows)


def _export_row(stream: type[ExportStream], name: str) -> tuple[str, ...]:
    # The path of a custom object's cursor export depends on its key, so the class has no endpoint.
    named = {"cursor": stream.cursor, "time": stream.time}
    forms = [name for name, endpoint in named.items() if endpoint]
    if stream is CustomObject:
        forms = ["cursor"]
    elif stream.listing:
        forms.append(FORMS[stream.listing.paging] if not forms else "list")
    slow = [
        f", one request in {endpoint.pace.seconds / MINUTE_SECONDS:.0f} minutes"
        for endpoint in (stream.cursor, stream.time)
        if endpoint and endpoint.pace and endpoint.pace.requests == 1
    ]
    selected = "yes" if stream.selected_by_default else "no"
    return (
        f"`{name}`",
        _summary(stream),
        ", ".join(f"`{key}`" for key in stream.primary_keys),
        f"`{stream.replication_key}`" if stream.replication_key else "none: whole in each run",
        ", ".join(forms) + "".join(slow),
        selected if stream.tolerated_statuses else f"{selected}, required",
    )


def _parent(stream: type[ChildStream]) -> str:
    return next(one.name for one in STREAMS if one is stream.parent_stream_type)


def _summary(stream: type[Any]) -> str:
    return (stream.__doc__ or "").splitlines()[0].rstrip(".")


def _type(setting: dict[str, Any]) -> str:
    if setting.get("enum"):
        return " or ".join(f"`{value}`" for value in setting["enum"])
    if setting.get("format") == "date-time":
        return "date-time"
    name = next(one for one in setting["type"] if one != "null")
    if "maximum" in setting:
        return f"{name}, {setting['minimum']} to {setting['maximum']}"
    return f"{name}, secret" if setting.get("secret") else name


def _default(setting: dict[str, Any]) -> str:
    if "default" not in setting:
        return ""
    default = setting["default"]
    value = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{re.sub(r'/[0-9].*', '/<version>', value)}`"  # so that a release does not change it


def _meaning(name: str, setting: dict[str, Any], schema: dict[str, Any]) -> str:
    required = "Required. " if name in schema.get("required", ()) else ""
    return required + str(setting["description"])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    for path in WRITTEN:
        path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
