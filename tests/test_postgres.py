"""Whole pipelines into a real PostgreSQL server, through a widely used loader."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from . import warehouse
from .accounts import choose, discovered, entry_of, holds, shows
from .postgres import TIMEOUT_SECONDS, Pipeline, as_loaded
from .running import STREAMS, select
from .simulator.definitions import VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from .postgres import Schema
    from .running import Json
    from .simulator import Simulator


@pytest.fixture
def pipeline(tmp_path: Path, zendesk: Simulator, schema: Schema) -> Pipeline:
    """A pipeline from the test's own account into a schema of its own."""
    return Pipeline(tmp_path, zendesk, schema)


def check(pipeline: Pipeline, zendesk: Simulator, streams: Collection[str] = STREAMS) -> None:
    """Assert that the tables hold every value of every record in Zendesk."""
    records = {}
    for stream in streams:
        # Events include the comments that were sideloaded with them.
        brings_comments = stream == "ticket_events" and "ticket_comments" in streams
        records[stream] = holds(zendesk, stream, *["comment_events"] * brings_comments).values()
        if stream == "ticket_audits":  # audits of archived tickets are not listed
            records[stream] = shows(zendesk, stream).values()
    assert all(records.values())
    assert pipeline.schema.differences(records) == []


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def change_everything(zendesk: Simulator) -> None:
    """Change, create and delete records of the four core streams."""
    store = zendesk.store
    tickets, users, organizations = (
        [*store.records[name]] for name in ("tickets", "users", "organizations")
    )
    living = [key for key in tickets if store.records["tickets"][key]["status"] != "deleted"]
    # No schema knows `mood`, but it must arrive all the same.
    store.update("tickets", living[0], subject="Kaffee ☕ 'statt' \"Tee\"\\", mood={"is": "good"})
    store.delete("tickets", living[1])
    store.system_update(living[2])
    new = store.create("tickets", subject="Where is\nmy order?\u2028")
    store.create("ticket_events", ticket_id=new["id"])
    store.update("users", users[0], name="Zoë 李", tags=["a b", "{c}", ""])
    store.delete("users", users[1])
    store.update("organizations", organizations[0], notes="", domain_names=[])
    store.delete("organizations", organizations[1])


def test_a_full_load_then_changes_and_deletions(
    pipeline: Pipeline, zendesk: Simulator, tmp_path: Path
) -> None:
    catalog = discovered(zendesk, tmp_path)
    names = {entry["tap_stream_id"] for entry in catalog["streams"]}
    streams = sorted(names - {"ticket_exports"})  # current accounts do not have it
    chosen = choose(catalog, *streams)
    pipeline.run(catalog=chosen)
    check(pipeline, zendesk, streams)
    change_everything(zendesk)
    zendesk.requests.clear()
    pipeline.run(catalog=chosen)
    # Once a ticket leaves the archive, its old audits are listed again.
    streams.remove("ticket_audits")
    check(pipeline, zendesk, streams)
    exported = [one for one in zendesk.requests if "/incremental/tickets/" in one.path]
    assert sum(request.records for request in exported) == 4
    deleted = pipeline.schema.query("select id from tickets where status = 'deleted'")
    assert len(deleted) == len(
        [one for one in zendesk.store.records["tickets"].values() if one["status"] == "deleted"]
    )


def test_a_tap_killed_in_the_middle(pipeline: Pipeline, zendesk: Simulator) -> None:
    catalog = select(*STREAMS)
    for number, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 143)):
        zendesk.clear()
        zendesk.faults.add("hang", path="incremental/tickets/", after=2, seconds=3600.0)
        with pipeline.started(catalog=catalog, per_page=5):
            wait_for(lambda: zendesk.faults.met == ["hang"])
            os.kill(pipeline.tap.pid, number)
        assert pipeline.exit_codes[0] == code
    arrived = pipeline.schema.query("select id from tickets")
    assert 0 < len(arrived) < len(zendesk.store.records["tickets"])
    assert pipeline.state
    pipeline.run(catalog=catalog)
    check(pipeline, zendesk)


