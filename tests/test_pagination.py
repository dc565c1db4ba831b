"""The paginators against a model of an export: all of it arrives, whatever its timestamps."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from singer_sdk.exceptions import FatalSyncError

from tap_zendesk_incremental.pagination import (
    CursorPaginator,
    ExportPaginator,
    Mark,
    Page,
    Params,
    TimePaginator,
)

from .simulator.exports import Key, cursor_page, encode_cursor, time_page
from .simulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Serve = Callable[[Params], Page[Key]]

LOOP = 500


@dataclass
class Export:
    """What a traversal brought.

    Attributes:
        pages: the new records of each page.
        tokens: for each page the token it was asked with, and at last where the next run starts.
    """

    pages: list[list[Key]] = field(default_factory=list)
    tokens: list[Params] = field(default_factory=list)

    @property
    def records(self) -> list[Key]:
        """All records, in the order they came."""
        return [key for page in self.pages for key in page]


def traverse(paginator: ExportPaginator, serve: Serve, per_page: int) -> Export:
    """Follows an export to its end, as the client does."""
    export = Export()
    while not paginator.finished:
        token = paginator.current_value
        page = serve({**token, "per_page": token.get("per_page", per_page)})
        export.tokens.append(token)
        export.pages.append(list(paginator.unseen(page)))
        paginator.advance(page)
        assert len(export.pages) < LOOP
    export.tokens.append(paginator.current_value)
    return export


def time_server(index: Sequence[Key], settings: Settings) -> Serve:
    """Serves a time export."""

    def serve(asked: Params) -> Page[Key]:
        page = time_page(index, int(asked["start_time"]), int(asked["per_page"]), settings)
        end = page.end if settings.end_of_stream else None
        marks: list[Mark] = [(record_id, second) for second, record_id in page.keys]
        return Page(asked, list(page.keys), marks, end, end_time=page.end_time)

    return serve


def cursor_server(index: Sequence[Key], settings: Settings) -> Serve:
    """Serves a cursor export."""

    def serve(asked: Params) -> Page[Key]:
        assert ("cursor" in asked) != ("start_time" in asked)
        cursor = str(asked.get("cursor") or encode_cursor(int(asked["start_time"])))
        page = cursor_page(index, cursor, int(asked["per_page"]), settings.empty_pages)
        end = page.end if settings.end_of_stream else None
        marks: list[Mark] = [(record_id, second) for second, record_id in page.keys]
        return Page(asked, list(page.keys), marks, end, after_cursor=page.cursor)

    return serve


def fewest_time_pages(index: Sequence[Key], size: int) -> int:
    """Counts the pages there are, one `end_time` after the other."""
    count, start = 0, 0
    while True:
        page = time_page(index, start, size, Settings())
        count, start = count + 1, page.end_time
        if page.end:
            return count


# Few seconds for many records, so that pages end inside seconds and seconds fill pages.
indexes = st.lists(st.integers(1, 12), max_size=60).map(
    lambda seconds: sorted((second, number * 7 % 61) for number, second in enumerate(seconds))
)
sizes = st.integers(1, 20)
one_full_second: list[Key] = [(5, number) for number in range(20)]


@given(index=indexes, size=sizes, end_of_stream=st.booleans(), empty_pages=st.integers(0, 2))
def test_cursor_export_is_complete(
    *, index: list[Key], size: int, end_of_stream: bool, empty_pages: int
) -> None:
    settings = Settings(end_of_stream=end_of_stream, empty_pages=empty_pages)
    if not end_of_stream:
        settings.empty_pages = 0  # without the field nothing tells an empty page from the end
    serve = cursor_server(index, settings)
    export = traverse(CursorPaginator("tickets", {"start_time": 0}), serve, size)
    assert export.records == index
    if end_of_stream:
        fewest = max(1, -(-len(index) // size))
        assert len(export.pages) == fewest + (settings.empty_pages if index else 0)
    for number, token in enumerate(export.tokens):
        rest = traverse(CursorPaginator("tickets", token), serve, size).records
        before = [key for page in export.pages[:number] for key in page]
        assert before + rest == index


@given(index=indexes, size=sizes, end_of_stream=st.booleans(), empty_pages=st.booleans())
@example(index=one_full_second, size=20, end_of_stream=True, empty_pages=False)
@example(index=[*one_full_second, (6, 99)], size=20, end_of_stream=False, empty_pages=True)
def test_time_export_is_complete(
    *, index: list[Key], size: int, end_of_stream: bool, empty_pages: bool
) -> None:
    settings = Settings(end_of_stream=end_of_stream, empty_pages=int(empty_pages))
    serve = time_server(index, settings)
    export = traverse(TimePaginator("users", {"start_time": 0}), serve, size)
    assert sorted(export.records) == index
    assert [second for second, _ in export.records] == [second for second, _ in index]
    if end_of_stream and not empty_pages:
        assert len(export.pages) == fewest_time_pages(index, size)
    resumed_anywhere(index, export, serve, size)


@given(
    index=indexes,
    size=sizes,
    stuck_pages=st.sampled_from(["whole", "cut"]),
    end_of_stream=st.booleans(),
)
@example(index=one_full_second, size=20, stuck_pages="whole", end_of_stream=True)
@example(index=[*one_full_second, (6, 99)], size=20, stuck_pages="cut", end_of_stream=True)
def test_time_export_gets_past_pages_that_repeat(
    *, index: list[Key], size: int, stuck_pages: Literal["whole", "cut"], end_of_stream: bool
) -> None:
    settings = Settings(extend_pages=False, stuck_pages=stuck_pages, end_of_stream=end_of_stream)
    serve = time_server(index, settings)
    export = traverse(TimePaginator("users", {"start_time": 0}), serve, size)
    assert sorted(export.records) == index
    resumed_anywhere(index, export, serve, size)


def resumed_anywhere(index: list[Key], export: Export, serve: Serve, size: int) -> None:
    """Holds every run that starts with one of the tokens: only the shared second comes again."""
    for number, token in enumerate(export.tokens):
        start = int(token["start_time"])
        rest = traverse(TimePaginator("users", {"start_time": start}), serve, size).records
        before = [key for page in export.pages[:number] for key in page]
        assert sorted({*before, *rest}) == index
        assert len(rest) == len(set(rest))
        assert {second for second, _ in set(before) & set(rest)} <= {start}
    starts = [int(token["start_time"]) for token in export.tokens]
    assert starts == sorted(starts)


def test_a_second_that_repeats_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    index: list[Key] = [*((5, number) for number in range(12)), (9, 99)]
    settings = Settings(extend_pages=False, stuck_pages="whole")
    with caplog.at_level(logging.WARNING):
        export = traverse(
            TimePaginator("users", {"start_time": 0}), time_server(index, settings), 5
        )
    assert sorted(export.records) == index
    (message,) = caplog.messages
    assert message.startswith("users: 12 records share the second 5")


def test_a_second_larger_than_any_page_is_an_error() -> None:
    index: list[Key] = [*((5, number) for number in range(1500)), (6, 1500)]
    settings = Settings(extend_pages=False, stuck_pages="cut")
    with pytest.raises(FatalSyncError, match=r"^users: Zendesk cuts off the second 5"):
        traverse(TimePaginator("users", {"start_time": 0}), time_server(index, settings), 1000)


def test_empty_pages_that_stay_are_an_error() -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [], [], end_of_stream=False, end_time=5)

    with pytest.raises(FatalSyncError, match=r"^users: Zendesk sends empty pages at start_time 5"):
        traverse(TimePaginator("users", {"start_time": 0}), serve, 10)


@pytest.mark.parametrize("cursor", ["here", None])
def test_a_cursor_that_stays_is_an_error(cursor: str | None) -> None:
    def serve(asked: Params) -> Page[Key]:
        return Page(asked, [(1, 1)], [(1, 1)], end_of_stream=False, after_cursor=cursor)

    with pytest.raises(FatalSyncError, match=r"^tickets: Zendesk's cursor does not advance"):
        traverse(CursorPaginator("tickets", {"cursor": "here"}), serve, 10)


def test_an_end_time_that_goes_back_does_not_lead_back() -> None:
    page: Page[Key] = Page({"start_time": 9, "per_page": 5}, [], [], end_of_stream=True, end_time=3)
    paginator = TimePaginator("users", {"start_time": 9})
    paginator.advance(page)
    assert paginator.finished
    assert paginator.current_value == {"start_time": 9}


def test_a_record_that_changed_within_the_shared_second_is_new() -> None:
    paginator = TimePaginator("users", {"start_time": 0})
    asked: Params = {"start_time": 0, "per_page": 3}
    paginator.advance(Page(asked, ["a", "b"], [(1, 4), (2, 5)], end_of_stream=False, end_time=5))
    asked = {"start_time": 5, "per_page": 3}
    again = Page(asked, ["b", "a"], [(2, 5), (1, 7)], end_of_stream=True, end_time=7)
    assert paginator.unseen(again) == ["a"]
