"""A backfill in slices: no slice passes its end date, and together they hold everything."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zendesk_incremental.export import until
from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    Page,
    Paginator,
    TimePaginator,
    traverse,
)
from tap_zendesk_incremental.state import epoch

from .accounts import asked, choose, discovered, holds, whole
from .running import Json, Run, config_for, discover, run_tap
from .simulator.exports import Key, cursor_page, encode_cursor, time_page
from .simulator.settings import Settings
from .simulator.store import iso

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tap_zendesk_incremental.pagination import Params

    from .simulator import Simulator

MOST_PAGES = 300
KEYS = {
    "tickets": "generated_timestamp",
    "ticket_events": "timestamp",
    "users": "updated_at",
    "organizations": "updated_at",
    "articles": "updated_at",
}
SIDELOADS = ("ticket_metrics", "ticket_comments", "user_identities")

indexes = st.lists(st.integers(10, 40), max_size=60).map(
    lambda seconds: [(second, n) for n, second in enumerate(sorted(seconds))]
)
boundaries = st.sets(st.integers(1, 50), min_size=1, max_size=5).map(sorted)
sizes = st.integers(1, 12)


@dataclass(frozen=True)
class Slice:
    """The result of a run up to an end date.

    Attributes:
        records: The records of each page.
        requests: The number of requests.
        token: Where the next run starts.
    """

    records: list[list[Key]]
    requests: int
    token: Params


def slice_of(  # noqa: PLR0913 (an export has many sides)
    token: Params, index: Sequence[Key], size: int, settings: Settings, end: int, *, by_time: bool
) -> Slice:
    """Run one slice of an export.

    Args:
        token: Where the run starts.
        index: The records of the account.
        size: The page size.
        settings: How the account cuts its pages.
        end: The second (epoch) before which the run stops.
        by_time: Whether it is a time export.
    """
    paginator: Paginator = TimePaginator("things", token)
    if not by_time:
        paginator = CursorPaginator("things", token)
    requests = 0

    def fetch(params: Params) -> Page[Key]:
        nonlocal requests
        requests += 1
        assert requests < MOST_PAGES
        asked_for: Params = {"per_page": size, **params}
        start = int(asked_for.get("start_time", 0))
        if by_time:
            served = time_page(index, start, int(asked_for["per_page"]), settings)
        else:
            cursor = str(asked_for.get("cursor") or encode_cursor(start))
            served = cursor_page(index, cursor, size, settings.empty_pages)
        return Page(
            asked_for,
            list(served.keys),
            [(f"#{id_}", second) for second, id_ in served.keys],
            end_of_stream=served.end,
            after_cursor=served.cursor or None,
            end_time=served.end_time,
        )

    came: list[list[Key]] = []
    for step in until(end, traverse(paginator, fetch)):
        came.append(list(step.records))
        token = step.bookmark
    return Slice(came, requests, token)


@given(indexes, boundaries, sizes, st.sampled_from([0, 1]), st.booleans())
@example(index=[(20, 0), (40, 1)], ends=[30], size=1, empty_pages=1, by_time=True)
def test_slices_together_hold_everything(
    index: list[Key],
    ends: list[int],
    size: int,
    empty_pages: int,
    by_time: bool,  # noqa: FBT001
) -> None:
    settings = Settings(empty_pages=empty_pages)
    token: Params = {"start_time": 0}
    found: list[Key] = []
    for end in [*ends, 60]:
        one = slice_of(token, index, size, settings, end, by_time=by_time)
        token = one.token
        came = [key for page in one.records for key in page]
        assert sorted({*found, *came}) == [key for key in index if key[0] < end]
        assert len(set(came)) == len(came)
        # Records come again only on the first page, which the slice before cut at its end.
        assert set(came) & set(found) <= set(one.records[0] if one.records else ())
        found += came
    assert sorted(set(found)) == index


@given(indexes, st.integers(1, 50), sizes, st.booleans())
def test_a_slice_requests_at_most_one_extra_page(
    index: list[Key],
    end: int,
    size: int,
    by_time: bool,  # noqa: FBT001
) -> None:
    inside = [key for key in index if key[0] < end]
    one = slice_of({"start_time": 0}, index, size, Settings(), end, by_time=by_time)
    if not by_time:
        assert one.requests <= len(inside) // size + 2


@pytest.fixture(scope="module")
def catalog() -> Json:
    """A catalog that selects the streams with a time order, and their sideloads."""
    return choose(discover(), *KEYS, *SIDELOADS)


def check_bookmarks(run: Run, end: int) -> None:
    """Assert that no bookmark passes the end date or moves back."""
    values: dict[str, list[int]] = {stream: [0] for stream in KEYS}
    for state in run.states:
        for stream, bookmark in state["bookmarks"].items():
            values[stream].append(epoch(bookmark.get("replication_key_value", values[stream][-1])))
            assert (bookmark.get("end_time") or 0) <= end
    for stream, reached in values.items():
        assert reached == sorted(reached), stream
        assert all(second <= end for second in reached), stream


def once(runs: Sequence[Run], stream: str, key: str, again: int) -> Run:
    """Return the runs as one, without the records that a later run repeats.

    Args:
        runs: The slices, in order.
        stream: The stream whose records to keep.
        key: The property that identifies a record.
        again: How many records a run may repeat: those of the page where it starts.
    """
    seen: set[object] = set()
    lines: list[bytes] = []
    for run in runs:
        new = {record[key] for record in run.records[stream]} - seen
        assert len(run.records[stream]) - len(new) <= again, stream
        for line, message in zip(run.lines, run.messages, strict=True):
            is_record = message["type"] == "RECORD" and message["stream"] == stream
            if is_record and message["record"][key] in new:
                lines.append(line + b"\n")
        seen |= new
    return Run(0, b"".join(lines), "")


@pytest.mark.parametrize("method", ["cursor", "time"])
def test_a_backfill_in_slices(
    zendesk: Simulator, catalog: Json, tmp_path: Path, method: str
) -> None:
    newest = {stream: zendesk.store.records[stream].index[-1][0] for stream in KEYS}
    oldest = min(zendesk.store.records[stream].index[0][0] for stream in KEYS)
    last = min(newest.values())
    ends = [oldest - 1000, *(oldest + (last - oldest) * n // 3 for n in (1, 2)), last]
    config = {"export_method": method, "per_page": 9}
    state: Json | None = None
    came: list[Run] = []
    for end in ends:
        settings = config_for(zendesk, **config, end_date=iso(end))
        run = run_tap(tmp_path, settings, catalog=catalog, state=state)
        assert run.exit_code == 0, run.stderr
        for stream, key in KEYS.items():
            assert all(epoch(record[key]) < end for record in run.records[stream])
        check_bookmarks(run, end)
        came.append(run)
        state = run.state
    assert not any(came[0].records.values())
    came.append(run_tap(tmp_path, config_for(zendesk, **config), catalog=catalog, state=state))
    for stream in (*KEYS, *SIDELOADS):
        together = once(came, stream, "id", again=9 * (4 if stream in SIDELOADS else 1))
        include = ["comment_events"] if stream == "ticket_events" else []
        include += ["metric_sets"] if stream == "tickets" else []
        expected = holds(zendesk, stream, *include)
        for record in expected.values() if stream == "tickets" else ():
            record.pop("metric_set")
        assert whole(together, stream) == expected, stream


def test_a_bookmark_is_not_moved_back(zendesk: Simulator, catalog: Json, tmp_path: Path) -> None:
    state = run_tap(tmp_path, config_for(zendesk), catalog=catalog).state
    zendesk.clear()
    for end in ("2001-01-01", iso(min(t.index[-1][0] for t in zendesk.store.records.values()))):
        run = run_tap(tmp_path, config_for(zendesk, end_date=end), catalog=catalog, state=state)
        assert run.exit_code == 0
        assert not run.records
        assert all(
            {k: v for k, v in given["bookmarks"].items() if v} == (state or {})["bookmarks"]
            for given in run.states
        )
    # A cursor export has to request the page after its cursor. A time export knows its second.
    assert {request.path for request in zendesk.requests} == {
        f"/api/v2/incremental/{stream}/cursor.json" for stream in ("tickets", "users")
    }


def test_the_same_slice_again_repeats_only_its_last_page(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    middle = zendesk.store.records["tickets"].index[20][0]
    config = config_for(zendesk, end_date=iso(middle), per_page=8)
    chosen = choose(catalog, "tickets", "organizations")
    first = run_tap(tmp_path, config, catalog=chosen)
    zendesk.clear()
    second = run_tap(tmp_path, config, catalog=chosen, state=first.state)
    assert second.exit_code == 0
    assert second.state == first.state
    assert len(zendesk.requests) <= 4
    for stream in ("tickets", "organizations"):
        again = second.records[stream]
        assert len(again) <= 8
        assert again == first.records[stream][len(first.records[stream]) - len(again) :]


def test_a_slice_before_the_bookmark_is_not_requested(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    chosen = choose(catalog, "organizations")
    state = run_tap(tmp_path, config_for(zendesk), catalog=chosen).state
    zendesk.clear()
    config = config_for(zendesk, end_date="2001-01-01")
    run = run_tap(tmp_path, config, catalog=chosen, state=state)
    assert "organizations is already exported up to end_date" in run.stderr
    assert not zendesk.requests


def test_an_end_date_in_the_future_changes_nothing(
    zendesk: Simulator, catalog: Json, tmp_path: Path
) -> None:
    plain = run_tap(tmp_path, config_for(zendesk), catalog=catalog)
    run = run_tap(tmp_path, config_for(zendesk, end_date="2999-01-01"), catalog=catalog)
    assert run.state == plain.state
    for stream in KEYS:
        assert run.records[stream] == plain.records[stream]


@pytest.mark.parametrize("zone", ["", "Z", "+02:00", "-05:30"])
def test_the_end_date_is_exclusive_to_the_second(
    zendesk: Simulator, catalog: Json, tmp_path: Path, zone: str
) -> None:
    offset = {"": 0, "Z": 0, "+02:00": 7200, "-05:30": -19_800}[zone]
    end = 1_700_000_000
    zendesk.store.fill("tickets", [end - 1, end - 1, end, end, end + 1])
    date = iso(end + offset).rstrip("Z") + zone
    chosen = choose(catalog, "tickets", "ticket_metrics")
    run = run_tap(tmp_path, config_for(zendesk, end_date=date), catalog=chosen)
    assert [record["generated_timestamp"] for record in run.records["tickets"]] == [end - 1] * 2
    assert len(run.records["ticket_metrics"]) == 2
    check_bookmarks(run, end)


def test_slices_of_exports_that_start_without_a_time(zendesk: Simulator, tmp_path: Path) -> None:
    stream = "routing_attributes"
    chosen = choose(discovered(zendesk, tmp_path), stream)
    index = zendesk.store.records[stream].index
    state: Json | None = None
    came: list[Run] = []
    for end in (index[7][0], index[15][0], index[-1][0] + 1):
        config = config_for(zendesk, end_date=iso(end), per_page=4)
        run = run_tap(tmp_path, config, catalog=chosen, state=state)
        assert all(epoch(record["time"]) < end for record in run.records[stream])
        came.append(run)
        state = run.state
    together = {record["id"]: record for run in came for record in run.records[stream]}
    assert together == holds(zendesk, stream)
    assert all(a["time"] <= b["time"] for run in came for a, b in pairwise(run.records[stream]))


def test_lists_ignore_the_end_date(zendesk: Simulator, tmp_path: Path) -> None:
    chosen = choose(discover(), "user_fields")
    run = run_tap(tmp_path, config_for(zendesk, end_date="2001-01-01"), catalog=chosen)
    assert whole(run, "user_fields") == holds(zendesk, "user_fields")
    assert asked(zendesk, "user_fields")
