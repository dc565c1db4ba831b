"""The traversal of Chat's exports, whatever the server does: all records arrive, or it fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.list_pagination import ChatPaginator
from tap_zendesk_incremental.pagination import Page, Params, traverse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zendesk_incremental.pagination import RecordKey

MOST_PAGES = 500
NEWEST = 20
"""The newest `start_time` that the server accepts. It may serve newer records."""

LATER = 1000
FUTURE = 10**9
TICKS = 4
"""Ticks in a second: a server may count time in finer units than the tap."""

Place = tuple[int, str]


@dataclass(frozen=True)
class Chats:
    """A server of a Chat export.

    Attributes:
        ticks: When each record changed, in ticks, in order.
        start_id: Whether the server obeys `start_id`, and whether it includes the named record.
        cap: The most records on a page, whatever limit is requested.
        end_time: The `end_time` of pages: true, or false on the last page or on all pages.
        newest: The newest second that may be requested.
    """

    ticks: list[int]
    start_id: Literal["exclusive", "inclusive", "ignored"] = "exclusive"
    cap: int = 1000
    end_time: int | Literal["true"] | None = "true"
    lies_always: bool = False
    newest: int = NEWEST
    has_ids: bool = True

    @property
    def index(self) -> list[Place]:
        """The time and id of each record, in order."""
        return [(tick, f"#{number:03d}") for number, tick in enumerate(self.ticks)]

    def page(self, asked: Params) -> Page[Place]:
        """Serve a page."""
        assert int(asked["start_time"]) <= self.newest
        tick, _, start_id = str(asked.get("cursor", "")).partition("/")
        start: Place = (int(tick or int(asked["start_time"]) * TICKS), start_id)
        if self.start_id == "ignored":
            start = (start[0], "")
        rest = [p for p in self.index if p > start or (p == start and self.start_id == "inclusive")]
        held = rest[: min(int(asked["per_page"]), self.cap)]
        last = held[-1] if held else start
        end_time: int | None = last[0] // TICKS
        if self.end_time != "true" and (self.lies_always or len(held) == len(rest)):
            end_time = self.end_time
        marks: list[RecordKey] = [(id_ if self.has_ids else "", t // TICKS) for t, id_ in held]
        cursor = f"{last[0]}/{last[1]}" if held else None
        return Page(asked, held, marks, after_cursor=cursor, end_time=end_time, newest=self.newest)


@dataclass
class Run:
    """The result of a run.

    Attributes:
        pages: The records of each page.
        tokens: Where the run started, and after each page where the next run would start.
        problem: Why the run failed, or "" if it did not.
    """

    pages: list[list[Place]]
    tokens: list[Params]
    problem: str = ""

    def until(self, pages: int) -> set[Place]:
        """Return the records of the first pages."""
        return {record for page in self.pages[:pages] for record in page}

    @property
    def records(self) -> list[Place]:
        """All records, in the order they arrived."""
        return [record for page in self.pages for record in page]


def follow(serve: Callable[[Params], Page[Place]], size: int, token: Params | None = None) -> Run:
    """Traverse an export to its end, as a stream does."""
    paginator = ChatPaginator("chats", token or {"start_time": 0})
    brought, number = Run([], [paginator.params]), count()

    def fetch(params: Params) -> Page[Place]:
        assert next(number) < MOST_PAGES
        return serve({"per_page": size, **params})

    try:
        for step in traverse(paginator, fetch):
            brought.pages.append(step.records)
            brought.tokens.append(step.bookmark)
    except FatalSyncError as error:
        brought.problem = str(error)
    return brought


def run(server: Chats, token: Params | None = None, size: int = 1000) -> Run:
    """Traverse the export of a server."""
    return follow(server.page, size, token)


def test_the_end_is_a_page_without_records() -> None:
    server = Chats([4 * second for second in (1, 1, 2, 3, 3)])
    whole = run(server, size=2)
    assert whole.records == server.index
    assert [len(page) for page in whole.pages] == [2, 2, 1, 0]
    assert whole.tokens[-1] == {"start_time": 3, "cursor": "12/#004"}
    again = run(server, whole.tokens[-1], size=2)
    assert again.pages == [[]]
    assert again.tokens[-1] == whole.tokens[-1]


servers = st.builds(
    Chats,
    ticks=st.lists(st.integers(0, TICKS * (NEWEST + 6)), max_size=40).map(sorted),
    start_id=st.sampled_from(["exclusive", "inclusive", "ignored"]),
    cap=st.sampled_from([1, 3, 8, 1000]),
    end_time=st.sampled_from(["true", "true", None, 0, NEWEST + 3, FUTURE]),
    lies_always=st.booleans(),
    has_ids=st.booleans(),
)
full_second = Chats([*[TICKS * 5] * 12, TICKS * 9])


@given(server=servers, size=st.sampled_from([1, 2, 5, 1000]), data=st.data())
def test_every_record_arrives_or_a_run_fails(server: Chats, size: int, data: st.DataObject) -> None:
    """That holds for killed runs too, whichever page's state the next run starts from."""
    first = run(server, size=size)
    killed_after = data.draw(st.integers(0, len(first.pages)))
    arrived = first.until(killed_after)
    token, problem = first.tokens[killed_after], ""
    later = replace(server, ticks=[*server.ticks, TICKS * LATER])
    for newest in (NEWEST, NEWEST + 5, LATER - 1, LATER + 1):
        more = run(replace(later, newest=newest), token, size)
        starts = [int(one["start_time"]) for one in more.tokens]
        assert starts == sorted(starts)
        assert starts[-1] <= newest
        arrived |= set(more.records)
        token, problem = more.tokens[-1], more.problem
    assert problem or arrived == set(later.index)


