"""Puts an account together: how many records of what, and when each changed last."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from . import data, events, extras
from .definitions import CUSTOM_OBJECTS
from .store import Resource, Store, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .exports import RecordId

YEARS = 3 * 365 * 86_400
_TICKET_ID: Callable[[int], int] = lambda n: events.TICKET_BASE + events.TICKET_STEP * n  # noqa: E731
RESOURCES: dict[Resource, Callable[[int], RecordId]] = {
    Resource("tickets", "tickets", "generated_timestamp", data.ticket, time_is_epoch=True): (
        _TICKET_ID
    ),
    Resource(
        "ticket_events", "ticket_events", "timestamp", events.ticket_event, time_is_epoch=True
    ): lambda n: 12_000_000_000_000 + 16 * n,
    Resource("users", "users", "updated_at", data.user): data.user_id,
    Resource("organizations", "organizations", "updated_at", data.organization): (
        data.organization_id
    ),
    Resource(
        "ticket_metric_events", "ticket_metric_events", "time", events.ticket_metric_event
    ): lambda n: 9_000_000_000_000 + n,
    Resource("articles", "articles", "updated_at", extras.article): lambda n: 4_400_000_000 + n,
    Resource("routing_attributes", "attributes", "time", extras.attribute): (
        lambda n: f"15821cba-7326-11e8-b07e-{n:012x}"
    ),
    Resource("routing_attribute_values", "attribute_values", "time", extras.attribute_value): (
        lambda n: f"19ed17fb-7326-11e8-b07e-{n:012x}"
    ),
    Resource("routing_instance_values", "instance_values", "time", extras.instance_value): (
        lambda n: f"62055cad-7326-11e8-b07e-{n:012x}"
    ),
    **{
        Resource(
            f"custom_object_{key}",
            "custom_object_records",
            "updated_at",
            extras.custom_object_record(key),
        ): lambda n: f"01GCSJW391QVSC80GYDH{n:06X}"
        for key in CUSTOM_OBJECTS
    },
}


def _seconds(count: int, newest: int, chance: random.Random) -> list[int]:
    """Spreads changes over three years, many of them in the same second as others."""
    gap = max(2, YEARS * 9 // max(count, 1))
    offsets: list[int] = []
    offset = 0
    while len(offsets) < count:
        offsets += [offset] * chance.choice((1, 1, 1, 2, 3, 7, 40))
        offset += chance.randint(1, 2 * gap)
    del offsets[count:]
    return [newest - offsets[-1] + offset for offset in offsets] if offsets else []


def open_account(counts: Mapping[str, int], extras_count: int, seed: int) -> Store:
    """Makes the account's data.

    Args:
        counts: resource name to its number of records.
        extras_count: the number of records of every other resource.
        seed: the same seed gives the same data, relative to six hours before now.

    Returns:
        The data.
    """
    newest = int(time.time()) // 3600 * 3600 - 6 * 3600
    tables = []
    for resource, make_id in RESOURCES.items():
        chance = random.Random(f"{seed} {resource.name}")
        seconds = _seconds(counts.get(resource.name, extras_count), newest, chance)
        # Old records change too, so the order of changes is not the order of ids.
        for n in range(0, len(seconds), 5):
            other = chance.randrange(len(seconds))
            seconds[n], seconds[other] = seconds[other], seconds[n]
        tables.append(Table(resource, [(s, make_id(n)) for n, s in enumerate(seconds)]))
    return Store(tables)
