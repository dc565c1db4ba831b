"""The account's records: what there is, in which order it changed, and changing it."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any

from .exports import Key, RecordId

Record = dict[str, Any]
Make = Callable[[int, RecordId, int], Record]


def iso(second: int) -> str:
    """Writes an epoch second as Zendesk does, in UTC."""
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(value: int | str) -> int:
    """Reads an epoch second, or a date-time as Zendesk writes it."""
    if isinstance(value, int):
        return value
    return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp())


@dataclass(frozen=True)
class Resource:
    """What kind of records a resource has.

    Attributes:
        name: what the store and the tests call it.
        records_key: what pages call it.
        time_field: the property that orders an export.
        make: writes record number n, given its id and its second.
        time_is_epoch: whether `time_field` is an integer, not a date-time.
    """

    name: str
    records_key: str
    time_field: str
    make: Make
    time_is_epoch: bool = False


class Table(Mapping[Any, Record]):
    """The records of a resource by id; each is made when asked for, until it was changed.

    Making them on demand lets an account of any size start at once and stay small in memory. What
    is handed out is a copy to read; records are changed through the `Store`.
    """

    def __init__(self, resource: Resource, keys: Sequence[Key]) -> None:
        """Starts with records as they are made.

        Args:
            resource: their kind.
            keys: second and id of each.
        """
        self.resource = resource
        self.index = sorted(keys)
        self._made = {record_id: (n, second) for n, (second, record_id) in enumerate(keys)}
        self._changed: dict[RecordId, Record] = {}
        self._seconds = {record_id: second for second, record_id in keys}

    def __getitem__(self, record_id: RecordId) -> Record:
        """Gives the record with this id."""
        changed = self._changed.get(record_id)
        if changed is not None:
            return dict(changed)
        n, second = self._made[record_id]
        return self.resource.make(n, record_id, second)

    def __iter__(self) -> Iterator[RecordId]:
        """Goes through the ids."""
        return iter(self._seconds)

    def __len__(self) -> int:
        """Counts the records."""
        return len(self._seconds)

    def put(self, record: Record) -> None:
        """Stores a record, new or changed, and moves it to where its time belongs."""
        record_id = record["id"]
        if record_id in self._seconds:
            del self.index[bisect_left(self.index, (self._seconds[record_id], record_id))]
        second = epoch(record[self.resource.time_field])
        insort(self.index, (second, record_id))
        self._seconds[record_id] = second
        self._changed[record_id] = record

    def servable(self, newest: int) -> list[Key]:
        """Lists second and id of what is not newer than the given second, in order.

        To be read under the store's lock: it can be the index itself.
        """
        if self.index and self.index[-1][0] <= newest:
            return self.index
        return self.index[: bisect_right(self.index, newest, key=itemgetter(0))]


class Store:
    """All tables of an account, and changes to them.

    Attributes:
        records: resource name to its records by id.
        version: grows with every change.
        lock: held by whoever reads more than one thing, or changes one.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        """Takes the tables over."""
        self.records: dict[str, Table] = {table.resource.name: table for table in tables}
        self.version = 0
        self.lock = threading.RLock()

    def now(self, resource: str) -> int:
        """Gives the second of the next change: after all there is, and old enough to be served."""
        index = self.records[resource].index
        served = int(time.time()) - 61
        return min(index[-1][0] + 1, served) if index else served - 3600

    def update(
        self, resource: str, record_id: RecordId, *, at: int | None = None, **changes: object
    ) -> Record:
        """Changes a record as an agent would: its times move, and so does its place in the export.

        Args:
            resource: name of the resource.
            record_id: which record.
            at: epoch second of the change; by default the newest that is served.
            changes: properties and their new values.

        Returns:
            The record as it is now.
        """
        with self.lock:
            return self._put(resource, self.records[resource][record_id], at, changes)

    def system_update(self, record_id: RecordId, *, at: int | None = None) -> Record:
        """Changes a ticket as the system does: `updated_at` stays, `generated_timestamp` moves."""
        with self.lock:
            ticket = self.records["tickets"][record_id]
            return self._put("tickets", ticket, at, {"updated_at": ticket["updated_at"]})

    def create(self, resource: str, *, at: int | None = None, **fields: object) -> Record:
        """Adds a record; what is not given is generated.

        Args:
            resource: name of the resource.
            at: epoch second of the creation; by default the newest that is served.
            fields: properties and their values, perhaps the `id`.

        Returns:
            The new record.
        """
        with self.lock:
            table = self.records[resource]
            n = len(table) + self.version
            newest = max((key for key in table if isinstance(key, int)), default=1 << 42)
            text_ids = any(isinstance(key, str) for key in table)
            record_id = fields.get("id", f"new-{n:08d}" if text_ids else newest + 3)
            second = self.now(resource) if at is None else at
            record = table.resource.make(n, record_id, second)  # type: ignore[arg-type]
            if "created_at" in record:
                record["created_at"] = iso(second)
            return self._put(resource, record, second, fields)

    def delete(self, resource: str, record_id: RecordId, *, at: int | None = None) -> Record:
        """Deletes a record the way its resource shows it.

        A ticket gets status "deleted", and when deleted again its subject and description are
        scrubbed; a user gets `active: false`; anything else `deleted_at`.
        """
        with self.lock:
            record = self.records[resource][record_id]
            second = self.now(resource) if at is None else at
            changes: dict[str, object] = {"deleted_at": iso(second)}
            if resource == "users":
                changes = {"active": False}
            elif resource == "tickets":
                scrubbed = {"subject": "SCRUBBED", "raw_subject": "SCRUBBED", "description": "X"}
                changes = {"status": "deleted"}
                changes |= scrubbed if record["status"] == "deleted" else {}
            return self._put(resource, record, second, changes)

    def fill(self, resource: str, seconds: Sequence[int]) -> None:
        """Replaces all records of a resource by generated ones of the given epoch seconds."""
        with self.lock:
            kind = self.records[resource].resource
            keys: list[Key] = [(second, (1 << 42) + n) for n, second in enumerate(seconds)]
            self.records[resource] = Table(kind, keys)
            self.version += 1

    def _put(self, resource: str, record: Record, at: int | None, changes: Record) -> Record:
        table = self.records[resource]
        second = self.now(resource) if at is None else at
        moved: Record = {"updated_at": iso(second)} if "updated_at" in record else {}
        field = table.resource.time_field
        moved[field] = second if table.resource.time_is_epoch else iso(second)
        changed = record | moved | changes
        table.put(changed)
        self.version += 1
        return dict(changed)
