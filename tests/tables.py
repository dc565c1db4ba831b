"""The README's tables, made from the code: `python -m tests.tables` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_zendesk_incremental.config import SETTINGS
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS, CustomObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_zendesk_incremental.child_stream import ChildStream
    from tap_zendesk_incremental.export_stream import ExportStream

README = Path(__file__).parent.parent / "README.md"
MINUTE_SECONDS = 60


def with_tables(text: str) -> str:
    """Gives a text with a fresh table in each `<!-- table: … -->` … `<!-- end -->`."""
    for name, table in {
        "streams": streams_table(),
        "sideloads": sideloads_table(),
        "settings": settings_table(),
    }.items():
        before, start, rest = text.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        text = f"{before}{start}{table}{end}{after}"
    return text


def streams_table() -> str:
    """Gives a row for each stream."""
    head = ("Stream", "What it holds", "Key", "Replication key", "Export", "By default", "Sample")
    rows = [
        *(_export_row(stream, stream.name) for stream in STREAMS),
        _export_row(CustomObject, "custom_object_…"),
        *(_child_row(stream) for stream in CHILD_STREAMS),
    ]
    return _table(head, rows)


def sideloads_table() -> str:
    """Gives a row for each thing that Zendesk sends along when it is selected."""
    head = ("Select", "Comes with the pages of", "`include`")
    properties = [
        (f"property `{name}` of `{stream.name}`", f"`{stream.name}`", f"`{sideload}`")
        for stream in STREAMS
        for name, sideload in stream.sideloads.items()
    ]
    streams = [
        (f"stream `{stream.name}`", f"`{_parent(stream).name}`", f"`{stream.include}`")
        for stream in CHILD_STREAMS
        if stream.include
    ]
    return _table(head, [*properties, *streams])


def settings_table() -> str:
    """Gives a row for each setting of the tap's own."""
    schema = SETTINGS.to_dict()
    head = ("Setting", "Type", "Default", "Meaning")
    rows = [
        (f"`{name}`", _type(setting), _default(setting), _meaning(name, setting, schema))
        for name, setting in schema["properties"].items()
    ]
    return _table(head, rows)


def _export_row(stream: type[ExportStream], name: str) -> tuple[str, ...]:
    # The cursor export of a custom object is named by its key.
    names = {"cursor": stream.cursor, "time": stream.time, "list": stream.listing}
    forms = [name for name, endpoint in names.items() if endpoint] or ["cursor"]
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
        f"`{stream.replication_key}`" if stream.replication_key else "none",
        (", ".join(forms) if stream.replication_key else "all of it") + "".join(slow),
        f"{selected}, skipped if missing" if stream.tolerated_statuses else selected,
        "yes" if stream.sample else "",
    )


def _child_row(stream: type[ChildStream]) -> tuple[str, ...]:
    parent = _parent(stream)
    return (
        f"`{stream.name}`",
        _summary(stream),
        ", ".join(f"`{key}`" for key in stream.primary_keys),
        f"that of `{parent.name}`" if parent.replication_key else "none",
        f"with `{parent.name}`",
        "yes" if stream.selected_by_default else "no",
        f"with `{parent.name}`" if parent.sample else "",
    )


def _parent(stream: type[ChildStream]) -> type[ExportStream]:
    return next(one for one in STREAMS if one is stream.parent_stream_type)


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
    return f"`{re.sub(r'/[0-9].*', '/<version>', value)}`"  # or each release changes the README


def _meaning(name: str, setting: dict[str, Any], schema: dict[str, Any]) -> str:
    required = "Required. " if name in schema.get("required", ()) else ""
    return required + str(setting["description"])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
