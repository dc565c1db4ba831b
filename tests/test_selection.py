"""Selection, stream maps and flattening, from a page of Zendesk to the messages."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml
from singer_sdk.exceptions import SingerSDKError

from tap_zendesk_incremental.http.client import Account, Client
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS
from tap_zendesk_incremental.streams.support import TicketMetrics, Tickets, Users
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .accounts import discovered
from .running import config_for, run_tap, select, sync
from .test_docs import TROUBLESHOOTING, blocks
from .test_export import by_id, data_of
from .warehouse import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from singer_sdk import Stream
    from singer_sdk.helpers.types import Context, Record

    from tap_zendesk_incremental.child_stream import ChildStream
    from tap_zendesk_incremental.export_stream import ExportStream

    from .running import Json
    from .simulator import Simulator


def test_deselected_properties_are_left_out(zendesk_shared: Simulator) -> None:
    catalog = select("tickets", off=("subject", "custom_fields"))
    run = sync(config_for(zendesk_shared), catalog=catalog)
    expected = data_of(zendesk_shared, "tickets")
    for ticket in expected.values():
        del ticket["subject"], ticket["custom_fields"]
    assert by_id(run.records["tickets"]) == expected
    assert "subject" not in run.schemas["tickets"]["schema"]["properties"]


def test_deselected_nested_properties_are_left_out(zendesk_shared: Simulator) -> None:
    run = sync(config_for(zendesk_shared), catalog=select("users", off=("photo.thumbnails",)))
    expected = data_of(zendesk_shared, "users")
    assert any(user["photo"] for user in expected.values())
    for user in expected.values():
        if user["photo"]:
            del user["photo"]["thumbnails"]
    assert by_id(run.records["users"]) == expected


def test_flattening(zendesk_shared: Simulator) -> None:
    config = config_for(zendesk_shared, flattening_enabled=True, flattening_max_depth=1)
    run = sync(config, catalog=select("users"))
    expected = data_of(zendesk_shared, "users")
    for user in run.records["users"]:
        photo = expected[user["id"]]["photo"] or {}
        assert user.get("photo__file_name") == photo.get("file_name")
        assert not isinstance(user.get("photo"), dict)
        assert user["name"] == expected[user["id"]]["name"]
    assert "photo__file_name" in run.schemas["users"]["schema"]["properties"]


def test_flattening_turns_objects_with_arbitrary_keys_into_text(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """No SCHEMA message could list their keys, and loaders drop columns that it lacks."""
    zendesk.faults.add("unknown_field", path="users", name="new", value={"a": [1]})
    settings = config_for(zendesk, flattening_enabled=True, flattening_max_depth=3)
    run = run_tap(tmp_path, settings, catalog=select("users"))
    assert len(run.records["users"]) == 30
    for user in run.records["users"]:
        assert json.loads(user["_rescued_data"]) == {"new": {"a": [1]}}
        there = zendesk.store.records["users"][user["id"]]
        assert json.loads(user["user_fields"]) == there["user_fields"]
    columns = run.schemas["users"]["schema"]["properties"]
    assert columns["_rescued_data"]["type"] == columns["user_fields"]["type"] == ["string", "null"]


def test_stream_maps(zendesk_shared: Simulator) -> None:
    maps = {"users": {"email": None, "mail_hash": "md5(email) if email else None"}}
    config = config_for(zendesk_shared, stream_maps=maps)
    run = sync(config, catalog=select("users", "organizations"))
    assert len(run.records["users"]) == 30
    assert all("email" not in user and "mail_hash" in user for user in run.records["users"])
    assert by_id(run.records["organizations"]) == data_of(zendesk_shared, "organizations")


def test_a_renamed_stream(zendesk_shared: Simulator) -> None:
    config = config_for(zendesk_shared, stream_maps={"users": {"__alias__": "people"}})
    run = sync(config, catalog=select("users"))
    assert len(run.records["people"]) == 30
    assert run.state is not None
    assert "users" in run.state["bookmarks"]


def test_streams_that_share_a_name_share_no_schema(zendesk_shared: Simulator) -> None:
    """A loader reads a record by the latest SCHEMA message, and drops what that one lacks."""
    streams = ("tickets", "users", "user_identities")
    maps = {stream: {"__alias__": "things"} for stream in streams}
    config = config_for(zendesk_shared, stream_maps=maps, per_page=10)
    run = sync(config, catalog=select(*streams))
    columns: set[str] = set()
    for message in run.messages:
        if message["type"] == "SCHEMA":
            columns = message["schema"]["properties"].keys()
        elif message["type"] == "RECORD":
            assert message["record"].keys() <= columns
    apart = sync(config_for(zendesk_shared), catalog=select(*streams))
    assert len(run.records["things"]) == sum(len(records) for records in apart.records.values())


@pytest.mark.parametrize(
    "expression", ["id / (id - id)", "subject.nope()", "record['no_such']", "int(subject)"]
)
@pytest.mark.parametrize("path", ["mapped", "by the SDK", "batch"])
def test_the_error_names_the_stream_map_that_fails(
    zendesk_shared: Simulator, tmp_path: Path, path: str, expression: str
) -> None:
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{tmp_path}"},
    }
    config = config_for(
        zendesk_shared,
        stream_maps={"tickets": {"x": expression}},
        batch_config=batches if path == "batch" else None,
    )
    catalog = select("tickets", off=["via.source"] if path == "by the SDK" else [])
    with pytest.raises(SingerSDKError, match=r"^The stream map of tickets failed on a record: \w"):
        sync(config, catalog=catalog)


@pytest.mark.parametrize(
    ("maps", "says"),
    [
        (
            {"users": {"x": "md5(emial)"}},
            "users: x uses emial, which is not a selected property of us",
        ),
        (
            {"users": {"x": "md5(emial)"}},
            "of users; did you mean email? (it has _rescued_data",
        ),
        (
            {"users": {"x": "mp5(email)"}},
            "users: x uses mp5, which is not a selected property",
        ),
        (
            {"users": {"x": "md5(phone)"}},
            "users: x uses phone, which is not a selected property",
        ),
        ({"user?": {"__filter__": "nope"}}, "user?: __filter__ uses nope, which is not a sel"),
        ({"p": {"__source__": "users", "x": "nope"}}, "p: x uses nope, which is not a selected"),
        ({"users": {"x": "1 +"}}, "users: x is not an expression: '1 +' (invalid syntax"),
        ({"users": {"x": ""}}, "users: x is not an expression: '' (invalid syntax"),
        ({"users": {"x": "'\0'"}}, "users: x is not an expression: "),
        ({"users": {"__alias__": "1 +"}}, "users: users cannot be used: Failed to"),
        ({"users": {"id": None}}, "users: users cannot be used: Removing key property 'id'"),
        ({"__nope__": None}, "stream_maps cannot be used: Option '__nope__:None' is not expected"),
    ],
)
def test_an_invalid_stream_map_is_named_before_any_request(
    zendesk: Simulator, maps: Json, says: str
) -> None:
    with pytest.raises(SingerSDKError) as failed:
        sync(config_for(zendesk, stream_maps=maps), catalog=select("users", off=["phone"]))
    assert says in str(failed.value)
    assert str(failed.value).startswith("stream_maps")
    assert not zendesk.requests


def test_names_that_expressions_may_use(zendesk_shared: Simulator) -> None:
    maps = {
        "users": {
            "a": "_['id']",
            "b": "[str(tag) + name for tag in record['tags']]",
            "c": "config['salt'] + __stream_name__ + str(datetime.date.today())",
            "name": "self.upper()",
            "id": "id",
            "__else__": None,
        }
    }
    config = config_for(zendesk_shared, stream_maps=maps, stream_map_config={"salt": "s"})
    run = sync(config, catalog=select("users"))
    assert len(run.records["users"]) == 30
    assert {len(user) for user in run.records["users"]} == {5}


@pytest.mark.parametrize("stream", ["user_identities", "ticket_metrics", "articles"])
def test_a_stream_map_of_a_deselected_stream_is_ignored(
    zendesk_shared: Simulator, stream: str
) -> None:
    maps = {stream: {"value": "md5(value)", "x": "no_such_property"}}
    run = sync(config_for(zendesk_shared, stream_maps=maps), catalog=select("users"))
    assert set(run.records) == {"users"}


def test_a_stream_map_of_a_deselected_stream_applies_in_a_dry_run(
    zendesk_shared: Simulator, tmp_path: Path
) -> None:
    maps = {"user_identities": {"value": "md5(value)"}}
    run = run_tap(tmp_path, config_for(zendesk_shared, stream_maps=maps), "--test")
    assert run.exit_code == 0, run.stderr
    [identity] = run.records["user_identities"]
    assert re.fullmatch("[0-9a-f]{32}", identity["value"])
    assert "value" in run.schemas["user_identities"]["schema"]["properties"]


@pytest.mark.parametrize(
    "stream", ["ticket_metrics", "ticket_comments", "user_identities", "custom_object_vehicle"]
)
def test_a_catalog_of_one_stream_is_enough(zendesk: Simulator, tmp_path: Path, stream: str) -> None:
    catalog = discovered(zendesk, tmp_path)
    catalog["streams"] = [e for e in catalog["streams"] if e["tap_stream_id"] == stream]
    for item in catalog["streams"][0]["metadata"]:
        if not item["breadcrumb"]:
            item["metadata"]["selected"] = True
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 0, run.stderr
    assert set(run.records) == {stream}
    assert set(run.schemas) == {stream}
    again = run_tap(tmp_path, config_for(zendesk), catalog=catalog, state=run.state)
    assert len(again.records[stream]) < len(run.records[stream])


def test_a_null_in_an_expression_is_named(zendesk: Simulator) -> None:
    first = min(zendesk.store.records["tickets"])
    zendesk.store.update("tickets", first, subject=None)
    config = config_for(zendesk, stream_maps={"tickets": {"subject": "subject.upper()"}})
    with pytest.raises(SingerSDKError, match=r"AttributeDoesNotExist: .*upper.*subject\.upper\(\)"):
        sync(config, catalog=select("tickets"))


def test_the_stream_maps_of_the_documentation(zendesk: Simulator) -> None:
    first, second, third, *_ = sorted(zendesk.store.records["tickets"])
    zendesk.store.update("tickets", first, subject="a\0b", due_at="20222-01-01T00:00:00Z")
    zendesk.store.update("tickets", second, subject=None, due_at="-0001-12-31T00:00:00Z")
    zendesk.store.update("tickets", third, subject="c", due_at="2024-01-01T00:00:00Z")
    maps: Json = {}
    for block in blocks(TROUBLESHOOTING, "yaml"):
        maps |= yaml.safe_load(block)["config"]["stream_maps"]["tickets"]
    assert set(maps) == {"subject", "due_at", "due_at_text"}
    run = sync(config_for(zendesk, stream_maps={"tickets": maps}), catalog=select("tickets"))
    found = {ticket["id"]: ticket for ticket in run.records["tickets"]}
    assert [found[id_]["subject"] for id_ in (first, second, third)] == ["ab", None, "c"]
    due = [(found[id_]["due_at"], found[id_]["due_at_text"]) for id_ in (first, second, third)]
    assert due == [
        (None, "20222-01-01T00:00:00Z"),
        (None, "-0001-12-31T00:00:00Z"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
    ]
    assert run.schemas["tickets"]["schema"]["properties"]["due_at"]["format"] == "date-time"


class EvenUsers(Users):
    """A stream with a `post_process` method, as a contributor may write one."""

    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Leave out users with odd ids, and name all others alike."""
        del context
        return None if row["id"] % 2 else {**row, "name": "Somebody"}


