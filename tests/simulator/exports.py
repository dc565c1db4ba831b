"""Cuts export pages out of a sorted index: pure functions, no clock, no data.

An index is a list of (epoch second, id), in that order, of what may be served.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .settings import Settings

RecordId = int | str
Key = tuple[int, RecordId]
_second = itemgetter(0)
_CURSOR = re.compile(r"(\d+)\.0\|\|([^|]*)\|(\d*)")


@dataclass(frozen=True)
class Page:
    """Which records a page holds, and where the next one starts.

    Attributes:
        keys: what is on the page, in the order it is written.
        end: whether the page reaches the newest record.
        end_time: epoch second, of time pages.
        cursor: `after_cursor`, of cursor pages.
    """

    keys: Sequence[Key]
    end: bool
    end_time: int = 0
    cursor: str = ""


def encode_cursor(second: int, record_id: RecordId = "", empties: int | str = "") -> str:
    """Makes a cursor in the form observed: base64 of `1695062724.0||1571|`."""
    return base64.b64encode(f"{second}.0||{record_id}|{empties}".encode()).decode()


def _decode_cursor(cursor: str) -> tuple[int, RecordId, int]:
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    parts = _CURSOR.fullmatch(text)
    if not parts:
        raise ApiError(400, "errors", "InvalidCursor", f"The cursor '{cursor}' is not valid.")
    second, record_id, empties = parts.groups()
    return int(second), int(record_id) if record_id.isdigit() else record_id, int(empties or 0)


def cursor_page(index: Sequence[Key], cursor: str, size: int, empty_pages: int = 0) -> Page:
    """Cuts the page after a cursor: sorted by (second, id), nothing twice, nothing left out.

    Args:
        index: what may be served.
        cursor: where to go on, from `encode_cursor`; without an id it means before that second.
        size: the most records on a page.
        empty_pages: how many empty pages come before the last one.

    Returns:
        The page; its cursor is the one asked for when there is nothing new.

    Raises:
        ApiError: the cursor is not one of ours.
    """
    second, record_id, empties = _decode_cursor(cursor)
    if record_id == "":
        first = bisect_left(index, second, key=_second)
    else:
        first = bisect_right(index, (second, record_id))
    keys = index[first : first + size]
    end = first + len(keys) == len(index)
    if not keys:
        return Page(keys, end, cursor=encode_cursor(second, record_id))
    if end and empties < empty_pages:
        return Page([], end=False, cursor=encode_cursor(second, record_id, empties + 1))
    return Page(keys, end, cursor=encode_cursor(*keys[-1]))


def _scattered(key: Key) -> tuple[int, int]:
    # Zendesk keeps no order within a second; one that is not the ids' shows who relies on it.
    return key[0], hash((key[1], key[0])) if isinstance(key[1], int) else len(key[1])


def time_page(index: Sequence[Key], start_time: int, size: int, settings: Settings) -> Page:
    """Cuts the page from a second on, which is included.

    A page can end inside a second: `end_time` is then that second, and its records come again on
    the next page. A full page of a single second is treated as the settings say.

    Args:
        index: what may be served.
        start_time: epoch second.
        size: the most records on a page, but for one of a single second.
        settings: `extend_pages`, `stuck_pages` and `empty_pages`.

    Returns:
        The page.
    """
    first = bisect_left(index, start_time, key=_second)
    if first == len(index):
        return Page([], end=True, end_time=start_time)
    if settings.empty_pages and index[first][0] > start_time:
        return Page([], end=False, end_time=index[first][0])
    stop = min(first + size, len(index))
    last = index[stop - 1][0]
    whole = bisect_right(index, last, key=_second)
    keys = sorted(index[first:whole], key=_scattered)
    end_time = last
    if stop - first == size and index[first][0] == last:
        if settings.extend_pages:
            end_time = last + 1
        elif settings.stuck_pages == "cut":
            keys = keys[:size]
    else:
        keys = keys[:size]
    end = first + len(keys) == len(index)
    if settings.empty_pages and not end and first + len(keys) == whole:
        end_time = last + 1
    return Page(keys, end, end_time=end_time)
