"""The recipes of docs/how-to.md work as printed."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from .running import Json, config_for, run_tap, select
from .warehouse import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Run
    from .simulator import Simulator

HOW_TO = ROOT / "docs/how-to.md"


def recipe(heading: str) -> Json:
    """Return the YAML below a heading."""
    section = HOW_TO.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    found = re.search(r"```yaml\n(.*?)```", section.partition("\n## ")[0], flags=re.DOTALL)
    assert found, heading
    result: Json = yaml.safe_load(found[1])
    return result


def run_with(zendesk: Simulator, folder: Path, settings: Json, **variables: str) -> Run:
    """Export tickets and users with the settings."""
    catalog = select("tickets", "users")
    ended = run_tap(folder, config_for(zendesk, **settings), catalog=catalog, env=variables)
    assert ended.exit_code == 0, ended.stderr
    return ended


def test_log_json(zendesk: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "logging.yml"
    file.write_text(yaml.safe_dump(recipe("Log JSON")))
    lines = run_with(zendesk, tmp_path, {}, SINGER_SDK_LOG_CONFIG=str(file)).stderr.splitlines()
    found = [json.loads(line) for line in lines]
    assert all({"level", "ts", "message"} <= line.keys() for line in found)
    assert any(re.match(r"tickets +\d", line["message"]) for line in found)
    assert not any("METRIC" in line for line in lines)


@pytest.mark.parametrize("is_meltano", [False, True])
def test_log_metrics(zendesk: Simulator, tmp_path: Path, *, is_meltano: bool) -> None:
    variables = recipe("Log the SDK's metrics")["env"]
    if is_meltano:  # this file sets its own log level
        file = tmp_path / "logging.yml"
        file.write_text(yaml.safe_dump(recipe("Log JSON")))
        variables["SINGER_SDK_LOG_CONFIG"] = str(file)
    log = run_with(zendesk, tmp_path, {}, **variables).stderr
    assert log.count('"http_request_count"') == 2, log  # tickets and users
    assert ("| DEBUG" in log) is not is_meltano


def test_metrics_in_a_file_of_their_own(zendesk: Simulator, tmp_path: Path) -> None:
    logging = recipe("Log JSON")
    file, place = tmp_path / "logging.yml", tmp_path / "metrics"
    handler = {"class": "logging.FileHandler", "formatter": "json", "filename": str(place)}
    logging["handlers"]["metrics"] = handler
    logging["loggers"] = {"singer_sdk.metrics": {"handlers": ["metrics"], "propagate": False}}
    file.write_text(yaml.safe_dump(logging))
    log = run_with(zendesk, tmp_path, {}, SINGER_SDK_LOG_CONFIG=str(file)).stderr
    assert "METRIC" not in log
    assert "http_request_count" in place.read_text(encoding="utf-8")


def test_log_without_metrics(zendesk: Simulator, tmp_path: Path) -> None:
    log = run_with(zendesk, tmp_path, {}).stderr
    assert re.search(r"tickets +\d", log)
    assert not re.search("METRIC|Added|Skipping", log)


def test_filter_by_brand(zendesk: Simulator, tmp_path: Path) -> None:
    settings = recipe("Keep only some brands or groups")["config"]
    tickets = zendesk.store.records["tickets"].values()
    brand = next(ticket["brand_id"] for ticket in tickets)
    kept = {ticket["id"] for ticket in tickets if ticket["brand_id"] == brand}
    pattern = settings["stream_maps"]["tickets"]["__filter__"]
    settings["stream_maps"]["tickets"]["__filter__"] = re.sub(r"\d+(?=,)", str(brand), pattern)
    assert kept == {r["id"] for r in run_with(zendesk, tmp_path, settings).records["tickets"]}


def test_flattening(zendesk: Simulator, tmp_path: Path) -> None:
    settings = recipe("Make columns of objects")["config"]
    ended = run_with(zendesk, tmp_path, settings)
    assert "via__channel" in ended.schemas["tickets"]["schema"]["properties"]
    assert all("via__channel" in record for record in ended.records["tickets"])


def test_batch_files(zendesk: Simulator, tmp_path: Path) -> None:
    settings = recipe("Write files instead of records")["config"]
    (tmp_path / "batches").mkdir()
    settings["batch_config"]["storage"]["root"] = (tmp_path / "batches").as_uri()
    assert not run_with(zendesk, tmp_path, settings).records
    files = (tmp_path / "batches").glob("*--tickets-*.gz")
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert {json.loads(line)["id"] for line in lines} == set(zendesk.store.records["tickets"])


def test_hashing(zendesk: Simulator, tmp_path: Path) -> None:
    settings = recipe("Hash or leave out what is private")["config"]
    records = run_with(zendesk, tmp_path, settings).records["users"]
    assert records
    assert all(record["email"] is None or "@" not in record["email"] for record in records)
    assert not any("phone" in record for record in records)