class EvenMetrics(TicketMetrics):
    """A sideload with such a method."""

    def post_process(self, row: Record, context: Context | None = None) -> Record | None:
        """Leave out metrics with odd ids."""
        del context
        return None if row["id"] % 2 else row


class EvenTap(TapZendeskIncremental):
    """A tap with these streams."""

    def discover_streams(self) -> Sequence[Stream]:
        """Return the streams, and the parent of one of them."""
        client = Client(Account(self.config), "", self.logger)
        return [EvenUsers(self, client), Tickets(self, client), EvenMetrics(self, client)]


@pytest.mark.parametrize("path", ["passed", "mapped", "by the SDK", "batch"])
def test_post_process(zendesk_shared: Simulator, tmp_path: Path, path: str) -> None:
    settings: Json = {
        "mapped": {"stream_maps": {"users": {"email": None}}},
        "batch": {
            "batch_config": {
                "encoding": {"format": "jsonl", "compression": "gzip"},
                "storage": {"root": f"file://{tmp_path}"},
            }
        },
    }
    config = config_for(zendesk_shared, **settings.get(path, {}))
    off = ["photo.thumbnails"] if path == "by the SDK" else []
    run = sync(config, catalog=select("users", "ticket_metrics", off=off), tap=EvenTap)
    records: dict[str, list[Json]] = {**run.records}
    for file in sorted(tmp_path.glob("*.gz")):
        lines = gzip.decompress(file.read_bytes()).splitlines()
        records.setdefault("users", []).extend(map(msgspec.json.decode, lines))
    even = {id_ for id_ in zendesk_shared.store.records["users"] if id_ % 2 == 0}
    assert {user["id"] for user in records["users"]} == even
    assert {user["name"] for user in records["users"]} == {"Somebody"}
    metrics = records["ticket_metrics"]
    assert metrics
    assert all(metric["id"] % 2 == 0 for metric in metrics)


