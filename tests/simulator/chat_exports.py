"""Cuts pages of the exports of Chat, which have their own paging, units and login."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .declarations import Cut, Form
from .errors import ApiError
from .exports import FUTURE

if TYPE_CHECKING:
    from .exports import Key
    from .query import Query

MICROSECONDS = 1_000_000
MOST_PER_PAGE = 1000
NEWEST_SECONDS = 300


def second_of(key: Key) -> tuple[int, str]:
    """Return the place of a record in an export that is ordered by seconds."""
    return key[0], str(key[1])


def microsecond_of(key: Key) -> tuple[int, str]:
    """Return the place of a record whose id is its time, to the microsecond."""
    moment = datetime.fromisoformat(str(key[1]).replace("Z", "+00:00"))
    return key[0] * MICROSECONDS + moment.microsecond, str(key[1])


@dataclass(frozen=True)
class ChatExport(Form):
    """Pages of the records after a time and a record's id.

    Attributes:
        name: the name of the records in the parameter `fields`.
        ticks_per_second: the unit of times, as a number per second.
    """

    name: str
    ticks_per_second: int = 1

    def cut(self, query: Query) -> Cut:
        """Cut the page after `start_time` and `start_id`.

        Raises:
            ApiError: 400, a parameter is wrong.
        """
        ticks, settings = self.ticks_per_second, query.settings
        start_time = query.integer("start_time", 0, range(1 << 60))
        if start_time >= (query.now - NEWEST_SECONDS) * ticks:
            message = "start_time must be more than 5 minutes in the past"
            raise ApiError(400, "description", "InvalidValue", message)
        start_id = query.params.get("start_id", "") if settings.chat_start_id else ""
        size = query.size("limit", MOST_PER_PAGE, MOST_PER_PAGE)
        place_of = second_of if ticks == 1 else microsecond_of
        index = query.servable()
        first = bisect_right(index, (start_time, start_id), key=place_of)
        keys = index[first : first + size]
        end_time: int | None = start_time
        end_id = query.params.get("start_id", "")
        if keys:
            end_time, end_id = place_of(keys[-1])
        if first + len(keys) == len(index):
            hostile = {"null": None, "future": FUTURE * ticks}
            end_time = hostile.get(settings.last_end_time, end_time)
        paging = {
            "count": len(keys),
            "end_time": end_time,
            "end_id": end_id,
            "next_page": query.address(start_time=end_time, start_id=end_id),
        }
        if query.params.get("fields") == f"{self.name}(*)":
            return Cut(keys, paging)
        records = [{"id": record_id} for _, record_id in keys]
        return Cut(keys, paging, records)