def test_a_target_killed_in_the_middle(pipeline: Pipeline, zendesk: Simulator) -> None:
    catalog = select(*STREAMS)
    pipeline.run(catalog=catalog)
    state = pipeline.state
    for key in [*zendesk.store.records["tickets"]]:
        zendesk.store.update("tickets", key, priority="urgent", subject="moved")
    zendesk.faults.add("hold", path="incremental/tickets/", after=5)

    def moved() -> int:
        return len(pipeline.schema.query("select id from tickets where subject = 'moved'"))

    with pipeline.started(catalog=catalog, per_page=5, target={"batch_size_rows": 5}):
        wait_for(lambda: moved() > 0)
        pipeline.target.kill()
        zendesk.faults.release()
    assert pipeline.exit_codes == (1, -9)
    assert "The target has ended and reads no more" in pipeline.log("tap")
    assert 0 < moved() < len(zendesk.store.records["tickets"])
    # The loader prints a state only after all its records are written, so it printed none.
    assert pipeline.state == state
    pipeline.run(catalog=catalog)
    check(pipeline, zendesk)


def flattened(record: Json, columns: Iterable[str]) -> Json:
    """Return a row with one level of objects flattened, as the SDK does it."""
    row = {}
    for column in columns:
        parent, inner, child = column.partition("__")
        row[column] = (record.get(parent) or {}).get(child) if inner else record.get(parent)
    return row


