"""The traversals of lists that change while they are read: no record is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.export import until
from tap_zendesk_incremental.list_pagination import PAGINATORS, WALKS, OffsetPaginator
from tap_zendesk_incremental.pagination import (
    EventsPaginator,
    Page,
    Paginator,
    Params,
    Step,
    traverse,
)

from .simulator.exports import Key, time_page
from .simulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MOST_PAGES = 500
WITHHELD_SECONDS = 2
TRAIL_SECONDS = 3
QUIET_SECONDS = 20
FIRST_SECOND = 100
Order = Literal["oldest first", "newest first", "by id"]


@dataclass(frozen=True)
class Change:
    """A record that changes or appears just before a page is made.

    Attributes:
        record_id: Which record changes.
        late_seconds: How many seconds before now its time is, because it was committed late.
        passed_seconds: How many seconds have passed since the page before.
    """

    record_id: int
    late_seconds: int
    passed_seconds: int


@dataclass
class Listing:
    """A list with keyset cursors, whose records change while it is read.

    Attributes:
        seconds: The second of each record's last change, by id.
        order: The order in which the list is served.
        is_cut: Whether it obeys `start_time` and `end_time`.
        changes: What happens before each page; None for nothing.
        empty_pages: How many empty pages come before the last one.
        now: The second in which the next page is made.
        pages: How many pages were served.
    """

    seconds: dict[int, int]
    order: Order
    is_cut: bool = False
    changes: list[Change | None] = field(default_factory=list)
    empty_pages: int = 0
    now: int = FIRST_SECOND
    pages: int = 0

    def __post_init__(self) -> None:
        """Place the empty pages at the end of the first traversal."""
        self._empties_left = self.empty_pages

    def page(self, asked: Params) -> Page[Key]:
        """Apply the changes that are due, and serve a page."""
        self.pages += 1
        change = self.changes.pop(0) if self.changes else None
        if change:
            self.now += change.passed_seconds
            self.seconds[change.record_id] = self.now - change.late_seconds
        size, cursor = int(asked["per_page"]), str(asked.get("cursor", "null"))
        places = sorted(self._shown(asked), reverse=self.order == "newest first")
        after = json.loads(cursor)
        if after is not None:
            is_later = self.order != "newest first"
            places = [place for place in places if place != after and (place > after) is is_later]
        rest, places = places[size:], places[:size]
        if places and not rest and self._empties_left:
            self._empties_left -= 1
            # Another cursor for the same place.
            pages, places = f"{cursor}{' ' * (self.empty_pages - self._empties_left)}", []
            return self._made(asked, places, end=False, cursor=pages)
        after_cursor = json.dumps(places[-1]) if places else None
        return self._made(asked, places, end=not rest, cursor=after_cursor)

    def _made(
        self, asked: Params, places: list[list[int]], *, end: bool, cursor: str | None
    ) -> Page[Key]:
        keys: list[Key] = [(self.seconds[place[-1]], place[-1]) for place in places]
        newest = self.now - WITHHELD_SECONDS
        marks = [(f"#{record_id}", second) for second, record_id in keys]
        return Page(asked, keys, [*marks], end, after_cursor=cursor, newest=newest)

    def _shown(self, asked: Params) -> Iterator[list[int]]:
        start, end = asked.get("start_time", 0), asked.get("end_time", 1 << 40)
        for record_id, second in self.seconds.items():
            if not self.is_cut or int(start) <= second <= int(end):
                yield [record_id] if self.order == "by id" else [second, record_id]


@dataclass
class Pipeline:
    """Consecutive runs, each from the bookmark of the one before, as a stream makes them.

    Attributes:
        paging: The name of the traversal.
        listing: The list.
        per_page: The requested page size.
        token: Where the next run starts.
        arrived: The second and id of each record that was written.
    """

    paging: str
    listing: Listing
    per_page: int
    token: Params = field(default_factory=dict)
    arrived: list[Key] = field(default_factory=list)

    def run(self, pages: int = MOST_PAGES, end: int | None = None) -> list[Key]:
        """Run to the end, or until a kill after some pages. Return the written records."""
        params = dict(self.token)
        newest = self.listing.now - WITHHELD_SECONDS
        if self.paging in WALKS:
            params.setdefault("start_time", 0)
            params.setdefault("end_time", newest if end is None else min(newest, end - 1))
        steps = traverse(PAGINATORS[self.paging]("things", params), self._fetch)
        if end is not None and self.paging not in WALKS:
            steps = until(end, steps)
        written: list[Key] = []
        for number, step in enumerate(islice(steps, pages)):
            assert number < MOST_PAGES - 1
            written += step.records
            self.token = self._bookmark(step)
        self.arrived += written
        return written

    def finish(self) -> None:
        """Stop all changes, and run until everything has settled."""
        self.listing.changes.clear()
        self.listing.now += QUIET_SECONDS
        self.run()  # what the killed runs left
        self.run()

    def missing(self, since: int = 0) -> set[Key]:
        """Return the records whose last version has not arrived."""
        held: set[Key] = {
            (second, i) for i, second in self.listing.seconds.items() if second >= since
        }
        return held - set(self.arrived)

    def _fetch(self, params: Params) -> Page[Key]:
        return self.listing.page({"per_page": self.per_page, **params})

    def _bookmark(self, step: Step[Key]) -> Params:
        """Return the bookmark after a page. After a walk it trails behind, as in a stream."""
        if self.paging not in WALKS or "cursor" in step.bookmark:
            return step.bookmark
        return {"start_time": max(0, int(step.bookmark["start_time"]) - TRAIL_SECONDS)}


# Many records within a few seconds, some of them just now.
seconds_of_records = st.lists(
    st.integers(1, 6) | st.integers(FIRST_SECOND - 4, FIRST_SECOND), max_size=25
).map(lambda seconds: {(n * 7) % 31: second for n, second in enumerate(seconds)})
sizes = st.sampled_from([1, 2, 3, 7, 100])
kills = st.lists(st.integers(0, 6), max_size=3)


def changes(late_seconds: int) -> st.SearchStrategy[list[Change | None]]:
    change = st.builds(
        Change, st.integers(0, 35), st.integers(0, late_seconds), st.sampled_from([0, 0, 1, 4])
    )
    return st.lists(st.none() | change, max_size=30)


def check_complete(pipeline: Pipeline, killed_after: Sequence[int]) -> None:
    """Kill runs after some pages, let the last ones finish, and assert that nothing is missing."""
    for pages in killed_after:
        pipeline.run(pages)
        pipeline.listing.now += 1
    pipeline.finish()
    assert pipeline.missing() == set()
    # A later run repeats only what a walk reads again before its bookmark.
    since = pipeline.listing.now - WITHHELD_SECONDS - TRAIL_SECONDS
    again = pipeline.run()
    assert [key for key in again if pipeline.paging not in WALKS or key[0] < since] == []


@given(seconds_of_records, sizes, changes(WITHHELD_SECONDS - 1), kills, st.integers(0, 2))
# A change that commits late, before the last record of the run before.
@example({7: FIRST_SECOND}, 100, [None, Change(3, 1, 0)], [1, 1], 0)
def test_a_list_in_order_of_change_is_complete(
    seconds: dict[int, int],
    size: int,
    changes: list[Change | None],
    killed_after: list[int],
    empty_pages: int,
) -> None:
    listing = Listing(seconds, "oldest first", changes=changes, empty_pages=empty_pages)
    check_complete(Pipeline("changes", listing, size), killed_after)


@given(
    seconds_of_records,
    sizes,
    changes(WITHHELD_SECONDS + TRAIL_SECONDS - 1),
    kills,
    st.sampled_from(["oldest first", "newest first", "by id"]),
    st.integers(0, 2),
)
def test_a_list_that_zendesk_filters_by_time_is_complete_in_any_order(  # noqa: PLR0913, PLR0917 (hypothesis)
    seconds: dict[int, int],
    size: int,
    changes: list[Change | None],
    killed_after: list[int],
    order: Order,
    empty_pages: int,
) -> None:
    listing = Listing(seconds, order, is_cut=True, changes=changes, empty_pages=empty_pages)
    check_complete(Pipeline("filtered", listing, size), killed_after)


@given(
    seconds_of_records,
    sizes,
    changes(WITHHELD_SECONDS + TRAIL_SECONDS - 1),
    kills,
    st.sampled_from(["oldest first", "newest first"]),
)
@example({1: 5, 2: 5, 3: 5}, 1, [None] * 4 + [Change(9, 0, 4)], [9], "oldest first")
def test_a_list_without_a_filter_is_complete_in_either_order(
    seconds: dict[int, int],
    size: int,
    changes: list[Change | None],
    killed_after: list[int],
    order: Order,
) -> None:
    check_complete(
        Pipeline("newest_first", Listing(seconds, order, changes=changes), size), killed_after
    )


@given(seconds_of_records, sizes, st.integers(1, 120), st.lists(st.integers(0, 9), max_size=2))
def test_records_before_the_start_are_left_out(
    seconds: dict[int, int], size: int, since: int, killed_after: list[int]
) -> None:
    pipeline = Pipeline("changes", Listing(seconds, "oldest first"), size, {"start_time": since})
    for pages in killed_after:
        pipeline.run(pages)
    pipeline.finish()
    assert pipeline.missing(since) == set()
    assert all(second >= since for second, _ in pipeline.arrived)


@given(
    seconds_of_records,
    sizes,
    st.sampled_from(
        [
            ("changes", "oldest first"),
            ("newest_first", "newest first"),
            ("newest_first", "oldest first"),
        ]
    ),
    st.lists(st.integers(1, 110), min_size=1, max_size=3).map(sorted),
)
def test_slices_stop_at_their_end_and_lose_nothing(
    seconds: dict[int, int], size: int, form: tuple[str, Order], ends: list[int]
) -> None:
    paging, order = form
    pipeline = Pipeline(paging, Listing(seconds, order), size)
    for end in ends:
        pipeline.run(end=end)
        if paging in WALKS:
            assert all(second < end for second, _ in pipeline.arrived)
            held = {(second, i) for i, second in seconds.items() if second < end}
            settled = {key for key in held if key[0] <= pipeline.listing.now - WITHHELD_SECONDS}
            assert settled <= set(pipeline.arrived)
    pipeline.finish()
    assert pipeline.missing() == set()


def test_a_list_with_the_newest_first_is_read_only_back_to_the_start() -> None:
    listing = Listing(dict.fromkeys(range(100), 1) | {200: 50, 201: 51}, "newest first")
    pipeline = Pipeline("newest_first", listing, 10, {"start_time": 40})
    assert pipeline.run() == [(51, 201), (50, 200)]
    assert listing.pages == 2


def test_list_cursors_that_form_a_cycle_are_an_error() -> None:
    def serve(asked: Params) -> Page[Key]:
        after = "b" if asked.get("cursor") == "a" else "a"
        return Page(asked, [(1, 1)], [("1", 1)], end_of_stream=False, after_cursor=after)

    for paging in ("changes", "filtered", "newest_first"):
        start: Params = {"start_time": 0, "end_time": 9, "cursor": "a"}
        with pytest.raises(FatalSyncError, match="comes back to where it was"):
            read(PAGINATORS[paging]("things", start), serve)


def read(paginator: Paginator, serve: Callable[[Params], Page[Key]]) -> list[Key]:
    """Follow a traversal to its end, or for ten pages."""
    return [record for step in islice(traverse(paginator, serve), 10) for record in step.records]


def test_a_list_that_is_not_in_order_of_change_is_an_error() -> None:
    listing = Listing({1: 5, 2: 4, 3: 6}, "by id")
    for size in (1, 2, 3):
        with pytest.raises(FatalSyncError, match="in order of change"):
            Pipeline("changes", listing, size).run()


@given(
    st.lists(st.integers(1, 12), max_size=40).map(sorted),
    st.integers(1, 20),
    st.integers(0, 1000),
)
def test_events_are_complete_whatever_the_last_end_time_is(
    seconds: list[int], size: int, ahead: int
) -> None:
    index: list[Key] = [(second, number) for number, second in enumerate(seconds)]

    def serve(asked: Params) -> Page[Key]:
        cut = time_page(index, int(asked["start_time"]), size, Settings())
        end_time = cut.end_time + ahead if cut.end else cut.end_time
        marks = [(f"#{number}", second) for second, number in cut.keys]
        following = None if cut.end else {"start_time": str(end_time)}
        return Page(
            asked,
            list(cut.keys),
            [*marks],
            end_time=end_time,
            next_page=following,
            newest=FIRST_SECOND,
        )

    steps = [*traverse(EventsPaginator("events", {"start_time": 0}), serve)]
    assert sorted(record for step in steps for record in step.records) == index
    for number, step in enumerate(steps):
        rest = read_all(EventsPaginator("events", step.bookmark), serve)
        before = [record for one in steps[: number + 1] for record in one.records]
        assert {*before, *rest} == set(index)
    # Events that are written after the last one arrive in the next run, whatever their time.
    last = seconds[-1] if seconds else 0
    assert steps[-1].bookmark == {"start_time": last}
    index.append((last + 1, 99))
    assert (last + 1, 99) in read_all(EventsPaginator("events", steps[-1].bookmark), serve)


def read_all(paginator: Paginator, serve: Callable[[Params], Page[Key]]) -> list[Key]:
    """Follow a traversal to its end."""
    return [record for step in traverse(paginator, serve) for record in step.records]


new_ids = count(1000)


@dataclass
class NumberedList:
    """A list with numbered pages, whose rows appear, vanish and move while it is read.

    Attributes:
        rows: The ids of the rows, in order.
        size: How many rows a page holds at first.
        changes: What happens before each page, if anything.
        smaller_from: The request from which on pages hold half as many rows, as after time-outs
            that make the client request less.
        kept: The rows that were in the list throughout.
        pages: How many pages were served.
    """

    rows: list[int]
    size: int
    changes: list[Callable[[list[int]], None] | None] = field(default_factory=list)
    smaller_from: int | None = None
    pages: int = 0

    def __post_init__(self) -> None:
        """Start with all rows."""
        self.kept = set(self.rows)

    def page(self, asked: Params) -> Page[Key]:
        """Apply the change that is due, and serve a page."""
        if self.changes and (change := self.changes.pop(0)):
            change(self.rows)
            self.kept &= set(self.rows)
        self.pages += 1
        number, size = int(asked.get("page", 1)), int(asked.get("per_page", self.size))
        if self.smaller_from is not None and self.pages >= self.smaller_from:
            size = min(size, max(1, self.size // 2))
        rows = self.rows[(number - 1) * size : number * size]
        keys: list[Key] = [(0, row) for row in rows]
        following = {"page": str(number + 1)} if number * size < len(self.rows) else None
        marks = [(f"#{row}", None) for row in rows]
        return Page({**asked, "per_page": size}, keys, [*marks], next_page=following)

    def read(self) -> list[int]:
        """Follow the list to its end."""
        return [int(row) for _, row in read_all(OffsetPaginator("things", {}), self.page)]


def deletion(place: int) -> Callable[[list[int]], None]:
    """Return a change that deletes the row at a place, if there is one."""

    def change(rows: list[int]) -> None:
        del rows[place : place + 1]

    return change


def insertion(place: int) -> Callable[[list[int]], None]:
    """Return a change that inserts a new row at a place."""

    def change(rows: list[int]) -> None:
        rows.insert(place, next(new_ids))

    return change


def move(here: int, there: int) -> Callable[[list[int]], None]:
    """Return a change that moves a row from one place to another."""

    def change(rows: list[int]) -> None:
        for row in rows[here : here + 1]:
            rows.remove(row)
            rows.insert(there, row)

    return change


places = st.integers(0, 30)
changes_of_rows = st.one_of(
    st.builds(deletion, places),
    st.builds(insertion, places),
    st.builds(move, places, places),
)


@given(st.integers(0, 30), st.integers(1, 7), st.none() | st.integers(1, 6))
def test_numbered_pages_are_complete(held: int, size: int, smaller_from: int | None) -> None:
    numbered = NumberedList([*range(held)], size, smaller_from=smaller_from)
    assert sorted(numbered.read()) == [*range(held)]
    if smaller_from is None:
        pages = max(1, -(-held // size))
        assert numbered.pages == (pages if pages == 1 else 2 * pages)


@given(
    st.integers(0, 30),
    st.integers(1, 7),
    st.lists(st.none() | changes_of_rows, max_size=40),
    st.none() | st.integers(1, 12),
)
# A row on a page already read is deleted, and another is added at the end: the count stays.
@example(6, 2, [None, deletion(0)], None)
@example(6, 2, [None, lambda rows: (deletion(0)(rows), rows.append(99))[0]], None)
# The same happens during the second read, with another row.
@example(6, 2, [None, deletion(0), None, None, deletion(1)], None)
# A row that is inserted before the current page is deleted before the tap sees it.
@example(8, 2, [None, insertion(0), deletion(0), None, None, insertion(0), deletion(0)], None)
# A row that is still unread moves to a page already read.
@example(6, 2, [None, move(3, 0)], None)
def test_rows_that_exist_throughout_the_read_arrive(
    held: int,
    size: int,
    changes: list[Callable[[list[int]], None] | None],
    smaller_from: int | None,
) -> None:
    numbered = NumberedList([*range(held)], size, changes, smaller_from)
    try:
        arrived = numbered.read()
    except FatalSyncError as error:
        assert "reads agree" in str(error)  # noqa: PT017 (the traversal may also succeed)
        return
    assert numbered.kept <= set(arrived)
    assert len(arrived) == len(set(arrived))


@given(st.integers(8, 30), st.integers(1, 7), st.integers(1, 9), changes_of_rows)
def test_one_change_during_the_read_does_not_fail_the_run(
    held: int, size: int, before_page: int, change: Callable[[list[int]], None]
) -> None:
    numbered = NumberedList([*range(held)], size, [*[None] * before_page, change])
    assert numbered.kept <= set(numbered.read())


def test_numbered_pages_that_never_stop_changing_are_an_error() -> None:
    numbered = NumberedList([*range(30)], 10, [deletion(0)] * 30)
    with pytest.raises(FatalSyncError, match="reads agree"):
        numbered.read()


@pytest.mark.parametrize("following", [{"page": "1"}, {"page": "3"}, {"cursor": "x"}, {}, None])
def test_a_next_page_with_a_wrong_number_is_an_error(
    following: dict[str, str] | None,
) -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [(0, 1)], [("1", None)], next_page=following, end_of_stream=False)

    with pytest.raises(FatalSyncError, match="after page 1 Zendesk links to page"):
        read(OffsetPaginator("things", {}), serve)


@pytest.mark.parametrize(
    "more", [{"next_page": {"page": "2"}}, {"end_of_stream": False, "after_cursor": "x"}]
)
def test_a_single_page_with_a_next_page_is_an_error(more: dict[str, object]) -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [(0, 1)], [("1", None)], **more)  # type: ignore[arg-type]

    single = PAGINATORS["single"]
    with pytest.raises(FatalSyncError, match="sends this list in several pages"):
        read(single("things", {}), serve)
    last: Page[Key] = Page({}, [(0, 1)], [("1", None)], end_of_stream=True)
    assert read(single("things", {}), lambda _: last) == [(0, 1)]


def test_events_that_stop_without_end_of_stream_are_an_error() -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [(5, 1)], [("1", 5)], end_time=5, end_of_stream=False)

    with pytest.raises(FatalSyncError, match="perhaps not all of it"):
        read(PAGINATORS["events"]("things", {"start_time": 0}), serve)
