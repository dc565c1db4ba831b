"""The paginators against models of an export: every record arrives, or the traversal fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.export import until
from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    Page,
    Paginator,
    Params,
    RecordKey,
    Step,
    TimePaginator,
    repeatable_keys,
    traverse,
)

from .simulator.exports import Key, cursor_page, encode_cursor, time_page
from .simulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Serve = Callable[[Params], Page[Key]]

MOST_PAGES = 500
NEWEST = 1000


@dataclass
class Export:
    """The result of a traversal.

    Attributes:
        pages: The new records of each page.
        tokens: Where the first run started, and after each page where the next run would start.
        problem: Why the traversal failed, or "" if it did not.
    """

    pages: list[list[Key]] = field(default_factory=list)
    tokens: list[Params] = field(default_factory=list)
    problem: str = ""

    @property
    def records(self) -> list[Key]:
        """All records, in the order they arrived."""
        return [key for page in self.pages for key in page]


def export(paginator: Paginator, serve: Serve, per_page: int, end: int | None = None) -> Export:
    """Traverse an export to its end, as a stream does."""
    brought = Export(tokens=[paginator.params])
    number = count()

    def fetch(params: Params) -> Page[Key]:
        assert next(number) < MOST_PAGES
        return serve({"per_page": per_page, **params})

    steps: Iterator[Step[Key]] = traverse(paginator, fetch)
    try:
        for step in steps if end is None else until(end, steps):
            brought.pages.append(list(step.records))
            brought.tokens.append(step.bookmark)
    except FatalSyncError as error:
        brought.problem = str(error)
    return brought


def by_time(start: int = 0) -> TimePaginator:
    """Return the paginator of a time export."""
    return TimePaginator("users", {"start_time": start})


def by_cursor(token: Params | None = None) -> CursorPaginator:
    """Return the paginator of a cursor export."""
    return CursorPaginator("tickets", token or {"start_time": 0})


def time_server(index: Sequence[Key], settings: Settings) -> Serve:
    """Return a function that serves the pages of a time export."""

    def serve(asked: Params) -> Page[Key]:
        page = time_page(index, int(asked["start_time"]), int(asked["per_page"]), settings)
        end = page.end if settings.end_of_stream else None
        marks: list[RecordKey] = [(f"#{record_id}", second) for second, record_id in page.keys]
        keys = list(page.keys)
        return Page(asked, keys, marks, end, end_time=page.end_time, newest=NEWEST)

    return serve


def cursor_server(index: Sequence[Key], settings: Settings) -> Serve:
    """Return a function that serves the pages of a cursor export."""

    def serve(asked: Params) -> Page[Key]:
        assert ("cursor" in asked) != ("start_time" in asked)
        cursor = str(asked.get("cursor") or encode_cursor(int(asked["start_time"])))
        page = cursor_page(index, cursor, int(asked["per_page"]), settings.empty_pages)
        end = page.end if settings.end_of_stream else None
        marks: list[RecordKey] = [(f"#{record_id}", second) for second, record_id in page.keys]
        return Page(asked, list(page.keys), marks, end, after_cursor=page.cursor, newest=NEWEST)

    return serve


def fewest_time_pages(index: Sequence[Key], size: int) -> int:
    """Count the pages when each one starts at the `end_time` of the one before."""
    number, start = 0, 0
    while True:
        page = time_page(index, start, size, Settings())
        number, start = number + 1, page.end_time
        if page.end:
            return number


# Many records within a few seconds, so that pages end inside seconds and seconds fill pages.
indexes = st.lists(st.integers(1, 12), max_size=60).map(
    lambda seconds: sorted((second, number * 7 % 61) for number, second in enumerate(seconds))
)
sizes = st.integers(1, 20)
one_full_second: list[Key] = [(5, number) for number in range(20)]


@given(index=indexes, size=sizes, end_of_stream=st.booleans(), empty_pages=st.integers(0, 2))
def test_a_cursor_export_is_complete(
    *, index: list[Key], size: int, end_of_stream: bool, empty_pages: int
) -> None:
    settings = Settings(end_of_stream=end_of_stream, empty_pages=empty_pages)
    if not end_of_stream:
        settings.empty_pages = 0  # without the field, an empty page looks like the end
    serve = cursor_server(index, settings)
    whole = export(by_cursor(), serve, size)
    assert whole.records == index
    if end_of_stream:
        fewest = max(1, -(-len(index) // size))
        assert len(whole.pages) == fewest + (settings.empty_pages if index else 0)
    for number, token in enumerate(whole.tokens):
        rest = export(by_cursor(token), serve, size).records
        before = [key for page in whole.pages[:number] for key in page]
        assert before + rest == index


@given(index=indexes, size=sizes, end_of_stream=st.booleans(), empty_pages=st.booleans())
@example(index=one_full_second, size=20, end_of_stream=True, empty_pages=False)
@example(index=[*one_full_second, (6, 99)], size=20, end_of_stream=False, empty_pages=True)
def test_a_time_export_is_complete(
    *, index: list[Key], size: int, end_of_stream: bool, empty_pages: bool
) -> None:
    settings = Settings(end_of_stream=end_of_stream, empty_pages=int(empty_pages))
    serve = time_server(index, settings)
    whole = export(by_time(), serve, size)
    assert sorted(whole.records) == index
    assert [second for second, _ in whole.records] == [second for second, _ in index]
    if end_of_stream and not empty_pages:
        assert len(whole.pages) == fewest_time_pages(index, size)
    resumed_anywhere(index, whole, serve, size)


@given(index=indexes, size=sizes, stuck_pages=st.sampled_from(["whole", "cut"]))
@example(index=[*one_full_second, (6, 99)], size=20, stuck_pages="whole")
@example(index=[*one_full_second, (6, 99)], size=20, stuck_pages="cut")
def test_a_time_export_gets_past_repeated_pages(
    *, index: list[Key], size: int, stuck_pages: Literal["whole", "cut"]
) -> None:
    settings = Settings(extend_pages=False, stuck_pages=stuck_pages)
    serve = time_server(index, settings)
    whole = export(by_time(), serve, size)
    assert sorted(whole.records) == index
    resumed_anywhere(index, whole, serve, size)


def resumed_anywhere(index: list[Key], whole: Export, serve: Serve, size: int) -> None:
    """Check the runs from each of the tokens: they repeat only records of the shared second."""
    for number, token in enumerate(whole.tokens):
        start = int(token["start_time"])
        rest = export(by_time(start), serve, size).records
        before = [key for page in whole.pages[:number] for key in page]
        assert sorted({*before, *rest}) == index
        assert len(rest) == len(set(rest))
        assert {second for second, _ in set(before) & set(rest)} <= {start}
    starts = [int(token["start_time"]) for token in whole.tokens]
    assert starts == sorted(starts)


@dataclass(frozen=True)
class Hostile:
    """A server that keeps the order of its export, but little else.

    Attributes:
        places: The second of each record's place in the export, in order.
        ahead: By how many seconds a record's own time is after its place.
        anonymous: The numbers of the records that come without an id.
        hidden: The numbers of the records that are filtered out after a page is cut.
        cap: The most records on a page, whatever size is requested.
        settings: How pages are cut.
        last_end_time: The `end_time` of the last page, or "true" for the true one.
    """

    places: list[int]
    ahead: list[int]
    anonymous: set[int]
    hidden: set[int]
    cap: int
    settings: Settings
    last_end_time: int | Literal["true"] | None

    @property
    def index(self) -> list[Key]:
        """The second and number of each record, by place."""
        return list(zip(self.places, count(), strict=False))

    def says(self, number: int) -> int:
        """Return the time that a record has for itself, in seconds."""
        return self.places[number] + self.ahead[number % len(self.ahead)]

    def page(self, asked: Params) -> Page[Key]:
        """Serve a page of the time export."""
        size = min(int(asked["per_page"]), self.cap)
        cut = time_page(self.index, int(asked["start_time"]), size, self.settings)
        keys = [key for key in cut.keys if key[1] not in self.hidden]
        end_time: int | None = cut.end_time
        if cut.end and self.last_end_time != "true":
            end_time = self.last_end_time
        end = cut.end if self.settings.end_of_stream else None
        return Page(asked, keys, self._marks(keys), end, end_time=end_time, newest=NEWEST)

    def cursor_page(self, asked: Params) -> Page[Key]:
        """Serve a page of the cursor export."""
        cursor = str(asked.get("cursor") or encode_cursor(int(asked["start_time"])))
        size = min(int(asked["per_page"]), self.cap)
        cut = cursor_page(self.index, cursor, size)
        keys = [key for key in cut.keys if key[1] not in self.hidden]
        marks = self._marks(keys)
        return Page(asked, keys, marks, cut.end, after_cursor=cut.cursor, newest=NEWEST)

    def _marks(self, keys: Sequence[Key]) -> list[RecordKey]:
        numbers = [int(number) for _, number in keys]
        return [("" if n in self.anonymous else f"#{n}", self.says(n)) for n in numbers]


numbers = st.sets(st.integers(0, 40), max_size=8)
hostile_servers = st.builds(
    Hostile,
    places=st.lists(st.integers(1, 8), max_size=40).map(sorted),
    ahead=st.lists(st.sampled_from([0, 0, 0, 1, 3, 50]), min_size=1, max_size=5),
    anonymous=st.just(set()) | numbers,
    hidden=st.just(set()) | numbers,
    cap=st.sampled_from([3, 8, 2000]),
    settings=st.builds(
        Settings,
        extend_pages=st.booleans(),
        stuck_pages=st.sampled_from(["whole", "cut"]),
        empty_pages=st.sampled_from([0, 1]),
        end_of_stream=st.booleans(),
    ),
    last_end_time=st.sampled_from(["true", None, 0, NEWEST * 9]),
).filter(
    # Without the field, a page whose rest is filtered out or capped looks like the end. The run
    # loses nothing, since it does not move on, but the records do not arrive either.
    lambda server: server.settings.end_of_stream or not (server.hidden or server.cap < MOST_PAGES)
)


def runs_of(
    server: Hostile, *, cursor: bool, sizes: Sequence[int], ends: Sequence[int | None]
) -> Iterator[tuple[Export, int | None]]:
    """Run an export several times, each from the last bookmark and with its own end date."""
    token: Params = {"start_time": 0}
    serve = server.cursor_page if cursor else server.page
    for size, end in zip(sizes, ends, strict=True):
        paginator = by_cursor(token) if cursor else by_time(int(token["start_time"]))
        run = export(paginator, serve, size, end)
        yield run, end
        token = run.tokens[-1]


@given(
    server=hostile_servers,
    cursor=st.booleans(),
    sizes=st.tuples(*[st.sampled_from([1, 2, 5, 1000])] * 3),
    ends=st.tuples(st.none() | st.integers(1, 12), st.none() | st.integers(1, 70), st.none()),
)
@example(  # 1,000 records in a second that a server caps
    server=Hostile(
        [1, *[3] * 40, 4],
        [0],
        set(),
        set(),
        8,
        Settings(extend_pages=False, stuck_pages="cut"),
        "true",
    ),
    cursor=False,
    sizes=(1000, 1000, 1000),
    ends=(None, None, None),
)
@example(  # cut in the middle of a second, then filtered
    server=Hostile(
        [3] * 30,
        [0],
        set(),
        {0, 1, 2},
        2000,
        Settings(extend_pages=False, stuck_pages="cut"),
        "true",
    ),
    cursor=False,
    sizes=(5, 5, 5),
    ends=(None, None, None),
)
@example(  # a capped page that looks like the last one, and an empty page that leads on
    server=Hostile(
        [1] * 5 + [9],
        [0],
        set(),
        set(),
        3,
        Settings(extend_pages=False, stuck_pages="cut", end_of_stream=False, empty_pages=1),
        "true",
    ),
    cursor=False,
    sizes=(1000, 1000, 1000),
    ends=(None, None, None),
)
@example(  # an early record that has changed since, and an end date
    server=Hostile([1, 2, 3, 4, 5], [0, 50, 0, 0, 0], set(), set(), 2000, Settings(), "true"),
    cursor=True,
    sizes=(1, 1, 1),
    ends=(6, 7, None),
)
def test_every_record_arrives_or_the_run_fails(
    server: Hostile,
    cursor: bool,  # noqa: FBT001 (hypothesis passes it by name)
    sizes: tuple[int, ...],
    ends: tuple[int | None, ...],
) -> None:
    arrived: set[Key] = set()
    for run, end in runs_of(server, cursor=cursor, sizes=sizes, ends=ends):
        arrived |= set(run.records)
        due = {
            key
            for key in server.index
            if key[1] not in server.hidden and (end is None or server.says(int(key[1])) < end)
        }
        if run.problem:
            continue
        if end is None:
            assert arrived == due
        # If an end date cuts a page, the next run exports the rest of that page.


@given(server=hostile_servers, size=st.sampled_from([1, 2, 5, 1000]), data=st.data())
def test_every_record_arrives_whenever_a_run_is_killed(
    server: Hostile, size: int, data: st.DataObject
) -> None:
    first = export(by_time(), server.page, size)
    pages = data.draw(st.integers(0, len(first.pages)))
    arrived = {key for page in first.pages[:pages] for key in page}
    second = export(by_time(int(first.tokens[pages]["start_time"])), server.page, size)
    if not second.problem:
        arrived |= set(second.records)
        assert arrived == {key for key in server.index if key[1] not in server.hidden}


def test_a_bookmark_is_never_in_the_future() -> None:
    server = Hostile([1, 2], [0], set(), set(), 2000, Settings(), NEWEST * 9)
    assert export(by_time(), server.page, 10).tokens[-1] == {"start_time": NEWEST + 1}


def test_a_bookmark_without_an_end_time_is_the_second_of_the_last_record() -> None:
    server = Hostile([1, 7], [0], set(), set(), 2000, Settings(), None)
    assert export(by_time(), server.page, 10).tokens[-1] == {"start_time": 7}


def test_records_without_id_are_never_taken_for_one_another() -> None:
    server = Hostile([1, 1, 2, 2, 2, 3], [0], {1, 2, 3, 4}, set(), 2000, Settings(), "true")
    assert set(export(by_time(), server.page, 4).records) == set(server.index)


def test_a_time_export_without_end_of_stream_ends_on_a_busy_account() -> None:
    """New records keep arriving, but each page asks only for those before its request."""

    def serve(asked: Params) -> Page[Key]:
        start = int(asked["start_time"])
        keys: list[Key] = [(start, start), (start + 1, start + 1)]
        marks: list[RecordKey] = [(f"#{n}", second) for second, n in keys]
        return Page(asked, keys, marks, end_time=start + 1, newest=max(30, start))

    whole = export(by_time(), serve, 100)
    assert not whole.problem
    assert whole.records[-1] == (31, 31)
    assert whole.tokens[-1] == {"start_time": 31}


def test_records_after_a_repeated_page_are_an_error() -> None:
    """Without `end_of_stream`, a second that the server caps looks like the end."""

    def serve(asked: Params) -> Page[Key]:
        key: Key = (max(5, int(asked["start_time"])), 1)
        return Page(asked, [key], [("#", key[0])], end_time=key[0], newest=NEWEST)

    whole = export(by_time(5), serve, 100)
    assert whole.problem.startswith("users: Zendesk repeats the page at start_time 5")
    assert whole.tokens[-1] == {"start_time": 5}


def test_a_record_that_appears_late_does_not_make_a_page_incomplete() -> None:
    """It appears after the last page, and before the request that checks what follows."""
    index: list[Key] = [(5, 1)]

    def serve(asked: Params) -> Page[Key]:
        held = [key for key in index if key[0] >= int(asked["start_time"])]
        index[1:] = [(8, 2)]
        end_time = max((second for second, _ in held), default=None)
        return Page(asked, held, [(n, second) for second, n in held], None, None, end_time)

    whole = export(by_time(5), serve, 100)
    assert not whole.problem
    assert whole.records == index


def test_a_repeated_second_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    index: list[Key] = [*((5, number) for number in range(12)), (9, 99)]
    settings = Settings(extend_pages=False, stuck_pages="whole")
    with caplog.at_level(logging.WARNING):
        whole = export(by_time(), time_server(index, settings), 5)
    assert sorted(whole.records) == index
    (message,) = caplog.messages
    assert message.startswith("users: 12 records share the second 5")


def test_a_second_larger_than_any_page_is_an_error() -> None:
    index: list[Key] = [*((5, number) for number in range(1500)), (6, 1500)]
    settings = Settings(extend_pages=False, stuck_pages="cut")
    problem = export(by_time(), time_server(index, settings), 1000).problem
    assert problem.startswith("users: Zendesk repeats a page of 500 records of the second 5")


def test_repeated_empty_pages_are_an_error() -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [], [], end_of_stream=False, end_time=5)

    problem = export(by_time(), serve, 10).problem
    assert problem.startswith("users: Zendesk sends empty pages at start_time 5")


@pytest.mark.parametrize("cursor", ["here", None])
def test_a_cursor_that_repeats_is_an_error(cursor: str | None) -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [(1, 1)], [(1, 1)], end_of_stream=False, after_cursor=cursor)

    problem = export(by_cursor({"cursor": "here"}), serve, 10).problem
    assert problem.startswith("tickets: Zendesk's cursor does not advance")


@pytest.mark.parametrize("length", [2, 3, 7])
def test_cursors_that_form_a_cycle_are_an_error(length: int) -> None:
    def serve(asked: Params) -> Page[Key]:
        after = str((int(asked["cursor"]) + 1) % length)
        return Page(asked, [(1, 1)], [(1, 1)], end_of_stream=False, after_cursor=after)

    whole = export(by_cursor({"cursor": "0"}), serve, 10)
    assert whole.problem.startswith("tickets: Zendesk's cursor comes back to where it was")
    assert len(whole.pages) == length - 1


def test_endless_empty_pages_are_an_error() -> None:
    def serve(asked: Params) -> Page[Key]:
        after = str(int(asked["cursor"]) + 1)
        return Page(asked, [], [], end_of_stream=False, after_cursor=after)

    paginator = CursorPaginator("tickets", {"cursor": "0"}, max_empty_pages=50)
    whole = export(paginator, serve, 10)
    assert whole.problem.startswith("tickets: Zendesk's cursor leads through 50 empty pages")


def test_an_earlier_end_time_does_not_move_the_bookmark_back() -> None:
    page: Page[Key] = Page({"start_time": 9, "per_page": 5}, [], [], end_of_stream=True, end_time=3)
    paginator = by_time(9)
    paginator.advance(page)
    assert paginator.finished
    assert paginator.bookmark == {"start_time": 9}


def test_a_record_that_changed_within_the_shared_second_is_new() -> None:
    paginator = by_time()
    asked: Params = {"start_time": 0, "per_page": 3}
    page: Page[str] = Page(asked, ["a", "b"], [(1, 4), (2, 5)], end_of_stream=False, end_time=5)
    assert paginator.advance(page) == ["a", "b"]
    asked = {"start_time": 5, "per_page": 3}
    again = Page(asked, ["b", "a"], [(2, 5), (1, 7)], end_of_stream=True, end_time=7)
    assert paginator.advance(again) == ["a"]


def test_records_without_id_or_time_are_not_compared() -> None:
    keys: set[RecordKey] = {("a", None), ("", 5), ("b", 4), ("c", 5), ("d", 6)}
    assert repeatable_keys(keys, 5) == {("c", 5), ("d", 6)}