def as_text(value: Any, kind: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return deeper objects as JSON text, as flattening makes them, and other values as loaded."""
    if kind == "text" and value is not None and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    return as_loaded(value, kind)


def test_a_new_custom_field(
    pipeline: Pipeline, zendesk: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With flattening, each custom field is a column, and a new field becomes one too."""
    flat = {
        "flattening_enabled": True,
        "flattening_max_depth": 1,
        "stream_maps": {"users": {}, "__else__": "__NULL__"},
    }
    pipeline.run(**flat)
    before, _ = pipeline.schema.tables(["users"])["users"]
    monkeypatch.setitem(VALUES, "mood", ("good",))
    (user, *_) = zendesk.store.records["users"].values()
    fields = user["user_fields"] | {"mood_field": "good"}
    zendesk.store.update("users", user["id"], user_fields=fields)
    pipeline.run(**flat)
    types, rows = pipeline.schema.tables(["users"])["users"]
    assert types.keys() - before.keys() == {"user_fields__mood_field"}
    assert rows[str(user["id"])]["user_fields__mood_field"] == "good"
    expected = {
        str(one["id"]): flattened(one, types) for one in zendesk.store.records["users"].values()
    }
    found = warehouse.differences("users", expected, types, rows, as_loaded=as_text)
    assert found == []


def test_a_catalog_without_a_new_field(pipeline: Pipeline, zendesk: Simulator) -> None:
    """The value of a field that the catalog lacks arrives inside the object of custom fields."""
    catalog = select("users")
    pipeline.run(catalog=catalog)
    (user, *_) = zendesk.store.records["users"].values()
    fields = user["user_fields"] | {"new_field": [{"deep": 1.5}]}
    zendesk.store.update("users", user["id"], user_fields=fields)
    pipeline.run(catalog=catalog)
    check(pipeline, zendesk, ["users"])


DATES_OF_THE_DATABASE = "due_at if due_at and due_at[4] == '-' and due_at > '0001' else None"


def load_fails(pipeline: Pipeline, says: str) -> None:
    """Assert that the loader fails on the tickets, and says why."""
    with pytest.raises(AssertionError):
        pipeline.run(catalog=select("tickets"))
    assert says in pipeline.log("target")
    pipeline.state = None


def test_names_that_are_too_long(pipeline: Pipeline, zendesk: Simulator) -> None:
    """Flattening makes them, and a setting of the tap shortens them."""
    name = "how_satisfied_were_you_with_the_answer_that_you_got_in_the_end"
    catalog = select("users")
    fields = entry_of(catalog, "users")["schema"]["properties"]["user_fields"]
    fields["properties"] = {name: {"type": ["string", "null"]}}
    user = next(iter(zendesk.store.records["users"]))
    zendesk.store.update("users", user, user_fields={name: "very"})
    flat = {"flattening_enabled": True, "flattening_max_depth": 1}
    with pytest.raises(AssertionError):
        pipeline.run(catalog=catalog, **flat)
    assert "already exists" in pipeline.log("target")
    pipeline.state = None
    pipeline.run(catalog=catalog, flattening_max_key_length=63, **flat)
    row = f"select * from users where id = {user}"  # noqa: S608 - our own number
    assert "very" in pipeline.schema.query(row)[0].values()


def test_rows_that_are_gone(pipeline: Pipeline, zendesk: Simulator) -> None:
    """The loader marks them, and deletes them with another setting."""
    first, second, *others = zendesk.store.records["sla_policies"]

    def loaded(**target: object) -> dict[int, bool]:
        """Load the policies. Return which rows there are, and whether each of them is marked."""
        catalog = select("sla_policies")
        pipeline.run(catalog=catalog, target=target, emit_activate_version_messages=True)
        rows = pipeline.schema.query("select id, _sdc_deleted_at as gone_at from sla_policies")
        return {row["id"]: row["gone_at"] is not None for row in rows}

    there = dict.fromkeys(others, False)
    assert loaded() == {first: False, second: False, **there}
    zendesk.store.delete("sla_policies", first)
    assert loaded() == {first: True, second: False, **there}
    zendesk.store.delete("sla_policies", second)
    assert loaded(hard_delete=True) == there


def test_nul_characters(pipeline: Pipeline, zendesk: Simulator) -> None:
    """A stream map removes them, and a setting of the loader replaces them."""
    ticket = next(iter(zendesk.store.records["tickets"]))
    query = f"select subject from tickets where id = {ticket}"  # noqa: S608 - our own number
    zendesk.store.update("tickets", ticket, subject="cut \0 off")
    load_fails(pipeline, "PostgreSQL text fields cannot contain NUL (0x00) bytes")
    maps = {"tickets": {"subject": r"subject.replace('\x00', '') if subject else None"}}
    pipeline.run(catalog=select("tickets"), stream_maps=maps)
    assert pipeline.schema.query(query) == [{"subject": "cut  off"}]
    zendesk.store.update("tickets", ticket, tags=["a\0"])
    pipeline.run(catalog=select("tickets"), target={"sanitize_null_text_characters": True})
    assert pipeline.schema.query(query) == [{"subject": "cut \ufffd off"}]


def test_dates_out_of_range(pipeline: Pipeline, zendesk: Simulator) -> None:
    first, second, *_ = zendesk.store.records["tickets"]
    dates = {first: "20222-01-01T00:00:00Z", second: "-0001-12-31T00:00:00Z"}
    for ticket, date in dates.items():
        due_at = zendesk.store.records["tickets"][ticket]["due_at"]
        zendesk.store.update("tickets", ticket, due_at=date)
        load_fails(pipeline, f"Could not parse value '{date}'")
        zendesk.store.update("tickets", ticket, due_at=due_at)
    for ticket, date in dates.items():
        zendesk.store.update("tickets", ticket, due_at=date)
    maps = {"tickets": {"due_at": DATES_OF_THE_DATABASE}}
    pipeline.run(catalog=select("tickets"), stream_maps=maps)
    rows = pipeline.schema.query("select id, due_at from tickets")
    assert {row["id"] for row in rows} == zendesk.store.records["tickets"].keys()
    assert [row["due_at"] for row in rows if row["id"] in dates] == [None, None]
