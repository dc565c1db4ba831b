"""Discovery: custom fields and custom objects of the account, and when nothing is requested."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.http.retry import HURRIED_TRIES

from . import shortened_waits as fast
from .accounts import asked, choose, discovered, entry_of, holds, lines_about, whole
from .running import Json, command_for, config_for, run, run_tap
from .simulator import definitions

if TYPE_CHECKING:
    from .simulator import Simulator

STRING = {"type": ["string", "null"]}
TYPES: dict[str, Json] = {
    "text": STRING,
    "textarea": STRING,
    "checkbox": {"type": ["boolean", "null"]},
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"], "format": "date-time"},
    "dropdown": STRING,
    "multiselect": {"type": ["array", "null"], "items": STRING},
    "regexp": STRING,
    "lookup": STRING,
}
OBJECTS = sorted(f"custom_object_{key}" for key in definitions.CUSTOM_OBJECTS)
FIELDS = {
    "users": "user_fields",
    "organizations": "organization_fields",
    **dict.fromkeys(OBJECTS, "custom_object_fields"),
}
DEFINITIONS = r"_fields|/custom_objects"


def fields_of(catalog: Json, stream: str) -> Json:
    """Return the schema of a stream's custom fields."""
    fields: Json = entry_of(catalog, stream)["schema"]["properties"][FIELDS[stream]]
    return fields


