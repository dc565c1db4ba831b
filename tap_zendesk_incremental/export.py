"""An export: from a bookmark on, page by page, with the bookmark after each page."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tap_zendesk_incremental import state
from tap_zendesk_incremental.errors import CursorRefusedError
from tap_zendesk_incremental.list_pagination import OWN_FILTER, PAGINATORS, WALKS
from tap_zendesk_incremental.pagination import Step, traverse

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping

    from tap_zendesk_incremental.http.endpoint import Endpoint
    from tap_zendesk_incremental.pagination import Page, Paginator, Params

R = TypeVar("R")


@dataclass(frozen=True)
class Export:
    """What a run exports of one stream.

    Attributes:
        name: The stream's name.
        endpoint: Where the pages are.
        replication_key: The property that the bookmark is named after, if there is one.
        start_date: The setting: the earliest time to export, in ISO 8601.
        end: The first second (epoch) that is not exported, None to export all.
        is_sampled: Whether the first page is enough.
        logger: The stream's logger.
    """

    name: str
    endpoint: Endpoint
    replication_key: str | None
    start_date: str | None
    end: int | None
    is_sampled: bool
    logger: logging.Logger

    @property
    def is_timed(self) -> bool:
        """Whether the export can start at a time, which Zendesk or the tap filters by."""
        return self.endpoint.start_parameter is not None or self.endpoint.paging in OWN_FILTER

    @property
    def _is_walk(self) -> bool:
        return self.endpoint.paging in WALKS

    def steps(
        self, bookmark: Mapping[str, Any], fetch: Callable[[Params], Page[Any]]
    ) -> Iterator[Step[Any]]:
        """Yield the pages from the bookmark to the end.

        Args:
            bookmark: The stream's bookmark, empty for a new export.
            fetch: Fetches the page that some parameters ask for.

        Raises:
            CursorRefusedError: If Zendesk refuses the cursors of two exports from the same start.
        """
        if self.is_sampled:
            return self._first_step(bookmark, fetch)
        steps = self._all_steps(bookmark, fetch)
        if self.end is None:
            return steps
        if not self._is_walk:
            return until(self.end, steps)
        return steps if self.endpoint.end_parameter else before(self.end, steps)

    def reached(self, step: Step[Any]) -> int | None:
        """Return the second (epoch) up to which all is exported after a page, if that is known.

        Args:
            step: The page. A walk is in no order of time, so it has reached nothing before its end.
        """
        if "end_time" in step.bookmark:
            return None
        if "end_time" in step.start and "start_time" in step.bookmark:  # the end of a walk
            return int(step.bookmark["start_time"])
        return self._surely_reached(step.page)

    def _surely_reached(self, page: Page[Any]) -> int | None:
        """Return the second (epoch) up to which everything is exported after a page, if known.

        After the last page, that is the time of its latest record. On any other page, a record at a
        position of years ago may have changed a moment ago, so only the earliest record counts.
        """
        reached = page.latest if page.end_of_stream else page.earliest
        if reached is None:
            return None
        if self.start_date:  # nothing before it is to be exported
            reached = max(reached, state.epoch(self.start_date))
        limits = (reached, page.newest, self.end)
        return min(limit for limit in limits if limit is not None)

    def _first_step(
        self, bookmark: Mapping[str, Any], fetch: Callable[[Params], Page[Any]]
    ) -> Iterator[Step[Any]]:
        """Yield the first page. It need not say where the next one is."""
        params = self._paginator(bookmark).params
        page = fetch(params)
        yield Step(page, page.records, params, params)

    def _all_steps(
        self, bookmark: Mapping[str, Any], fetch: Callable[[Params], Page[Any]]
    ) -> Iterator[Step[Any]]:
        """Yield the pages. Where Zendesk refuses a cursor, start again at a time."""
        paginator, value = self._paginator(bookmark), state.value_of(bookmark)
        restarts: set[int | str | None] = set()
        while True:
            try:
                for step in traverse(paginator, fetch):
                    value = max(value or 0, self._surely_reached(step.page) or 0) or None
                    yield self._trailing(step)
            except CursorRefusedError as error:  # noqa: PERF203 (pages take seconds)
                known = {state.KEY: self.replication_key, state.VALUE: value}
                place = "a day before the last page"
                if self._is_walk:
                    known = {state.END_TIME: int(paginator.params.get("start_time", 0))}
                    place = "the beginning of its walk"
                paginator = self._paginator(known)
                start = paginator.params.get("start_time")
                if start in restarts:
                    raise
                restarts.add(start)
                self.logger.warning(
                    "%s; the export goes on from %s, at %s",
                    error,
                    place,
                    paginator.params or "the start",
                )
            else:
                return

    def _trailing(self, step: Step[Any]) -> Step[Any]:
        """Keep both bookmarks as far behind the newest second as records may be late."""
        trail = self.endpoint.trail_seconds
        if not trail:
            return step
        latest = int(step.start.get("end_time", step.page.newest or 0)) - trail

        def trailing(token: Params) -> Params:
            if "start_time" not in token or "end_time" in token:
                return token
            return {"start_time": max(0, min(int(token["start_time"]), latest))}

        return replace(step, start=trailing(step.start), bookmark=trailing(step.bookmark))

    def _paginator(self, bookmark: Mapping[str, Any]) -> Paginator:
        """Return the traversal that starts at a bookmark, or at the start date."""
        endpoint = self.endpoint
        params: Params = {}
        if endpoint.paging == "cursor" or self.is_timed:
            params, is_exact = state.start(bookmark, endpoint, self.start_date)
            self._log_start(params, bookmark, is_exact=is_exact)
        # This machine's clock counts only here: later, the clock of Zendesk does.
        newest = int(time.time()) - endpoint.newest_seconds
        if self._is_walk:
            # With a clock that is behind, the last walk may have ended after that.
            params["start_time"] = start = max(0, int(params.get("start_time", 0)))
            end_time = max(start, newest if self.end is None else min(newest, self.end - 1))
            if int(params.setdefault("end_time", end_time)) > end_time:
                # The run that began this walk had a later end_date, so this one needs another walk.
                params = {"start_time": start, "end_time": end_time}
        elif "start_time" in params and "cursor" not in params:
            params["start_time"] = max(0, min(int(params["start_time"]), newest))
        return PAGINATORS[endpoint.paging](self.name, params)

    def _log_start(self, params: Params, bookmark: Mapping[str, Any], *, is_exact: bool) -> None:
        start = int(params.get("start_time", 0))
        if start and not is_exact:
            self.logger.info(
                "%s goes on at %s, a day before the %s of its bookmark: a record's time is not "
                "a position in an export",
                self.name,
                state.iso(start),
                bookmark.get(state.KEY),
            )
        if start and self.endpoint.paging == "changes" and "cursor" not in params:
            self.logger.info(
                "%s: Zendesk's list has no filter by time; it is read from its beginning once, and "
                "what is older than %s is left out",
                self.name,
                state.iso(start),
            )


def until(end: int, steps: Iterator[Step[R]]) -> Iterator[Step[R]]:
    """Stop a traversal at an end date.

    It stops where Zendesk's own `end_time` reaches the end date, or at a page whose records are all
    past it. One record is never enough: Zendesk sends records as they are now, and a record on an
    early page may have changed since. If the end date falls inside a page, the records after it are
    left out, and the bookmark stays before that page, which is not fully written. The next slice
    repeats it.

    Args:
        end: The first second that is not exported (epoch seconds).
        steps: The traversal.

    Yields:
        The pages up to the end date.
    """
    last: Step[R] | None = None
    for step in steps:
        count = _count_before(end, step.page)
        if step.page.records and not count:
            break
        if last and not step.page.records:
            continue  # an empty page does not show whether the end is reached
        if last:
            yield last
            last = None
        reached = int(step.bookmark.get("start_time", 0)) >= end
        if count < len(step.page.records):
            last = step
        else:
            yield step
        if reached:
            break
    if last:
        late = last.page.records[_count_before(end, last.page) :]
        yield replace(_without(last, late), bookmark=last.start)


def before(end: int, steps: Iterator[Step[R]]) -> Iterator[Step[R]]:
    """Leave out the records past an end date, in a list that may be in any order.

    Args:
        end: The first second that is not exported (epoch seconds).
        steps: The traversal. Its bookmark must not pass the end.

    Yields:
        All pages, without the records past the end.
    """
    for step in steps:
        keyed = zip(step.page.records, step.page.keys, strict=True)
        late = [record for record, (_, second) in keyed if second is not None and second >= end]
        yield _without(step, late)


def _without(step: Step[R], left_out: list[R]) -> Step[R]:
    ids = {id(record) for record in left_out}
    return replace(step, records=[record for record in step.records if id(record) not in ids])


def _count_before(end: int, page: Page[Any]) -> int:
    """Count the records of a page up to the last one that is before the end."""
    inside = (n for n, (_, second) in enumerate(page.keys, 1) if second is None or second < end)
    return max(inside, default=0)
