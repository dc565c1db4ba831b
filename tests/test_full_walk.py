"""System updates do not move tickets in a list, so a full walk corrects their rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .running import config_for, run_tap, select
from .test_list_form import export

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json, Run
    from .simulator import Simulator


def walk(folder: Path, zendesk: Simulator, state: Json | None) -> Run:
    """Export all tickets with `export_method: list`, from the state of the other runs."""
    config = config_for(zendesk, export_method="list")
    run = run_tap(folder, config, catalog=select("tickets", full_table=True), state=state)
    assert run.exit_code == 0, run.stderr
    return run


def bookmark(run: Run) -> Json:
    """Return the bookmark of tickets after a run."""
    assert run.state
    return dict(run.state["bookmarks"]["tickets"])


def read_whole_at(run: Run) -> str:
    """Return the time of the last full read in the state of a run."""
    return str(bookmark(run)["read_whole_at"])


def place(run: Run) -> Json:
    """Return the rest of the bookmark: where the next run resumes."""
    return {key: value for key, value in bookmark(run).items() if key != "read_whole_at"}


def test_a_full_walk_corrects_stale_rows(zendesk: Simulator, tmp_path: Path) -> None:
    first = export(tmp_path, zendesk, "tickets")
    table = {ticket["id"]: ticket for ticket in first.records["tickets"]}
    stale = next(id_ for id_, ticket in table.items() if ticket["status"] == "open")
    zendesk.store.system_update(stale, at=int(time.time()) - 61, status="solved")
    second = export(tmp_path, zendesk, "tickets", state=first.state)
    assert not second.records["tickets"]  # this is why the full walk exists
    third = walk(tmp_path, zendesk, second.state)
    table |= {ticket["id"]: ticket for ticket in third.records["tickets"]}
    assert table[stale]["status"] == "solved"
    assert place(third) == place(second)
    fourth = export(tmp_path, zendesk, "tickets", state=third.state)
    assert not fourth.records["tickets"]
    for run in (first, second, third, fourth):
        assert f"tickets: the list was last read in full at {read_whole_at(run)}" in run.stderr
    assert read_whole_at(first) == read_whole_at(second) <= read_whole_at(third)
    assert read_whole_at(third) == read_whole_at(fourth)


def test_a_partial_or_resumed_walk_is_not_a_full_walk(zendesk: Simulator, tmp_path: Path) -> None:
    cut = export(tmp_path, zendesk, "tickets", start_date="2024-01-01", per_page=5)
    begun = export(tmp_path, zendesk, "tickets", per_page=5).states[0]
    resumed = export(tmp_path, zendesk, "tickets", per_page=5, state=begun)
    other_form = export(tmp_path, zendesk, "tickets", export_method="cursor")
    for run in (cut, resumed, other_form):
        assert run.state
        assert "read_whole_at" not in run.state["bookmarks"]["tickets"]
        assert "the list was last read in full" not in run.stderr
