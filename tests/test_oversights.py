"""What nothing asks for is said: a misspelt name would go unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental import oversights
from tap_zendesk_incremental.config import SETTINGS

from .running import Json, config_for, discover, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

KNOWN = {*SETTINGS.to_dict()["properties"], "stream_maps"}


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        ({"subdomain": "acme", "start_date": "2024-01-01"}, []),
        ({"start_dat": 1}, ["start_dat is no setting of this tap, and is ignored; is start_date"]),
        ({"xyzzy": 1}, ["xyzzy is no setting of this tap, and is ignored"]),
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
        ({"stream_maps": {"custom": {}}}, ["stream_maps names custom, which is no stream of"]),
        ({"stream_maps": {"tikets": {}}}, ["stream_maps names tikets, which is no stream of this"]),
        ({"stream_maps": {"p": {"__source__": "user"}}}, ["stream_maps names user, which is no"]),
    ],
)
def test_settings(config: Json, lines: list[str]) -> None:
    found = list(oversights.in_settings(config, KNOWN))
    assert len(found) == len(lines)
    assert all(map(str.startswith, found, lines))


def test_catalogs() -> None:
    assert list(oversights.in_catalog(discover())) == []
    assert list(oversights.in_catalog(select("users"))) == []
    [nothing] = oversights.in_catalog(select())
    assert nothing == "The catalog selects no stream of this tap; nothing is exported"
    catalog = select("users")
    [users] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == "users"]
    catalog["streams"].append({**users, "tap_stream_id": "groups", "stream": "groups"})
    [line] = oversights.in_catalog(catalog)
    assert line.startswith("The catalog selects groups, which is no stream of this tap")


def test_they_are_warnings(zendesk: Simulator, tmp_path: Path) -> None:
    config = config_for(zendesk, start_dat="2024-01-01")
    run = run_tap(tmp_path, config, catalog=select())
    assert run.exit_code == 0
    assert len(run.log("WARNING")) == 2


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PER_PAGE", "many", "TAP_ZENDESK_INCREMENTAL_PER_PAGE is not an integer"),
        ("STREAM_MAPS", "{", "TAP_ZENDESK_INCREMENTAL_STREAM_MAPS is not a JSON object"),
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


def test_an_empty_variable_is_none(zendesk: Simulator, tmp_path: Path) -> None:
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