def test_custom_fields_have_the_types_of_the_account(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = discovered(zendesk, tmp_path)
    assert set(definitions.VALUES) == set(TYPES)
    for stream in FIELDS:
        fields = fields_of(catalog, stream)
        types = {
            name: {k: v for k, v in schema.items() if k != "description"}
            for name, schema in fields["properties"].items()
        }
        assert types == {f"{kind}_field": type_ for kind, type_ in TYPES.items()}, stream
        titles = {schema["description"] for schema in fields["properties"].values()}
        assert titles == {f"{kind.capitalize()} – été" for kind in TYPES}  # noqa: RUF001
        # A field that is created after discovery passes through.
        assert fields.get("additionalProperties", True) is True
    # Each list is requested once: all streams share the definitions.
    assert sorted(request.path for request in zendesk.requests) == sorted(
        f"/api/v2/{path}.json"
        for path in (
            "custom_objects",
            "custom_objects/apartment/fields",
            "custom_objects/vehicle/fields",
            "organization_fields",
            "user_fields",
        )
    )


def test_definitions_on_many_pages_are_all_read(
    zendesk: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {f"text{n:03d}": ("a", None) for n in range(237)}
    monkeypatch.setattr(definitions, "VALUES", definitions.VALUES | many)
    catalog = discovered(zendesk, tmp_path)
    names = {f"{kind}_field" for kind in TYPES} | {f"{kind}_field" for kind in many}
    for stream in FIELDS:
        assert fields_of(catalog, stream)["properties"].keys() == names
    assert [params.get("page[after]") for params in asked(zendesk, r"/user_fields")] == [
        None,
        "100",
        "200",
    ]


@pytest.mark.parametrize("status", [403, 404])
def test_objects_stay_untyped_if_their_definitions_cannot_be_read(
    zendesk: Simulator, tmp_path: Path, status: int
) -> None:
    zendesk.settings.denied = {"user_fields": status, "custom_object_vehicle": status}
    run = run_tap(tmp_path, config_for(zendesk), "--discover")
    assert run.exit_code == 0
    catalog = json.loads(run.stdout)
    for stream in ("users", "custom_object_vehicle"):
        fields = fields_of(catalog, stream)
        assert fields["type"] == ["object", "null"]
        assert "properties" not in fields
        assert fields.get("additionalProperties", True) is True
    assert len(fields_of(catalog, "organizations")["properties"]) == len(TYPES)
    assert len(run.log("WARNING")) == 2
    for name in ("user_fields", "custom_object_fields"):
        [line] = lines_about(run, name)
        assert f"HTTP {status}" in line
    # Untyped objects lose nothing.
    zendesk.settings.denied = {}
    chosen = choose(catalog, "users", "custom_object_vehicle")
    done = run_tap(tmp_path, config_for(zendesk), catalog=chosen)
    for stream in ("users", "custom_object_vehicle"):
        assert whole(done, stream) == holds(zendesk, stream)


def test_custom_objects_that_cannot_be_listed_are_left_out(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.settings.denied = {"custom_objects": 403}
    run = run_tap(tmp_path, config_for(zendesk), "--discover")
    assert run.exit_code == 0
    names = {entry["tap_stream_id"] for entry in json.loads(run.stdout)["streams"]}
    assert "tickets" in names
    assert not names & set(OBJECTS)
    assert len(run.log("WARNING")) == 1
    assert len(lines_about(run, "custom_objects")) == 1


def test_a_sync_with_a_catalog_requests_no_definitions(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = discovered(zendesk, tmp_path)
    zendesk.clear()
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, *FIELDS))
    assert not asked(zendesk, r"_fields|/custom_objects(\.json|/\w+/fields)")
    assert len(zendesk.requests) == len(FIELDS)
    for stream in FIELDS:
        assert whole(run, stream) == holds(zendesk, stream)
        properties = run.schemas[stream]["schema"]["properties"]
        assert properties[FIELDS[stream]] == fields_of(catalog, stream)


def test_custom_objects_come_from_the_catalog(zendesk: Simulator, tmp_path: Path) -> None:
    catalog = discovered(zendesk, tmp_path)
    catalog["streams"] = [
        entry for entry in catalog["streams"] if entry["tap_stream_id"] == "custom_object_vehicle"
    ]
    zendesk.clear()
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 0
    assert whole(run, "custom_object_vehicle") == holds(zendesk, "custom_object_vehicle")
    assert set(run.records) == {"custom_object_vehicle"}
    [request] = zendesk.requests
    assert request.path == "/api/v2/incremental/custom_objects/vehicle/cursor.json"


def test_discovery_needs_no_login(tmp_path: Path) -> None:
    for config in ({"subdomain": "example"}, {"subdomain": "example", "email": ""}, None):
        run = run_tap(tmp_path, config, "--discover")
        assert run.exit_code == 0
        catalog = json.loads(run.stdout)
        for stream in ("users", "organizations"):
            assert "properties" not in fields_of(catalog, stream)
        assert not run.log("WARNING")
        assert not run.log("ERROR")


def test_discovery_succeeds_if_the_account_does_not_answer(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.stop()
    _, *arguments = command_for(tmp_path, config=config_for(zendesk))
    done = run([sys.executable, str(Path(fast.__file__)), *arguments, "--discover"])
    assert done.exit_code == 0
    names = {entry["tap_stream_id"] for entry in json.loads(done.stdout)["streams"]}
    assert {"tickets", "users"} <= names
    assert not names & set(OBJECTS)
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.log("WARNING") if "without the definitions" in line]
    assert "custom fields and objects" in line
    assert "discover again" in line


@pytest.mark.parametrize("path", ["custom_objects", "user_fields"])
def test_a_sync_without_a_catalog_fails_if_definitions_cannot_be_read(
    zendesk: Simulator, tmp_path: Path, path: str
) -> None:
    zendesk.faults.add("status", code=503, path=path, times=99)
    _, *arguments = command_for(tmp_path, config=config_for(zendesk))
    done = run([sys.executable, str(Path(fast.__file__)), *arguments])
    assert done.exit_code == 1
    [line] = done.log("ERROR")
    assert "gave up on the page at the start" in line
    assert not done.records


def test_discovery_gives_up_on_a_token_only_once(zendesk: Simulator, tmp_path: Path) -> None:
    """It does not wait once for each list that discovery requests."""
    zendesk.stop()
    login = {"client_id": "any", "client_secret": "any", "access_token": None}
    _, *arguments = command_for(tmp_path, config=config_for(zendesk, **login))
    done = run([sys.executable, str(Path(fast.__file__)), *arguments, "--discover"])
    assert done.exit_code == 0
    tries = [line for line in done.log("WARNING") if "No access token yet" in line]
    assert 0 < len(tries) < HURRIED_TRIES
    done = run([sys.executable, str(Path(fast.__file__)), *arguments])
    assert done.exit_code == 1
    [line] = done.log("ERROR")
    assert "No access token from" in line
    assert line.endswith("check subdomain (or api_url) and the network")


@pytest.mark.parametrize(
    ("cursors", "rows"),
    [(["a", "b", "a"], [{}]), (["a", "a"], [{}]), ("abcdefgh", []), ([None], [])],
)
def test_an_endless_list_is_an_error(
    zendesk: Simulator, tmp_path: Path, cursors: list[str | None], rows: list[Json]
) -> None:
    for cursor in cursors:
        meta = {"has_more": True, "after_cursor": cursor}
        body = json.dumps({"user_fields": rows, "meta": meta})
        zendesk.faults.add("status", code=200, body=body, path="user_fields")
    run = run_tap(tmp_path, config_for(zendesk), "--discover")
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "/api/v2/user_fields.json: Zendesk's cursor" in line
    assert len(asked(zendesk, "user_fields")) <= 3


def test_half_a_character_in_a_title_is_replaced(zendesk: Simulator, tmp_path: Path) -> None:
    body = r'{"user_fields": [{"key": "tier", "title": "\ud83d cut \ud83d\ude00 \ud83d"}]}'
    zendesk.faults.add("status", code=200, body=body, path="user_fields")
    run = run_tap(tmp_path, config_for(zendesk), "--discover")
    assert run.exit_code == 0
    assert not run.log("WARNING")
    [users] = [e for e in json.loads(run.stdout)["streams"] if e["tap_stream_id"] == "users"]
    tier = users["schema"]["properties"]["user_fields"]["properties"]["tier"]
    assert tier["description"] == "\ufffd cut \U0001f600 \ufffd"


def test_discovery_with_a_refused_login_fails(zendesk: Simulator, tmp_path: Path) -> None:
    run = run_tap(tmp_path, config_for(zendesk, access_token="wrong"), "--discover")
    assert run.exit_code == 1
    assert run.stdout == b""
    [line] = run.log("ERROR")
    assert "HTTP 401" in line


@pytest.mark.parametrize(
    "wrong",
    [{"api_url": "http://192.0.2.1"}, {"per_page": "many"}, {"access_token": None, "email": "a@b"}],
)
def test_no_login_is_sent_with_invalid_settings(
    zendesk: Simulator, tmp_path: Path, wrong: Json
) -> None:
    run = run_tap(tmp_path, config_for(zendesk, **wrong), "--discover")
    assert run.exit_code == 1
    assert run.stdout == b""
    assert [line for line in run.log("ERROR") if next(reversed(wrong)) in line]
    assert zendesk.requests == []


def test_discovery_without_a_login_ignores_other_settings(tmp_path: Path) -> None:
    """The SDK allows discovery without any settings."""
    run = run_tap(tmp_path, {"subdomain": "example", "per_page": "many"}, "--discover")
    assert run.exit_code == 0, run.stderr
    assert json.loads(run.stdout)["streams"]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("custom_objects", {"key": 5}),
        ("user_fields", {"key": ["a"]}),
        ("user_fields", {"key": "a", "type": ["text"]}),
    ],
)
def test_an_invalid_definition_is_reported(
    zendesk: Simulator, tmp_path: Path, path: str, row: Json
) -> None:
    body = json.dumps({path: [row], "meta": {"has_more": False}})
    zendesk.faults.add("status", code=200, path=rf"/{path}\.json", body=body, times=99)
    _, *arguments = command_for(tmp_path, config=config_for(zendesk))
    command = [sys.executable, str(Path(fast.__file__)), *arguments]
    done = run([*command, "--discover"])
    assert done.exit_code == 0
    [line] = [line for line in done.log("WARNING") if "discover again" in line]
    assert "Expected `str | null`" in line
    done = run(command)
    assert done.exit_code == 1
    assert "Unexpected" not in done.stderr


def test_a_definition_without_a_key_is_ignored(zendesk: Simulator, tmp_path: Path) -> None:
    body = json.dumps({"custom_objects": [{"key": None, "title": "Odd"}, {"title": "Odder"}]})
    zendesk.faults.add("status", code=200, path=r"custom_objects\.json", body=body)
    body = json.dumps({"user_fields": [{"key": None, "type": "text"}]})
    zendesk.faults.add("status", code=200, path="user_fields", body=body)
    catalog = discovered(zendesk, tmp_path)
    names = {entry["tap_stream_id"] for entry in catalog["streams"]}
    assert not {name for name in names if name.startswith("custom_object_")}
    fields = entry_of(catalog, "users")["schema"]["properties"]["user_fields"]
    assert "null" not in fields.get("properties", {})
