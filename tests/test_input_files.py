"""Wrong settings, states and catalogs are refused. Unknown names in them are warnings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental import input_files, stream_maps
from tap_zendesk_incremental.config import SETTINGS, unknown

from .running import Json, command_for, config_for, discover, run, run_tap, select, sync

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

KNOWN = {*SETTINGS.to_dict()["properties"], "stream_maps"}


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"subdomain": "acme", "start_date": "2024-01-01"}, []),
        (
            {"start_dat": 1},
            ["start_dat is not a setting of this tap and is ignored; did you mean start_date?"],
        ),
        ({"xyzzy": 1}, ["xyzzy is not a setting of this tap and is ignored"]),
        ({"stream_maps": None}, []),
        ({"stream_maps": {"tickets": {}, "user*": None, "__else__": None}}, []),
        (
            {
                "stream_maps": {
                    "people": {"__source__": "users"},
                    "custom_object_car": {},
                    "custom_*": {},
                }
            },
            [],
        ),
        ({"stream_maps": {"custom": {}}}, ["stream_maps names custom, which is not a"]),
        ({"stream_maps": {"tikets": {}}}, ["stream_maps names tikets, which is not a stream"]),
        ({"stream_maps": {"p": {"__source__": "user"}}}, ["stream_maps names user, which is not"]),
    ],
)
def test_settings(given: Json, lines: list[str]) -> None:
    found = [*unknown(given, KNOWN), *stream_maps.unknown_streams(given)]
    assert len(found) == len(lines)
    assert all(map(str.startswith, found, lines))


def test_catalogs() -> None:
    assert list(input_files.unknown_streams(discover())) == []
    assert list(input_files.unknown_streams(select("users"))) == []
    [nothing] = input_files.unknown_streams(select())
    assert nothing == "The catalog selects no stream of this tap; nothing is exported"
    catalog = select("users")
    [users] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == "users"]
    catalog["streams"].append({**users, "tap_stream_id": "grups", "stream": "grups"})
    [line] = input_files.unknown_streams(catalog)
    assert line.startswith("The catalog selects grups, which is not a stream of this tap")


def test_unknown_names_are_warnings(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk, start_dat="2024-01-01")
    run = run_tap(tmp_path, config, catalog=select())
    assert run.exit_code == 0
    assert len(run.log("WARNING")) == 2


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PER_PAGE", "many", "TAP_ZENDESK_INCREMENTAL_PER_PAGE is not an integer"),
        ("PER_PAGE", "1_000", "TAP_ZENDESK_INCREMENTAL_PER_PAGE is not an integer"),
        ("STREAM_MAPS", "{", "TAP_ZENDESK_INCREMENTAL_STREAM_MAPS is not a JSON object"),
        ("EXCLUDE_DELETED", "garbage", "TAP_ZENDESK_INCREMENTAL_EXCLUDE_DELETED is not true or f"),
        ("FLATTENING_ENABLED", "2", "TAP_ZENDESK_INCREMENTAL_FLATTENING_ENABLED is not true or f"),
    ],
)
def test_variables_are_named(
    zendesk: Simulator, tmp_path: Path, variable: str, value: str, says: str
) -> None:
    env = {f"TAP_ZENDESK_INCREMENTAL_{variable}": value}
    run = run_tap(tmp_path, config_for(zendesk), "--config=ENV", env=env)
    assert run.exit_code == 2
    [line] = run.log("ERROR")
    assert says in line


def test_an_empty_variable_is_ignored(zendesk: Simulator, tmp_path: Path) -> None:
    env = {"TAP_ZENDESK_INCREMENTAL_PER_PAGE": "", "TAP_ZENDESK_INCREMENTAL_STREAM_MAPS": ""}
    run = run_tap(tmp_path, config_for(zendesk), "--config=ENV", catalog=select("users"), env=env)
    assert run.exit_code == 0, run.stderr
    assert run.records["users"]


def test_files_are_named(zendesk: Simulator, tmp_path: Path) -> None:
    run = run_tap(tmp_path, config_for(zendesk), state=b"")
    [line] = run.log("ERROR")
    assert f"{tmp_path / 'state.json'}: it is empty; leave --state out" in line
    missing = run_tap(tmp_path, None, f"--config={tmp_path / 'none.json'}")
    assert missing.exit_code == 2
    [line] = missing.log("ERROR")
    assert f"{tmp_path / 'none.json'}: No such file" in line


def changed(*streams: str, root: Json | None = None, entry: Json | None = None) -> Json:
    """Return a catalog that selects streams, with changed entries. None removes a key."""
    catalog = select(*streams)
    for given in catalog["streams"]:
        if given["tap_stream_id"] in streams:
            places = [(i["metadata"], root) for i in given["metadata"] if not i["breadcrumb"]]
            for place, change in (*places, (given, entry)):
                place.update(change or {})
                for name in [name for name, value in place.items() if value is None]:
                    del place[name]
    return catalog


@pytest.mark.parametrize(
    ("root", "entry", "keys"),
    [
        ({}, {}, ["id"]),
        ({}, {"key_properties": None}, ["id"]),
        ({"table-key-properties": None}, {"key_properties": None}, ["id"]),
        ({"table-key-properties": []}, {"key_properties": []}, ["id"]),
        ({"table-key-properties": ["url", "id"]}, {}, ["url", "id"]),
        ({"table-key-properties": None}, {"key_properties": ["url"]}, ["url"]),
        ({"table-key-properties": ["url"]}, {"key_properties": ["id"]}, ["url"]),
    ],
)
def test_the_key_comes_from_the_metadata_or_else_from_the_entry(
    zendesk_shared: Simulator, root: Json, entry: Json, keys: list[str]
) -> None:
    catalog = changed("users", root=root, entry=entry)
    for given in catalog["streams"]:
        for item in given["metadata"]:
            if item["breadcrumb"][1:] == ["url"]:
                item["metadata"]["selected"] = False
    run = sync(config_for(zendesk_shared), catalog=catalog)
    message = run.schemas["users"]
    assert message["key_properties"] == keys
    assert set(keys) <= message["schema"]["properties"].keys()
    assert all(set(keys) <= user.keys() for user in run.records["users"])


@pytest.mark.parametrize(
    ("root", "entry", "is_whole"),
    [
        ({}, {}, False),
        ({"replication-method": "FULL_TABLE"}, {}, True),
        ({"forced-replication-method": "FULL_TABLE"}, {}, True),
        ({}, {"replication_method": "FULL_TABLE"}, True),
        ({"replication-method": "INCREMENTAL"}, {"replication_method": "FULL_TABLE"}, False),
    ],
)
def test_the_replication_method_comes_from_the_metadata_or_else_from_the_entry(
    zendesk_shared: Simulator, root: Json, entry: Json, *, is_whole: bool
) -> None:
    catalog = changed("users", root=root, entry=entry)
    first = sync(config_for(zendesk_shared), catalog=catalog)
    again = sync(config_for(zendesk_shared), catalog=catalog, state=first.state)
    assert len(first.records["users"]) == 30
    assert (len(again.records["users"]) == 30) is is_whole


def test_a_full_table_list_never_has_a_bookmark(zendesk_shared: Simulator) -> None:
    catalog = changed("ticket_fields", root={"replication-method": "INCREMENTAL"})
    run = sync(config_for(zendesk_shared), catalog=catalog)
    assert run.records["ticket_fields"]
    assert not any((run.state or {}).get("bookmarks", {}).values())


@pytest.mark.parametrize("value", ["false", "False", False])
def test_the_text_false_counts_as_false(zendesk_shared: Simulator, value: object) -> None:
    catalog = select("users", "organizations")
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "users":
            for item in entry["metadata"]:
                if not item["breadcrumb"]:
                    item["metadata"]["selected"] = value
    run = sync(config_for(zendesk_shared), catalog=catalog)
    assert set(run.records) == {"organizations"}


@pytest.mark.parametrize(
    ("root", "entry", "says"),
    [
        ({"selected": "no"}, {}, "selected of users is neither true nor false: 'no'"),
        ({"selected": 1}, {}, "selected of users is neither true nor false: 1"),
        ({"selected-by-default": []}, {}, "selected-by-default of users is neither"),
        ({}, {"tap_stream_id": None}, "missing required field `tap_stream_id` - at `$.streams["),
        ({}, {"tap_stream_id": 5}, "Expected `str`, got `int` - at `$.streams["),
        ({"replication-method": "LOG_BASED"}, {}, "'LOG_BASED' is not a replication method of"),
        ({"table-key-properties": ["uid"]}, {}, "the schema of users lacks uid, a part of the key"),
        ({"table-key-properties": "id"}, {}, "Expected `array`, got `str`"),
        ({}, {"metadata": [{"breadcrumb": []}]}, "missing required field `metadata`"),
        ({}, {"metadata": [{"metadata": {}}]}, "missing required field `breadcrumb`"),
        ({}, {"schema": {"properties": {"id": 5}}}, "Expected `object`, got `int`"),
        ({}, {"schema": {"properties": {"id": {"type": 5}}}}, "Expected `str | array | null`, got"),
        ({}, {"schema": {"properties": {"id": {"properties": {"x": []}}}}}, "Expected `object`, "),
        ({}, {"schema": {"properties": {}}}, "the schema of users lacks id, a part of the key"),
    ],
)
def test_a_wrong_entry_of_a_catalog_is_named(
    zendesk: Simulator, tmp_path: Path, root: Json, entry: Json, says: str
) -> None:
    catalog = changed("users", root=root, entry=entry)
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "The catalog cannot be used: " in line
    assert says in line
    assert not run.stdout
    assert not zendesk.requests


@pytest.mark.parametrize("catalog", [{}, {"streams": None}, {"streams": [{"schema": {}}]}])
def test_a_catalog_of_another_form_is_refused(
    zendesk_shared: Simulator, tmp_path: Path, catalog: Json
) -> None:
    run = run_tap(tmp_path, config_for(zendesk_shared), catalog=catalog)
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "The catalog cannot be used: " in line
    assert not run.stdout


def bookmark(stream: str = "tickets", **held: object) -> Json:
    """Return a state with one bookmark."""
    return {"bookmarks": {stream: held}}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (b'{"bookmarks": {"tickets": {"curs', "Input data was truncated"),
        (b"\xff\xfe\x00", "invalid character"),
        (b"", "it is empty"),
        (b"0", "Expected `object`, got `int`"),
        (b'"state"', "Expected `object`, got `str`"),
        ([], "Expected `object`, got `array`"),
        ({"bookmarks": []}, "bookmarks is not an object"),
        ({"type": "STATE", "value": {}}, "bookmarks"),
        ({"bookmarks": {"tickets": "yesterday"}}, "bookmark of tickets"),
        (bookmark(cursor=5), "wrong type in cursor"),
        (bookmark(end_time="now"), "wrong type in end_time"),
        (bookmark(cursor_v2={}), "later version"),
        (bookmark("users", page="x"), "later version"),
        (bookmark("custom_object_vehicle", cursor2="x"), "later version"),
        (bookmark("custom_object_vehicle", replication_key_value=[1]), "wrong type in"),
        (bookmark("users", replication_key=[], replication_key_value="2024-01-01"), "wrong type"),
        (bookmark("users", replication_key="updated_at", replication_key_value=""), "not a date"),
        (bookmark(replication_key="x", replication_key_value=10**30), "not a date"),
        (bookmark(replication_key="generated_timestamp", replication_key_value="n"), "not a date"),
    ],
)
def test_a_wrong_state_is_refused(
    zendesk: Simulator, tmp_path: Path, state: object, says: str
) -> None:
    run = run_tap(tmp_path, config_for(zendesk), state=state)
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "The state cannot be used: " in line
    assert says in line
    assert "Traceback" not in run.stderr
    assert not run.stdout
    assert not [request for request in zendesk.requests if "/incremental/" in request.path]


@pytest.mark.parametrize(
    "names", [("generated_timestamp",), ("replication_key", "replication_key_value", "cursor")]
)
def test_a_bookmark_of_nulls_counts_as_no_bookmark(
    zendesk_shared: Simulator, tmp_path: Path, names: tuple[str, ...]
) -> None:
    state = {"bookmarks": {"tickets": dict.fromkeys(names)}}
    run = run_tap(tmp_path, config_for(zendesk_shared), catalog=select("tickets"), state=state)
    assert run.exit_code == 0, run.stderr
    assert len(run.records["tickets"]) == len(zendesk_shared.store.records["tickets"])


def test_a_state_as_meltano_prints_it_is_accepted(
    zendesk_shared: Simulator, tmp_path: Path
) -> None:
    config = config_for(zendesk_shared)
    first = run_tap(tmp_path, config, catalog=select("users"))
    state = {"singer_state": first.state}
    again = run_tap(tmp_path, config, catalog=select("users"), state=state)
    assert again.exit_code == 0, again.stderr
    assert len(again.records["users"]) < len(first.records["users"])


def test_settings_may_come_from_a_pipe(zendesk_shared: Simulator, tmp_path: Path) -> None:
    [command, _, config, *catalog] = command_for(
        tmp_path, config=config_for(zendesk_shared), catalog=select("users")
    )
    script = 'exec "$0" --config <(cat "$1") "${@:2}"'
    read = run(["bash", "-c", script, command, config, *catalog])
    assert read.exit_code == 0, read.stderr
    assert len(read.records["users"]) == 30
    empty = run(["bash", "-c", script, command, "/dev/null", *catalog])
    assert empty.exit_code == 2
    [line] = empty.log("ERROR")
    assert re.search("/dev/fd/[0-9]+ is not a JSON object: it is empty", line)


@pytest.mark.parametrize("arguments", [(), ("--discover",)])
def test_files_are_closed(zendesk: Simulator, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    zendesk.faults.add("status", code=401)
    state: Json = {"bookmarks": {}}
    failed = run_tap(
        tmp_path,
        config_for(zendesk),
        *arguments,
        state=state,
        catalog=select("users"),
        env={"PYTHONWARNINGS": "default"},
        is_command=True,
    )
    assert failed.exit_code == 1
    assert "ResourceWarning" not in failed.stderr
    assert len(failed.log("ERROR")) == 1


def test_a_state_may_come_from_standard_input(zendesk_shared: Simulator, tmp_path: Path) -> None:
    command = command_for(tmp_path, config=config_for(zendesk_shared), catalog=select("users"))
    script = 'echo "{\\"bookmarks\\": []}" | "$0" "$@" --state -'
    failed = run(["bash", "-c", script, *command])
    assert failed.exit_code == 1
    [line] = failed.log("ERROR")
    assert "bookmarks is not an object" in line


@pytest.mark.parametrize("option", ["state", "catalog"])
def test_a_missing_file_is_named(zendesk: Simulator, tmp_path: Path, option: str) -> None:
    missing = tmp_path / "missing.json"
    failed = run_tap(tmp_path, config_for(zendesk), f"--{option}={missing}")
    assert failed.exit_code == 1
    [line] = failed.log("ERROR")
    assert f"The {option} cannot be used: {missing}: No such file or directory" in line
    assert not zendesk.requests


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'\xef\xbb\xbf{"subdomain": "example"}')
    assert input_files.read_config(str(file)) == {"subdomain": "example"}


@pytest.mark.parametrize("left", [None, "x", 5, {"replication_key_value": "2100-01-01"}])
def test_leftovers_of_other_taps_in_bookmarks_are_accepted(
    zendesk_shared: Simulator, tmp_path: Path, left: object
) -> None:
    """In the tap's own streams it is removed. The bookmarks of other streams are left alone."""
    others = {
        "ticket_metrics": {"replication_key_value": "2024-01-01", "partitions": left},
        "their_stream": {"progress_markers": left, "partitions": [left]},
    }
    bookmarks = {"organizations": {"progress_markers": left}, **others}
    run = run_tap(
        tmp_path,
        config_for(zendesk_shared),
        catalog=select("organizations"),
        state={"bookmarks": bookmarks},
    )
    assert run.exit_code == 0, run.stderr
    came = {record["id"] for record in run.records["organizations"]}
    assert came == set(zendesk_shared.store.records["organizations"])
    assert run.state
    organizations = run.state["bookmarks"].pop("organizations")
    assert "progress_markers" not in organizations
    assert run.state["bookmarks"] == others
