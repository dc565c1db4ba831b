"""Endpoints: where Zendesk serves each list of records, and how to request it there."""

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
"""The largest page of an export, in records."""

MAX_LIST_SIZE = 100
"""The largest page of other lists, in records; Zendesk answers larger sizes with an error."""

LIST_TRAIL_SECONDS = 300
"""How long after its timestamp a record may appear in a list; other connectors saw minutes."""

Paging = Literal[
    "cursor", "time", "events", "changes", "filtered", "newest_first", "chat", "offset", "single"
]
"""How to get from one page of a list to the next: the names of the paginators."""


@dataclass(frozen=True)
class Endpoint:
    """A list of records: where Zendesk serves it, and how to request it there.

    Paginators use the same parameter names for all lists: `start_time` and `end_time` (epoch
    seconds), `cursor`, `page` and `per_page`. An endpoint translates them into Zendesk's names.

    Attributes:
        path: The path below the API's base address.
        paging: The name of its paginator.
        limit: Its rate limit, as the header `zendesk-ratelimit-…` names it. Endpoints with the
            same limit share it. Headers of other names apply, too, once a response has had them.
        start_parameter: The query parameter for the start time, None if there is none.
        end_parameter: The query parameter for the end time, None if there is none.
        cursor_parameter: The query parameter for a cursor.
        size_parameter: The query parameter for the page size, None if there is none.
        time_format: Converts epoch seconds into the format of the start and end parameters.
        ticks_per_second: The unit of its times, if that is not seconds. Cursors then also hold the
            exact time; see `from_ticks`.
        token_setting: The setting that holds its token, where Zendesk refuses the account's login.
        fixed: Query parameters of every request.
        max_size: The largest page, in records.
        newest_seconds: The minimum age of a `start_time`.
        pace: A limit that no header mentions.
        trail_seconds: How long after its timestamp a record may still appear. The bookmark stays
            this far behind the newest second.
        replication_key: The property that the list is ordered by, if not the stream's own key.
        is_incremental_export: Whether it is an export that Zendesk closes to third parties.
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
        """Whether it is known to have a limit besides the account's."""
        return self.limit != self.path

    def query(self, params: Mapping[str, int | str]) -> list[tuple[str, int | str]]:
        """Return the query of a request.

        Args:
            params: The parameters under the paginators' names. Other names are kept as they are.
        """
        if self.ticks_per_second > 1:
            params = self._to_ticks(params)
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

    def from_ticks(self, end_time: int, cursor: str | None) -> tuple[int, str | None]:
        """Convert an `end_time` into seconds, and keep its exact value in the cursor.

        Args:
            end_time: The `end_time` of a response, in ticks.
            cursor: The cursor for the next page, if the response has one.

        Returns:
            The second, and the cursor for the paginator: `{end_time}/{cursor}`.
        """
        if self.ticks_per_second == 1:
            return end_time, cursor
        return end_time // self.ticks_per_second, f"{end_time}/{cursor or ''}"

    def _to_ticks(self, params: Mapping[str, int | str]) -> dict[str, int | str]:
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
    """Convert epoch seconds into epoch milliseconds."""
    return second * 1000


def cursor_list(path: str, paging: Paging = "cursor", **fixed: str) -> Endpoint:
    """Return a list with cursor paging, 100 records a page, and only the account's limit."""
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
    """Return a list in order of change, whose cursors stay valid between runs."""
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
    """Return a list in any order, with a filter for what changed since a time."""
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
    """Return a list with numbered pages, and only the account's limit."""
    return Endpoint(path, "offset", limit=path, start_parameter=None, max_size=MAX_LIST_SIZE)


def single_page(path: str) -> Endpoint:
    """Return a list that Zendesk serves in one page."""
    return Endpoint(path, "single", limit=path, start_parameter=None, size_parameter=None)
