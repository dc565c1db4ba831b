"""Creates an account: how many records each resource has, and when each record last changed."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from .records_products import EVENTS_EACH
from .resources import RESOURCES
from .store import Store, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

YEARS = 3 * 365 * 86_400


def _seconds(count: int, newest: int, chance: random.Random) -> list[int]:
    """Spread changes over three years. Many of them share a second."""
    gap = max(2, YEARS * 9 // max(count, 1))
    offsets: list[int] = []
    offset = 0
    while len(offsets) < count:
        offsets += [offset] * chance.choice((1, 1, 1, 2, 3, 7, 40))
        offset += chance.randint(1, 2 * gap)
    del offsets[count:]
    return [newest - offsets[-1] + offset for offset in offsets] if offsets else []


def open_account(counts: Mapping[str, int], extras_count: int, seed: int) -> Store:
    """Make the account's data.

    Args:
        counts: resource name to its number of records.
        extras_count: the number of records of every other resource.
        seed: the same seed gives the same data, relative to six hours before now.

    Returns:
        The data.
    """
    newest = int(time.time()) // 3600 * 3600 - 6 * 3600
    events_count = counts.get("side_conversation_events", extras_count)
    counts = {"side_conversations": -(-events_count // EVENTS_EACH), **counts}
    tables = []
    for resource in RESOURCES:
        if not resource.make:
            continue
        chance = random.Random(f"{seed} {resource.name}")
        seconds = _seconds(counts.get(resource.name, extras_count), newest, chance)
        # Old records change too, so the order of change is not the order of ids.
        for n in range(0, len(seconds), 5):
            other = chance.randrange(len(seconds))
            seconds[n], seconds[other] = seconds[other], seconds[n]
        keys = [(second, resource.id_of(n, second)) for n, second in enumerate(seconds)]
        tables.append(Table(resource, resource.make, keys))
    return Store(tables)
