"""Where Zendesk serves a list of records, and what is peculiar about asking there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zendesk_incremental.http.rate_limit import Pace

NEWEST_SERVED_SECONDS = 60
"""Zendesk never exports the newest minute, and refuses a start_time inside it."""

MAX_PAGE_SIZE = 1000
"""Records that an export may be asked for at most."""

MAX_LIST_SIZE = 100
"""Records that another list may be asked for at most; more is an error there."""

LIST_TRAIL_SECONDS = 300
"""How long after its time a record may appear in a list; other connectors saw minutes."""

Paging = Literal[
    "cursor", "time", "events", "changes", "filtered", "newest_first", "chat", "offset", "single"
]
"""How the pages of a list lead on: the names of the paginators."""


@dataclass(frozen=True)
class Endpoint:
    """A list of records: where it is, and what is peculiar about asking there.

    Paginators have names of their own for what a request says: `start_time` and `end_time` (epoch
    seconds), `cursor`, `page` and `per_page`. An endpoint knows what Zendesk calls them there.

    Attributes:
        path: Where it is served.
        paging: How its pages lead on.
        limit: What shares a rate limit, as the header `zendesk-ratelimit-…` names it. Headers
            with other names count for it as well, once an answer has brought them.
        start_parameter: The query parameter that says where to start, None if there is none.
        end_parameter: The one that says where to end, likewise.
        cursor_parameter: The one that takes a cursor.
        size_parameter: The one that takes the number of records, None if there is none.
        time_format: Makes what those of time take of epoch seconds.
        ticks_per_second: What its times count, if not seconds; its cursors hold them exactly then.
        token_setting: The setting that holds its token, where the account's login is not taken.
        fixed: Query parameters of every request.
        max_size: The most records that may be asked for.
        newest_seconds: How old a `start_time` has to be at least.
        pace: What is known of the limit and no header mentions.
        trail_seconds: How long after its time a record can appear at most: so far behind the
            newest second the bookmark stays.
        replication_key: What the list is ordered by, where that is not the stream's own.
        is_incremental_export: Whether it is one of those that Zendesk closes to third parties.
    """

    path: str
    paging: Paging
    limit: str = "incremental-exports"
    start_parameter: str | None = "start_time"
    end_parameter: str | None = None
    cursor_parameter: str = "cursor"
    size_parameter: str | None = "per_page"
    time_format: Callable[[int], int | str] = int
    ticks_per_second: int = 1
    token_setting: str | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    max_size: int = MAX_PAGE_SIZE
    newest_seconds: int = NEWEST_SERVED_SECONDS
    pace: Pace | None = None
    trail_seconds: int = 0
    replication_key: str | None = None
    is_incremental_export: bool = False

    @property
    def has_own_limit(self) -> bool:
        """Whether it counts against more than the account's limit, as far as is known."""
        return self.limit != self.path

    def query(self, params: Mapping[str, int | str]) -> list[tuple[str, int | str]]:
        """Give the query of a request.

        Args:
            params: What the request says, by the paginators' names; others are left as they are.
        """
        if self.ticks_per_second > 1:
            params = self._in_ticks(params)
        names = {
            "start_time": self.start_parameter,
            "end_time": self.end_parameter,
            "cursor": self.cursor_parameter,
            "per_page": self.size_parameter,
        }
        query: list[tuple[str, int | str]] = [*self.fixed.items()]
        for name, value in params.items():
            if parameter := names.get(name, name):
                is_time = name.endswith("_time")
                query.append((parameter, self.time_format(int(value)) if is_time else value))
        return query

    def place(self, end_time: int, cursor: str | None) -> tuple[int, str | None]:
        """Give the second of an `end_time`, and a cursor that leads to that very time.

        Args:
            end_time: What an answer says.
            cursor: What it says to ask with for the next page.
        """
        if self.ticks_per_second == 1:
            return end_time, cursor
        return end_time // self.ticks_per_second, f"{end_time}/{cursor or ''}"

    def _in_ticks(self, params: Mapping[str, int | str]) -> dict[str, int | str]:
        exact, _, cursor = str(params.get("cursor", "")).partition("/")
        start = exact or int(params["start_time"]) * self.ticks_per_second
        return {**params, "start_time": start, **({"cursor": cursor} if cursor else {})}


cursor_export = partial(Endpoint, paging="cursor", is_incremental_export=True)
"""An incremental export by cursor."""

time_export = partial(Endpoint, paging="time", is_incremental_export=True)
"""An incremental export by time."""

sample = partial(time_export, limit="incremental-exports-sample", max_size=50)
"""The sample of an export: at most 50 records, with a limit of its own."""


def milliseconds(second: int) -> int:
    """Give epoch milliseconds."""
    return second * 1000


def cursor_list(path: str, paging: Paging = "cursor", **fixed: str) -> Endpoint:
    """Give a list that is paged by cursor, 100 records a page, with no limit but the account's."""
    return Endpoint(
        path,
        paging,
        fixed=fixed,
        limit=path,
        start_parameter=None,
        cursor_parameter="page[after]",
        size_parameter="page[size]",
        max_size=MAX_LIST_SIZE,
    )


def changes_list(path: str, replication_key: str = "updated_at") -> Endpoint:
    """Give a list in the order of changes, whose cursors last."""
    return replace(
        cursor_list(path, "changes", sort=replication_key), replication_key=replication_key
    )


def filtered_list(  # noqa: PLR0913 (all named, and few set)
    path: str,
    *,
    start_parameter: str = "start_time",
    end_parameter: str | None = None,
    time_format: Callable[[int], int | str] = int,
    fixed: Mapping[str, str] | None = None,
    max_size: int = MAX_LIST_SIZE,
    trail_seconds: int = LIST_TRAIL_SECONDS,
) -> Endpoint:
    """Give a list in any order that can be cut to what changed since a time."""
    return replace(
        cursor_list(path, "filtered"),
        start_parameter=start_parameter,
        end_parameter=end_parameter,
        time_format=time_format,
        fixed=fixed or {},
        max_size=max_size,
        trail_seconds=trail_seconds,
    )


def offset_list(path: str) -> Endpoint:
    """Give a list that is paged by number, with no limit but the account's."""
    return Endpoint(path, "offset", limit=path, start_parameter=None, max_size=MAX_LIST_SIZE)


def single_page(path: str) -> Endpoint:
    """Give a list that comes whole."""
    return Endpoint(path, "single", limit=path, start_parameter=None, size_parameter=None)
