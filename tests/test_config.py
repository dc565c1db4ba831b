"""Invalid settings are reported before a run starts, a line for each, without secrets."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_zendesk_incremental.config import problems
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .accounts import asked
from .running import config_for, run_tap, select

if TYPE_CHECKING:
    from .simulator import Simulator

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
SCHEMA: Json = TapZendeskIncremental.config_jsonschema
TapZendeskIncremental.append_builtin_config(SCHEMA)
GOOD = {"subdomain": "acme", "access_token": "a-good-token"}


@pytest.mark.parametrize(
    "config",
    [
        GOOD,
        GOOD | {"subdomain": "a"},
        GOOD | {"subdomain": "acme-2-Test"},
        GOOD | {"start_date": "2024-01-01T00:00:00Z"},
        GOOD | {"start_date": "2024-01-01"},
        GOOD | {"start_date": None},
        GOOD | {"start_date": "", "end_date": ""},
        GOOD | {"start_date": "20240101"},
        GOOD | {"start_date": "2024-W03-2 12:00"},
        GOOD | {"export_method": "", "per_page": " ", "sample": "", "stream_maps": ""},
        GOOD | {"per_page": 1},
        GOOD | {"per_page": 1000},
        GOOD | {"export_method": "time"},
        GOOD | {"batch_config": {}},
        GOOD | {"api_url": "https://proxy.example.com/zendesk"},
        GOOD | {"api_url": "http://localhost:8080"},
        GOOD | {"api_url": "http://127.0.0.1:8080"},
        GOOD | {"api_url": "http://[::1]:8080"},
    ],
)
def test_valid_settings(config: Json) -> None:
    assert problems(deepcopy(config), SCHEMA) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"access_token": "t"}, "subdomain is required"),
        (GOOD | {"subdomain": "acme.zendesk.com"}, "subdomain"),
        (GOOD | {"subdomain": "-acme"}, "subdomain"),
        (GOOD | {"subdomain": "acme-"}, "subdomain"),
        (GOOD | {"subdomain": "acme/x"}, "subdomain"),
        (GOOD | {"subdomain": "acme\n"}, "subdomain"),
        (GOOD | {"subdomain": "evil.com#"}, "subdomain"),
        (GOOD | {"subdomain": ""}, "subdomain"),
        (GOOD | {"access_token": 5}, "access_token must be of type string"),
        (GOOD | {"start_date": "last summer"}, "start_date 'last summer' is not an ISO 8601 date"),
        (
            GOOD | {"start_date": "1711012312345"},
            "is not an ISO 8601 date, such as 2024-03-21T09:11:",
        ),
        (GOOD | {"start_date": "1711012312"}, "is not an ISO 8601 date, such as 2024-03-21T09:11:"),
        (GOOD | {"end_date": "17110123123456"}, "not an ISO 8601 date, such as 2024-01-01T00:00:0"),
        (
            GOOD | {"stream_maps": {"users": {"x": 5}}},
            "stream_maps.users.x has the wrong type: 5",
        ),
        (GOOD | {"stream_maps": {"users": "md5"}}, "stream_maps.users has the wrong type: 'md5'"),
        (
            GOOD | {"stream_maps": {"users": {"__else__": 5}}},
            "stream_maps.users.__else__ has the wrong type: 5",
        ),
        (GOOD | {"stream_maps": {"__else__": 5}}, "stream_maps.__else__ has the wrong type: 5"),
        (GOOD | {"user_agent": "a\nb"}, "user_agent may contain only printable ASCII"),
        (GOOD | {"access_token": "sn\u2603w"}, "access_token may contain only printable ASCII"),
        (
            GOOD | {"batch_config": {"encoding": None, "storage": {"root": "file:///tmp"}}},
            "batch_config.encoding.format is required",
        ),
        (
            GOOD | {"batch_config": {"encoding": {"format": "jsonl"}, "storage": {"root": None}}},
            "batch_config.storage.root is required",
        ),
        (GOOD | {"chat_access_token": 5}, "chat_access_token must be of type string"),
        (
            GOOD | {"chat_access_token": "sn\u2603w"},
            "chat_access_token may contain only printable ASCII",
        ),
        (GOOD | {"chat_access_token": "a "}, "chat_access_token must not begin or end with white"),
        ({"subdomain": "acme", "client_id": "a"}, "client_id: not enough to log in; add client_s"),
        ({"subdomain": "acme", "email": "a@b.example"}, "add api_token or password"),
        (GOOD | {"export_method": "both"}, "export_method: 'both'"),
        (GOOD | {"per_page": 0}, "per_page: 0"),
        (GOOD | {"per_page": 1001}, "per_page: 1001"),
        (GOOD | {"per_page": "many"}, "per_page: 'many'"),
        (GOOD | {"request_timeout": 0}, "request_timeout: 0"),
        (GOOD | {"api_url": "http://proxy.example.com"}, "api_url must start with https://"),
        (GOOD | {"api_url": "http://127.0.0.1.example.com"}, "api_url must start with https://"),
        (
            GOOD | {"api_url": "http://localhost@example.com"},
            "api_url must not contain credentials",
        ),
        (
            GOOD | {"api_url": "https://me:secret@example.com"},
            "api_url must not contain credentials",
        ),
        (GOOD | {"api_url": "ftp://example.com"}, "api_url must start with https://"),
        (GOOD | {"api_url": "https://"}, "api_url must start with https://"),
        (GOOD | {"api_url": "https://[broken"}, "api_url is not a valid address"),
        ({"subdomain": "acme"}, "No credentials"),
        (GOOD | {"email": "me@example.com", "password": "pw"}, "belong to several ways to log in"),
    ],
)
def test_an_invalid_setting_is_named(config: Json, problem: str) -> None:
    (found,) = problems(deepcopy(config), SCHEMA)
    assert found.startswith(problem) or problem in found
    assert "\n" not in found
    assert "secret@" not in found


def test_the_sample_is_valid_once_filled_in() -> None:
    sample = json.loads((ROOT / "sample_config.json").read_text())
    assert problems(sample, SCHEMA) == []
    assert sample.keys() <= SCHEMA["properties"].keys()


def test_all_problems_are_reported_at_once_without_secrets(tmp_path: Path) -> None:
    config = {
        "subdomain": "acme.zendesk.com",
        "api_url": "http://example.com",
        "start_date": "soon",
        "per_page": 5000,
        "export_method": "both",
        "access_token": "secret-number-one",
        "password": ["secret-number-two"],
        "client_secret": 1_234_567_890,
    }
    run = run_tap(tmp_path, config)
    assert run.exit_code == 1
    assert run.stdout == b""
    errors = " ".join(run.log("ERROR"))
    for name in ("subdomain", "api_url", "start_date", "per_page", "export_method", "log in"):
        assert name in errors
    assert "password must be of type string" in errors
    assert "client_secret must be of type string" in errors
    assert "Traceback" not in run.stderr
    for secret in ("secret-number-one", "secret-number-two", "1234567890"):
        assert secret not in run.stderr
    lines = run.stderr.splitlines()
    assert run.log("ERROR") == lines[-len(run.log("ERROR")) :], "errors must be the last lines"


def test_no_settings_at_all(tmp_path: Path) -> None:
    run = run_tap(tmp_path)
    assert run.exit_code == 1
    errors = run.log("ERROR")
    assert any("subdomain is required" in line for line in errors)
    assert any("No credentials" in line for line in errors)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_a_damaged_settings_file_is_reported_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.json").write_bytes(content)
    run = run_tap(tmp_path, None, f"--config={tmp_path / 'broken.json'}")
    assert run.exit_code != 0
    assert run.stdout == b""
    assert "Traceback" not in run.stderr
    assert run.log("ERROR")


def test_settings_from_the_environment(tmp_path: Path) -> None:
    env = {
        "TAP_ZENDESK_INCREMENTAL_SUBDOMAIN": "acme",
        "TAP_ZENDESK_INCREMENTAL_API_URL": "http://example.com",
        "TAP_ZENDESK_INCREMENTAL_ACCESS_TOKEN": "secret-number-one",
        "TAP_ZENDESK_INCREMENTAL_PER_PAGE": "0",
    }
    run = run_tap(tmp_path, None, "--config=ENV", env=env)
    assert run.exit_code == 1
    errors = " ".join(run.log("ERROR"))
    assert "api_url must start with https://" in errors
    assert "per_page: 0" in errors
    assert "subdomain" not in errors
    assert "secret-number-one" not in run.stderr


def test_settings_are_described() -> None:
    for name, setting in SCHEMA["properties"].items():
        assert setting.get("description"), name
    secrets = {name for name, setting in SCHEMA["properties"].items() if setting.get("secret")}
    assert secrets >= {"client_secret", "refresh_token", "access_token", "api_token", "password"}
    assert config_for("http://127.0.0.1:1").keys() <= SCHEMA["properties"].keys()


def test_null_settings_take_their_defaults(zendesk_shared: Simulator, tmp_path: Path) -> None:
    config = {**config_for(zendesk_shared), "request_timeout": None, "export_method": None}
    run = run_tap(tmp_path, config, catalog=select("tickets"))
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == len(zendesk_shared.store.records["tickets"])


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_date_without_a_zone_is_in_utc(zendesk: Simulator, tmp_path: Path, zone: str) -> None:
    start = 1_704_067_200  # 2024-01-01T00:00:00Z
    config = config_for(zendesk, start_date="2024-01-01T00:00:00")
    bookmark = {"replication_key": "updated_at", "replication_key_value": "2024-02-01 00:00:00"}
    state = {"bookmarks": {"organizations": bookmark}}
    catalog = select("users", "organizations")
    run = run_tap(tmp_path, config, state=state, catalog=catalog, env={"TZ": zone})
    assert run.exit_code == 0, run.stderr
    assert asked(zendesk, "/users")[0]["start_time"] == f"{start}"
    assert asked(zendesk, "/organizations")[0]["start_time"] == f"{start + 30 * 86_400}"
