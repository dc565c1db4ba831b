"""Inputs of a run: settings, states and catalogs that are damaged or hold nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.running import config_for, discover, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulator import Simulator


def test_null_settings_take_their_defaults(zendesk: Simulator, tmp_path: Path) -> None:
    config = {**config_for(zendesk), "request_timeout": None, "export_method": None}
    run = run_tap(tmp_path, config)
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == len(zendesk.store.records["tickets"])


@pytest.mark.parametrize(
    "state",
    [
        {"type": "STATE", "value": {}},
        {"bookmarks": {"custom_object_vehicle": {"replication_key_value": [1]}}},
        {"bookmarks": {"custom_object_vehicle": {"cursor2": "x"}}},
        {"bookmarks": {"users": {"replication_key": "updated_at", "replication_key_value": ""}}},
        {"bookmarks": {"users": {"replication_key": [], "replication_key_value": "2024-01-01"}}},
        {"bookmarks": {"tickets": {"replication_key": "x", "replication_key_value": 10**30}}},
    ],
)
def test_a_state_of_another_form_is_refused(
    zendesk: Simulator, tmp_path: Path, state: dict[str, Any]
) -> None:
    run = run_tap(tmp_path, config_for(zendesk), state=state)
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "The state cannot be used" in line
    assert not run.records
    assert not [request for request in zendesk.requests if "/incremental/" in request.path]


@pytest.mark.parametrize("catalog", [{}, {"streams": None}, {"streams": [{"schema": {}}]}])
def test_a_damaged_catalog_is_refused(
    zendesk: Simulator, tmp_path: Path, catalog: dict[str, Any]
) -> None:
    run = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "The catalog cannot be used" in line
    assert not zendesk.requests


def test_a_null_from_another_tap_is_no_bookmark(zendesk: Simulator, tmp_path: Path) -> None:
    state = {"bookmarks": {"tickets": {"generated_timestamp": None}}}
    run = run_tap(tmp_path, config_for(zendesk), state=state)
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == len(zendesk.store.records["tickets"])


def test_batch_files_of_a_sideload_alone_keep_the_state(zendesk: Simulator, tmp_path: Path) -> None:
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri(), "prefix": "batch-"},
    }
    config = {**config_for(zendesk), "batch_config": batches}
    catalog = discover()
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["tap_stream_id"] == "ticket_metrics"
    first = run_tap(tmp_path, config, catalog=catalog)
    assert len(first.records["ticket_metrics"]) == len(zendesk.store.records["tickets"])
    second = run_tap(tmp_path, config, catalog=catalog, state=first.state)
    assert not second.records.get("ticket_metrics")


def test_an_export_that_the_plan_does_not_include_is_skipped(
    zendesk: Simulator, tmp_path: Path
) -> None:
    zendesk.faults.add("status", path="articles", code=402)
    run = run_tap(tmp_path, config_for(zendesk))
    assert run.exit_code == 0
    assert [line for line in run.log("WARNING") if "articles" in line and "skipped" in line]
    assert "articles" not in run.records
    assert run.records["tickets"]


def test_a_redirect_does_not_skip_a_stream(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.faults.add("status", path="articles", code=302)
    run = run_tap(tmp_path, config_for(zendesk), catalog=select("articles"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "redirects to another address" in line


def test_a_run_in_which_every_stream_is_refused_fails(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.denied = {"articles": 403, "groups": 404}
    run = run_tap(tmp_path, config_for(zendesk), catalog=select("articles", "groups"))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert "Zendesk has refused every selected stream" in line
    assert len(run.log("WARNING")) == 2
    zendesk.settings.denied = {"articles": 403}
    assert (
        run_tap(tmp_path, config_for(zendesk), catalog=select("articles", "groups")).exit_code == 0
    )
