"""The Meltano project matches what the tap says about itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator.credentials import ACCESS_TOKEN

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "tap_zendesk_incremental")
LOGINS = [
    {"client_id", "client_secret"},
    {"client_id", "refresh_token", "oauth_token_path"},
    {"access_token"},
    {"email", "api_token"},
    {"email", "password"},
]
FREE_KINDS = {"string": "string", "integer": "integer", "boolean": "boolean", "object": "object"}


def kind_of(setting: dict[str, Any]) -> str:
    """Return Meltano's kind for a setting of the tap."""
    if "enum" in setting:
        return "options"
    if setting.get("format") == "date-time":
        return "date_iso8601"
    return next(FREE_KINDS[name] for name in setting["type"] if name != "null")


@pytest.fixture(scope="module")
def about() -> dict[str, Any]:
    """The output of the tap's `--about`."""
    command = [*COMMAND, "--about", "--format=json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(said)
    return result


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The Meltano project."""
    result: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    return result


@pytest.fixture(scope="module")
def extractor(project: dict[str, Any]) -> dict[str, Any]:
    """The tap's definition in the Meltano project."""
    result: dict[str, Any] = project["plugins"]["extractors"][0]
    return result


def test_capabilities_match_the_tap(about: dict[str, Any], extractor: dict[str, Any]) -> None:
    assert sorted(extractor["capabilities"]) == sorted(about["capabilities"])


def test_settings_match_the_tap(about: dict[str, Any], extractor: dict[str, Any]) -> None:
    ours = about["settings"]["properties"]
    declared = {setting["name"]: setting for setting in extractor["settings"]}
    assert declared.keys() == ours.keys()
    for name, setting in declared.items():
        assert setting["kind"] == kind_of(ours[name]), name
        assert setting.get("sensitive", False) == ours[name].get("secret", False), name
        assert setting["label"], name
        assert setting["description"], name
        assert [one["value"] for one in setting.get("options", [])] == ours[name].get("enum", [])
        if name != "user_agent":  # its default contains the version
            assert setting.get("value") == ours[name].get("default"), name


def test_each_login_is_a_group_of_settings(extractor: dict[str, Any]) -> None:
    groups = [set(group) for group in extractor["settings_group_validation"]]
    assert groups == [{"subdomain", *login} for login in LOGINS]


def test_plugins_and_settings_in_environments_exist(project: dict[str, Any]) -> None:
    assert {one["name"] for one in project["environments"]} == {"demo", "dev", "prod"}
    known = {
        (kind, plugin["name"]): {setting["name"] for setting in plugin["settings"]}
        for kind, plugins in project["plugins"].items()
        for plugin in plugins
        if "inherit_from" not in plugin
    }
    for environment in project["environments"]:
        for kind, plugins in environment["config"]["plugins"].items():
            for plugin in plugins:
                assert plugin["config"].keys() <= known[kind, plugin["name"]]


def test_jobs_keep_one_state_for_each_stream(project: dict[str, Any]) -> None:
    """All streams load every hour and tickets every 15 minutes, but never both at once."""
    jobs = {job["name"]: job["tasks"] for job in project["jobs"]}
    tickets, others = jobs["zendesk-all"]
    assert jobs["zendesk-tickets"] == [tickets]
    taps = {plugin["name"]: plugin for plugin in project["plugins"]["extractors"]}
    assert "tickets.*" in taps[tickets.split()[0]]["select"]
    assert "!tickets.*" in taps[others.split()[0]]["select"]
    assert {one["job"]: one["interval"] for one in project["schedules"]} == {
        "zendesk-all": "0 * * * *",
        "zendesk-tickets": "15,30,45 * * * *",
    }


def test_the_hub_definition_matches_the_project(extractor: dict[str, Any]) -> None:
    text = (ROOT / "meltanohub.yml").read_text(encoding="utf-8")
    definition: dict[str, Any] = yaml.safe_load(text)
    own = {"select", "pip_url"}
    shared = {name: value for name, value in extractor.items() if name not in own}
    assert {name: definition[name] for name in shared} == shared
    assert definition["pip_url"] == extractor["name"]


def test_the_demo_logs_in_to_the_simulator(project: dict[str, Any]) -> None:
    demo = next(one for one in project["environments"] if one["name"] == "demo")
    config = demo["config"]["plugins"]["extractors"][0]["config"]
    assert config["access_token"] == ACCESS_TOKEN
    assert config["api_url"].startswith("http://127.0.0.1:")


def test_usage_statistics_are_off(project: dict[str, Any]) -> None:
    assert project["send_anonymous_usage_stats"] is False


def test_the_duckdb_loader_is_pinned_to_versions_that_keep_the_first_row(
    project: dict[str, Any],
) -> None:
    loader = next(one for one in project["plugins"]["loaders"] if one["name"] == "target-duckdb")
    assert loader["pip_url"].split() == ["target-duckdb==0.8.0", "duckdb==1.1.3"]
