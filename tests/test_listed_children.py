"""Lists for each record of a parent: complete or an error, and requested only if selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_zendesk_incremental.child_stream import ListedChildStream
from tap_zendesk_incremental.http.status import ADVICE
from tap_zendesk_incremental.streams import CHILD_STREAMS

from .accounts import PARENTS, SIDELOADED, asked, choose, holds, lines_about, whole
from .running import config_for, discover, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json
    from .simulator import Simulator

CHILDREN = sorted(PARENTS.keys() - SIDELOADED.keys())


def lists(zendesk: Simulator, stream: str) -> int:
    """Return how many lists there are: one for each parent, or for each ticket with parents."""
    [key] = [
        child.parent_id
        for child in CHILD_STREAMS
        if child.name == stream and issubclass(child, ListedChildStream)
    ]
    return len({parent[key] for parent in zendesk.store.records[PARENTS[stream]].values()})


@pytest.fixture(scope="module")
def catalog() -> Json:
    """The catalog of a discovery without an account."""
    return discover()


@pytest.mark.parametrize("stream", CHILDREN)
def test_each_list_takes_one_request_and_no_parent_records_are_written(
    zendesk: Simulator, catalog: Json, tmp_path: Path, stream: str
) -> None:
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, stream))
    assert run.exit_code == 0, run.stderr
    assert set(run.records) == {stream}
    assert whole(run, stream) == holds(zendesk, stream)
    assert len(asked(zendesk, "")) == 1 + lists(zendesk, stream)


@pytest.mark.parametrize("stream", CHILDREN)
def test_nothing_is_requested_unless_it_is_selected(
    zendesk: Simulator, catalog: Json, tmp_path: Path, stream: str
) -> None:
    run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, PARENTS[stream]))
    assert len(asked(zendesk, "")) == 1


def test_a_list_of_many_pages_is_complete(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    stream = "community_post_comments"
    post = min(zendesk.store.records["community_posts"])
    for _ in range(7):
        zendesk.store.create(stream, post_id=post)
    config = config_for(zendesk, per_page=2)
    run = run_tap(tmp_path, config, catalog=choose(catalog, stream))
    assert whole(run, stream) == holds(zendesk, stream)


def test_a_list_in_numbered_pages_is_read_twice_and_written_once(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    stream = "side_conversations"
    ticket = next(iter(zendesk.store.records["side_conversation_events"].values()))["ticket_id"]
    for _ in range(5):
        zendesk.store.create(stream, ticket_id=ticket)
    zendesk.faults.add("unknown_field", times=99, path="/side_conversations")
    chosen = choose(catalog, stream, off=[f"{stream}.subject"])
    run = run_tap(tmp_path, config_for(zendesk, per_page=2), catalog=chosen)
    assert run.exit_code == 0, run.stderr
    assert len(run.records[stream]) == len(holds(zendesk, stream))
    for record in run.records[stream]:
        assert not {"subject", "brand_new_field"} & record.keys()
        assert record["_rescued_data"].keys() == {"brand_new_field"}


def test_the_list_of_a_deleted_parent_is_left_out(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    """The post may have been deleted after its page was made."""
    stream = "community_post_comments"
    post = min(zendesk.store.records["community_posts"])
    zendesk.faults.add("status", code=404, path=f"posts/{post}/comments")
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, stream))
    assert run.exit_code == 0, run.stderr
    held = holds(zendesk, stream)
    assert whole(run, stream) == {i: one for i, one in held.items() if one["post_id"] != post}
    [line] = lines_about(run, stream)
    posts = len(zendesk.store.records["community_posts"])
    assert (
        f"HTTP 404, Fault: Something went wrong; {ADVICE[404]}; so it is for 1 of {posts}" in line
    )


@pytest.mark.parametrize("stream", CHILDREN)
def test_a_stream_is_skipped_if_all_its_lists_are_refused(
    zendesk: Simulator, catalog: Json, tmp_path: Path, stream: str
) -> None:
    """One refusal may concern one record, so all lists are requested. One line reports them."""
    zendesk.settings.denied = {stream: 403}
    parents = lists(zendesk, stream)
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, stream))
    assert len(asked(zendesk, "")) == 1 + parents
    assert run.exit_code == 1
    [line] = run.log("WARNING")
    assert f"{stream}: HTTP 403" in line
    assert f"so it is for {parents} of {parents} lists" in line
    assert "Zendesk has refused every selected stream" in run.log("ERROR")[0]


@pytest.mark.parametrize("stream", CHILDREN)
def test_a_stream_is_skipped_if_its_parent_is_refused(
    zendesk: Simulator, catalog: Json, tmp_path: Path, stream: str
) -> None:
    zendesk.settings.denied = {PARENTS[stream]: 403}
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, stream))
    assert run.exit_code == 1
    assert "Zendesk has refused every selected stream" in run.log("ERROR")[0]


@pytest.mark.parametrize("status", [402, 403, 404, 410])
def test_a_refusal_in_the_middle_of_a_list_is_an_error(
    zendesk: Simulator, catalog: Json, tmp_path: Path, status: int
) -> None:
    stream = "community_post_comments"
    post = min(zendesk.store.records["community_posts"])
    for _ in range(7):
        zendesk.store.create(stream, post_id=post)
    zendesk.faults.add("status", code=status, path=f"posts/{post}/comments", after=1)
    config = config_for(zendesk, per_page=2)
    run = run_tap(tmp_path, config, catalog=choose(catalog, stream))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert f"{stream}: HTTP {status}" in line


@pytest.mark.parametrize("stream", [one for one in CHILDREN if one != "side_conversations"])
def test_a_parent_without_id_is_an_error(
    zendesk: Simulator, catalog: Json, tmp_path: Path, stream: str
) -> None:
    zendesk.settings.ids = False
    run = run_tap(tmp_path, config_for(zendesk), catalog=choose(catalog, stream))
    assert run.exit_code == 1
    [line] = run.log("ERROR")
    assert f"{stream}: Zendesk sends a record without the id" in line
    assert "Traceback" not in run.stderr