def test_a_stream_that_its_stream_map_removes_is_not_exported(zendesk: Simulator) -> None:
    config = config_for(zendesk, stream_maps={"tickets": None, "ticket_metrics": None})
    run = sync(config, catalog=select("tickets", "ticket_metrics", "users"))
    assert set(run.records) == {"users"}
    assert not run.states[-1]["bookmarks"]["tickets"]
    assert not [request for request in zendesk.requests if "tickets" in request.path]


def test_the_meltano_project_selects_the_default_of_the_tap() -> None:
    """The project names the streams, because Meltano selects everything by default."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    extractors = project["plugins"]["extractors"]
    # An extractor without a selection inherits one.
    selected = {one["name"]: one["select"] for one in extractors if "select" in one}
    assert all("select" in one or one["inherit_from"] in selected for one in extractors)
    declared: list[type[ExportStream | ChildStream]] = [*STREAMS, *CHILD_STREAMS]
    on = [f"{stream.name}.*" for stream in declared if stream.selected_by_default]
    on.append("custom_object_*.*")
    sideloads = [f"!tickets.{name}" for name in Tickets.sideloads]
    name = "tap-zendesk-incremental"
    assert sorted(selected[name]) == sorted([*on, *sideloads])
    assert sorted(selected[f"{name}--tickets"]) == sorted(["tickets.*", *sideloads])
    assert sorted(selected[f"{name}--others"]) == sorted(["!tickets.*", *on, *sideloads])


@pytest.mark.parametrize("keys", [None, []])
def test_a_stream_map_without_a_key_still_writes_key_properties(
    zendesk_shared: Simulator, keys: list[str] | None
) -> None:
    """Singer requires the list in each SCHEMA message, and targets fail without it."""
    maps = {"users": {"__key_properties__": keys, "id": "__NULL__"}}
    run = sync(config_for(zendesk_shared, stream_maps=maps), catalog=select("users"))
    assert run.schemas["users"]["key_properties"] == []
    assert run.records["users"]
