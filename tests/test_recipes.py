"""What docs/how-to.md tells users to write, run as they would."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from .running import Json, command_for, config_for, environment, run, select
from .warehouse import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Run
    from .simulator import Simulator

HOW_TO = ROOT / "docs/how-to.md"


def recipe(heading: str) -> Json:
    """Give the YAML below a heading."""
    section = HOW_TO.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    found = re.search(r"```yaml\n(.*?)```", section.partition("\n## ")[0], flags=re.DOTALL)
    assert found, heading
    result: Json = yaml.safe_load(found[1])
    return result


def run_with(zendesk: Simulator, folder: Path, settings: Json, **variables: str) -> Run:
    """Run tickets and users with some settings."""
    config = config_for(zendesk, **settings)
    command = command_for(folder, config=config, catalog=select("tickets", "users"))
    ended = run(command, environment(**variables))
    assert ended.exit_code == 0, ended.stderr
    return ended


@pytest.mark.parametrize("as_json", [False, True])
def test_log_without_metrics(zendesk: Simulator, tmp_path: Path, *, as_json: bool) -> None:
    logging = recipe("Log less, or more")
    if as_json:
        text = HOW_TO.read_text(encoding="utf-8")
        [formatter] = re.findall(r"`plain: (\{.*?\})`", text)
        logging["formatters"]["plain"] = yaml.safe_load(formatter)
    file = tmp_path / "logging.yml"
    file.write_text(yaml.safe_dump(logging))
    lines = run_with(zendesk, tmp_path, {}, SINGER_SDK_LOG_CONFIG=str(file)).stderr.splitlines()
    assert any("tickets: exported" in line for line in lines)
    assert not any("METRIC" in line for line in lines)
    if as_json:
        assert all({"level", "ts", "message"} <= json.loads(line).keys() for line in lines)


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
