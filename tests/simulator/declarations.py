"""The declarations of a resource: its records, and where and how they are served."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from .sideloads import sideload
from .store import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .exports import Key, RecordId
    from .limits import Limit
    from .query import Query
    from .store import Make, Record

    Hides = Callable[[Record, Query], bool]


@dataclass(frozen=True)
class Cut:
    """The content of a page.

    Attributes:
        keys: the second and id of each record, in the order of the page.
        paging: the paging fields.
        records: the records themselves, if the store does not hold them.
    """

    keys: Sequence[Key]
    paging: Record
    records: Sequence[Record] | None = None


class Form(ABC):
    """A way to cut a resource into pages.

    Attributes:
        is_slow: whether `Settings.page_delay` applies.
        sideload: adds the sideloads of the parameter `include`.
    """

    is_slow: ClassVar[bool] = True
    sideload = staticmethod(sideload)

    @abstractmethod
    def cut(self, query: Query) -> Cut:
        """Cut the page that a request asks for.

        Raises:
            ApiError: a parameter is wrong.
        """


def hides_nothing(_record: Record, _query: Query) -> bool:
    """Leave out no record."""
    return False


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that serves a resource.

    Attributes:
        path: the path below `/api/v2/`, without `.json`; `{parent}` is the id of a parent.
        form: how the endpoint cuts the records into pages.
        limit: the endpoint's own rate limit, if it has one besides the account's.
        hides: whether the endpoint leaves out a record. Lists leave it out before they cut a page.
            Exports leave it out afterwards, so their pages can be short.
        records_key: the key of the records in pages, if it is not the resource's.
        row: turns a record into what this endpoint shows.
        beside: the fields that every page has besides records and paging.
        setting: the name of the setting that enables the endpoint, if it is not always enabled.
    """

    path: str
    form: Form
    limit: Limit | None = None
    hides: Hides = hides_nothing
    records_key: str = ""
    row: Callable[[Record], Record] | None = None
    beside: Record = field(default_factory=dict)
    setting: str = ""

    @property
    def is_incremental(self) -> bool:
        """Whether `Settings.closed_exports` closes this endpoint."""
        return "incremental/" in self.path and not self.is_chat

    @property
    def is_chat(self) -> bool:
        """Whether the endpoint accepts only Chat's own token."""
        return self.path.startswith("chat/")


def mark_deleted(_record: Record, second: int) -> Record:
    """Return the properties that a deletion changes in records of most resources."""
    return {"deleted_at": iso(second)}


@dataclass(frozen=True)
class Resource:
    """A kind of record.

    Attributes:
        name: the name in the store, in `Settings.denied` and in tests.
        make: makes record number n, given its id and its second. None: the store holds no records
            of this resource, because its endpoints make them.
        endpoints: the endpoints that serve it.
        records_key: the key of the records in pages; the name if not given.
        id_key: the property that holds the id.
        new_id: returns the id of record number n. None: integers that no other resource uses.
        time_field: the property that orders an export.
        write_time: turns an epoch second into a value of `time_field`.
        parent: the parent resource, if each list holds only the records of one parent.
        parent_key: the property that holds the parent's id.
        deletion: returns the properties that a deletion changes, with their values.
        deleted_in: the resource that lists deleted records.
        is_late: whether Zendesk writes a record long after its time; see `Settings.late_seconds`.
    """

    name: str
    make: Make | None
    endpoints: tuple[Endpoint, ...]
    records_key: str = ""
    id_key: str = "id"
    new_id: Callable[[int], RecordId] | None = None
    time_field: str = "updated_at"
    write_time: Callable[[int], int | str] = iso
    parent: str = ""
    parent_key: str = ""
    deletion: Callable[[Record, int], Record] = mark_deleted
    deleted_in: str = ""
    is_late: Callable[[Record], bool] | None = None

    def id_of(self, n: int, second: int = 0) -> RecordId:
        """Return the id of record number n, or its time if it has no other key."""
        if self.id_key == self.time_field and self.make:
            return str(self.make(n, "", second)[self.id_key])
        if self.new_id:
            return self.new_id(n)
        return (7_000_000 + zlib.crc32(self.name.encode()) % 1_000_000) * 1_000_000 + n
