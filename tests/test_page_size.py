"""The page size: halved after a time-out, down to 50, and doubled again after good pages."""

from __future__ import annotations

from tap_zendesk_incremental.http.retry import PageSize


def test_the_page_size_shrinks_to_fifty_and_grows_back() -> None:
    size = PageSize(1000)
    asked = []
    for _ in range(6):
        asked.append(size.next())
        size.shrink(asked[-1])
    assert asked == [1000, 500, 250, 125, 62, 50]
    assert size.next() == 50
    grown = []
    for _ in range(18):
        size.count_good_page()
        grown.append(size.next())
    assert (
        grown == [50, 50, 100, 100, 100, 200, 200, 200, 400, 400, 400, 800, 800, 800] + [1000] * 4
    )


def test_a_small_page_size_is_never_exceeded() -> None:
    size = PageSize(20)
    size.shrink(size.next())
    assert size.next() == 20
    for _ in range(30):
        size.count_good_page()
    assert size.next() == 20


def test_a_time_out_between_good_pages_starts_the_count_again() -> None:
    size = PageSize(1000)
    size.shrink(1000)
    size.count_good_page()
    size.count_good_page()
    size.shrink(500)
    size.count_good_page()
    assert size.next() == 250


def test_a_page_size_of_the_paginator_is_used_unless_it_times_out() -> None:
    size = PageSize(100)
    assert size.next(1000) == 1000
    size.shrink(1000)
    assert size.next(1000) == 500
    assert size.next() == 100
