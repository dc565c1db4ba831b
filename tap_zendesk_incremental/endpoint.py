"""Where Zendesk serves a list of records, and what is peculiar about asking there."""

from __future__ import annotations

from dataclasses import dataclass

NEWEST_SERVED_SECONDS = 60
"""Zendesk never exports the newest minute, and refuses a start_time inside it."""


@dataclass(frozen=True)
class Endpoint:
    """One form of an export, or another list.

    Attributes:
        path: Where it is served.
        limit: The rate limit it counts against, as the header `zendesk-ratelimit-…` names it.
        takes_start_time: Whether the first request says where to start.
        cursor_parameter: The query parameter that takes a cursor.
        size_parameter: The query parameter that takes the number of records.
        max_size: The most records that may be asked for.
        newest_seconds: How old a `start_time` has to be at least.
        interval_seconds: The time between two requests that Zendesk demands at least.
    """

    path: str
    limit: str = "incremental-exports"
    takes_start_time: bool = True
    cursor_parameter: str = "cursor"
    size_parameter: str = "per_page"
    max_size: int = 1000
    newest_seconds: int = NEWEST_SERVED_SECONDS
    interval_seconds: float = 0.0


def sample(path: str) -> Endpoint:
    """Give the sample of an export: at most 50 records, with a limit of its own."""
    return Endpoint(path, limit="incremental-exports-sample", max_size=50)


def listing(path: str) -> Endpoint:
    """Give a list that is no export: paged by cursor, counted against the account alone."""
    return Endpoint(
        path,
        limit="account",
        takes_start_time=False,
        cursor_parameter="page[after]",
        size_parameter="page[size]",
        max_size=100,
    )
