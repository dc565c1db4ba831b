"""The account's records: holds them in the order of their changes, and changes them."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .declarations import Resource
    from .exports import Key, RecordId

Record = dict[str, Any]
Make = Callable[[int, "RecordId", int], Record]


def iso(second: int) -> str:
    """Format an epoch second as Zendesk does, in UTC."""
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_milliseconds(second: int) -> str:
    """Format an epoch second with some milliseconds, in UTC."""
    return iso(second).replace("Z", f".{second % 1000:03d}Z")


def iso_microseconds(second: int) -> str:
    """Format an epoch second with some microseconds, in UTC."""
    return iso(second).replace("Z", f".{second * 7_919 % 1_000_000:06d}Z")


def epoch(value: int | str) -> int:
    """Parse a time of Zendesk: an epoch second or a date-time."""
    if isinstance(value, int):
        return value
    return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp())


class Table(Mapping[Any, Record]):
    """The records of a resource by id. Only changed records are stored; others are made on demand.

    So an account of any size starts at once and needs little memory. The table hands out copies;
    use the `Store` to change a record.
    """

    def __init__(self, resource: Resource, make: Make, keys: Sequence[Key]) -> None:
        """Start with unchanged records.

        Args:
            resource: the resource.
            make: makes a record.
            keys: the second and id of each record.
        """
        self.resource = resource
        self.make = make
        # These three take nearly all of the memory of a million records, so they share the keys.
        self.index = sorted(keys)
        self._keys = keys
        self._numbers = {record_id: n for n, (_, record_id) in enumerate(keys)}
        self._changed: dict[RecordId, Record] = {}
        self._moved: dict[RecordId, int] = {}
        self._orders: dict[str, list[tuple[Any, Any]]] = {}

    def __getitem__(self, record_id: RecordId) -> Record:
        """Return the record with this id."""
        changed = self._changed.get(record_id)
        if changed is not None:
            return dict(changed)
        n = self._numbers[record_id]
        return self.make(n, record_id, self._keys[n][0])

    def __iter__(self) -> Iterator[RecordId]:
        """Yield the ids."""
        yield from self._numbers
        yield from (record_id for record_id in self._changed if record_id not in self._numbers)

    def __len__(self) -> int:
        """Count the records."""
        return len(self.index)

    def __contains__(self, record_id: object) -> bool:
        """Return whether there is a record with this id, without making it."""
        return record_id in self._numbers or record_id in self._changed

    def put(self, record: Record, second: int) -> None:
        """Store a new or changed record, and move it to its place in exports.

        Args:
            record: the whole record.
            second: the second of its place.
        """
        record_id = record[self.resource.id_key]
        before = self.get(record_id)
        self.place(record_id, second)
        self._changed[record_id] = record
        for field, order in self._orders.items():
            if before is not None:
                del order[bisect_left(order, self._place_of(field, before))]
            insort(order, self._place_of(field, record))

    def place(self, record_id: RecordId, second: int) -> None:
        """Move a record to another place in exports, whatever its own time says."""
        if record_id in self:
            old = self._moved.get(record_id)
            old = self._keys[self._numbers[record_id]][0] if old is None else old
            del self.index[bisect_left(self.index, (old, record_id))]
        insort(self.index, (second, record_id))
        self._moved[record_id] = second

    def servable(self, newest: int, newest_late: int) -> list[Key]:
        """Return the second and id of each record that an export may serve, in order.

        Read the result under the store's lock, because it can be the index itself.

        Args:
            newest: epoch second of the newest records to serve.
            newest_late: the same for records that Zendesk writes late.
        """
        index = self.index
        if index and index[-1][0] > newest:
            index = index[: bisect_right(index, newest, key=itemgetter(0))]
        is_late = self.resource.is_late
        if is_late and newest_late < newest:
            settled = bisect_right(index, newest_late, key=itemgetter(0))
            recent = [key for key in index[settled:] if not is_late(self[key[1]])]
            index = index[:settled] + recent
        return index

    def order(self, field: str) -> Sequence[tuple[Any, Any]]:
        """Return a property's value and the id of each record, in the order of that property.

        Read the result under the store's lock.

        Args:
            field: "id", or a property that is a time, whose values are epoch seconds here. Any
                order but the export's takes memory from its first use on.
        """
        if field == self.resource.time_field:
            return self.index
        if field == "id" and field not in self._orders:
            self._orders[field] = sorted((record_id, record_id) for record_id in self)
        if field not in self._orders:
            self._orders[field] = sorted(self._place_of(field, record) for record in self.values())
        return self._orders[field]

    def _place_of(self, field: str, record: Record) -> tuple[Any, Any]:
        record_id = record[self.resource.id_key]
        return (record_id if field == "id" else epoch(record[field])), record_id


class Store:
    """All tables of an account, and changes to them.

    Attributes:
        records: the records of each resource by id, by the resource's name.
        version: a number that grows with every change.
        lock: hold it to read more than one thing, or to change one.
        sideloads: the account's own functions that make sideloads, by resource and sideload. They
            replace the simulator's.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        """Start with tables of unchanged records."""
        self.records: dict[str, Table] = {table.resource.name: table for table in tables}
        self.version = 0
        self.lock = threading.RLock()
        self.sideloads: dict[tuple[str, str], Callable[[Record], object]] = {}

    def now(self, resource: str) -> int:
        """Return the second of the next change: after all others, but old enough to be served."""
        index = self.records[resource].index
        served = int(time.time()) - 61
        return min(index[-1][0] + 1, served) if index else served - 3600

    def update(
        self, resource: str, record_id: RecordId, *, at: int | None = None, **changes: object
    ) -> Record:
        """Change a record as an agent would. Its times move, and so does its place in the export.

        Args:
            resource: the name of the resource.
            record_id: the id of the record.
            at: epoch second of the change; by default the newest that is served. A second that
                clients have already read past simulates a change that was committed late.
            changes: properties and their new values.

        Returns:
            The changed record.
        """
        with self.lock:
            return self._put(resource, self.records[resource][record_id], at, changes)

    def system_update(
        self, record_id: RecordId, *, at: int | None = None, **changes: object
    ) -> Record:
        """Change a ticket as the system does: `updated_at` stays, `generated_timestamp` moves."""
        with self.lock:
            ticket = self.records["tickets"][record_id]
            return self._put("tickets", ticket, at, {"updated_at": ticket["updated_at"], **changes})

    def create(self, resource: str, *, at: int | None = None, **fields: object) -> Record:
        """Add a record. Properties that are not given are generated.

        Args:
            resource: the name of the resource.
            at: epoch second of the creation; by default the newest that is served.
            fields: properties and their values, possibly the `id`.

        Returns:
            The new record.
        """
        with self.lock:
            table = self.records[resource]
            n = len(table) + self.version
            newest = max((key for key in table if isinstance(key, int)), default=1 << 42)
            text_ids = any(isinstance(key, str) for key in table)
            new_id = f"new-{n:08d}" if text_ids else newest + 3
            record_id: Any = fields.get(table.resource.id_key, new_id)
            second = self.now(resource) if at is None else at
            record = table.make(n, record_id, second)
            if "created_at" in record:
                record["created_at"] = iso(second)
            return self._put(resource, record, second, fields)

    def delete(self, resource: str, record_id: RecordId, *, at: int | None = None) -> Record:
        """Delete a record in the way of its resource, and add it to the list of deleted records.

        A ticket gets the status "deleted", and a second deletion scrubs its subject and
        description. A user gets `active: false`, a group `deleted: true`, anything else a
        `deleted_at`.
        """
        with self.lock:
            kind = self.records[resource].resource
            record = self.records[resource][record_id]
            second = self.now(resource) if at is None else at
            if kind.deleted_in:
                table = self.records[kind.deleted_in]
                shared = table.make(0, record_id, second).keys() & record.keys()
                shared -= {table.resource.time_field}
                kept = {key: record[key] for key in shared}
                self.create(kind.deleted_in, at=second, **kept)
            return self._put(resource, record, second, kind.deletion(record, second))

    def place(self, resource: str, record_id: RecordId, second: int) -> None:
        """Move a record in exports away from the place of its own time, and change nothing else.

        This simulates a record that changes while Zendesk makes its page: the page holds the new
        record in the old place.
        """
        with self.lock:
            self.records[resource].place(record_id, second)
            self.version += 1

    def fill(self, resource: str, seconds: Sequence[int]) -> None:
        """Replace all records of a resource with generated ones, one for each epoch second."""
        with self.lock:
            table = self.records[resource]
            kind = table.resource
            by_time = kind.id_key == kind.time_field
            keys: list[Key] = [
                (second, kind.id_of(n, second) if by_time else (1 << 42) + n)
                for n, second in enumerate(seconds)
            ]
            self.records[resource] = Table(table.resource, table.make, keys)
            self.version += 1

    def _put(self, resource: str, record: Record, at: int | None, changes: Record) -> Record:
        table = self.records[resource]
        kind = table.resource
        second = self.now(resource) if at is None else at
        moved: Record = {"updated_at": iso(second)} if "updated_at" in record else {}
        if kind.time_field in record:
            moved[kind.time_field] = kind.write_time(second)
        self.version += 1
        changed = record | moved | changes
        table.put(changed, epoch(changed.get(kind.time_field, second)))
        return dict(changed)