@given(
    server=st.builds(
        Chats,
        ticks=st.lists(st.integers(0, NEWEST - 1), max_size=40).map(
            lambda seconds: [TICKS * second + second % TICKS for second in sorted(seconds)]
        ),
        start_id=st.sampled_from(["exclusive", "inclusive"]),
        cap=st.sampled_from([2, 3, 8, 1000]),
    ),
    size=st.sampled_from([2, 5, 1000]),
    data=st.data(),
)
@example(full_second, 5, None)
@example(replace(full_second, start_id="inclusive"), 5, None)
def test_runs_neither_fail_nor_repeat_records_if_the_server_obeys_start_id(
    server: Chats, size: int, data: st.DataObject | None
) -> None:
    whole = run(server, size=size)
    assert not whole.problem
    assert whole.records == server.index
    pages = data.draw(st.integers(0, len(whole.pages))) if data else 1
    rest = run(server, whole.tokens[pages], size)
    assert not rest.problem
    assert whole.until(pages) | set(rest.records) == set(server.index)
    twice = whole.until(pages) & set(rest.records)
    assert len(twice) <= (server.start_id == "inclusive")


@pytest.mark.parametrize("cap", [5, 1000])
def test_a_second_larger_than_any_page_is_an_error(cap: int) -> None:
    server = Chats([*[TICKS * 5] * 1500, TICKS * 9], "ignored", cap=cap)
    whole = run(server)
    assert whole.problem.startswith("chats: Zendesk repeats ")
    assert whole.tokens[-1] == {"start_time": 5, "cursor": f"20/#{cap - 1:03d}"}


def test_a_page_of_records_without_an_end_time_is_an_error() -> None:
    whole = run(Chats([4, 8], end_time=None))
    assert whole.problem.startswith("chats: Zendesk does not say where the page at start_time 0")
    assert whole.pages == []


@pytest.mark.parametrize("end_time", [NEWEST + 3, FUTURE])
def test_a_bookmark_is_never_newer_than_the_server_accepts(end_time: int) -> None:
    server = Chats([TICKS, TICKS * (NEWEST + 2)], end_time=end_time)
    whole = run(server)
    assert whole.records == server.index
    assert whole.tokens[-1] == {"start_time": NEWEST}


@pytest.mark.parametrize("cap", [2, 1000])
def test_an_end_time_in_the_future_is_ignored(cap: int) -> None:
    server = Chats([4, 8, 12, 16], cap=cap, end_time=FUTURE, lies_always=True)
    whole = run(server)
    assert not whole.problem
    assert whole.records == server.index
    assert whole.tokens[-1] == {"start_time": 4}


def test_an_export_ends_on_a_busy_account() -> None:
    """New records keep arriving, but each page asks only for those before its request."""
    seconds = count(1)

    def pages() -> Iterator[Page[Place]]:
        for second in seconds:
            asked: Params = {**paginator.params, "per_page": 5}
            record, newest = (second, f"#{second}"), 9 + second
            yield Page(
                asked, [record], [record[::-1]], after_cursor="#", end_time=second, newest=newest
            )

    paginator = ChatPaginator("chats", {"start_time": 0})
    for page in pages():
        paginator.advance(page)
        if paginator.finished:
            break
    assert paginator.bookmark == {"start_time": 10, "cursor": "#"}


def test_new_end_ids_for_the_same_records_are_an_error() -> None:
    ids = count()

    def serve(asked: Params) -> Page[Place]:
        held: list[Place] = [(5, "#")] if int(asked["start_time"]) <= 5 else [(9, "#")]
        marks: list[RecordKey] = [(id_, second) for second, id_ in held]
        return Page(asked, held, marks, after_cursor=f"{next(ids)}", end_time=5, newest=NEWEST)

    problem = follow(serve, 1000).problem
    assert problem.startswith("chats: Zendesk repeats the page before start_time 6")
