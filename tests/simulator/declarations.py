"""What can be declared of a resource: its records, and where and how they are served."""

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
    """What a page holds.

    Attributes:
        keys: second and id of each record, in the order it is written.
        paging: what stands beside the records.
        records: the records themselves, where they are not of the store.
    """

    keys: Sequence[Key]
    paging: Record
    records: Sequence[Record] | None = None


class Form(ABC):
    """How a resource is cut into pages.

    Attributes:
        is_slow: whether `Settings.page_delay` applies.
        sideload: adds what `include` asks for.
    """

    is_slow: ClassVar[bool] = True
    sideload = staticmethod(sideload)

    @abstractmethod
    def cut(self, query: Query) -> Cut:
        """Cuts the page that a request asks for.

        Raises:
            ApiError: a parameter is wrong.
        """


def hides_nothing(_record: Record, _query: Query) -> bool:
    """Shows every record."""
    return False


@dataclass(frozen=True)
class Endpoint:
    """Where a resource is served.

    Attributes:
        path: below `/api/v2/`, without `.json`; `{parent}` stands for the id of a parent.
        form: how it is cut into pages.
        limit: its own rate limit, if it has one beside the account's.
        hides: whether a record is left out here. Lists leave it out before they cut a page,
            exports after, so that their pages can be short.
        records_key: what pages call the records, where it is not the resource's own word.
        row: writes a record as this endpoint shows it.
        beside: what always stands beside the records.
        setting: the name of the setting that opens the endpoint, if it is not always open.
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
        """Whether it is one of the exports that `Settings.closed_exports` closes."""
        return "incremental/" in self.path and not self.is_of_chat

    @property
    def is_of_chat(self) -> bool:
        """Whether it takes the token of Chat, and no other login."""
        return self.path.startswith("chat/")


def mark_deleted(_record: Record, second: int) -> Record:
    """Gives the properties that a deletion changes in most resources."""
    return {"deleted_at": iso(second)}


@dataclass(frozen=True)
class Resource:
    """A kind of records.

    Attributes:
        name: what the store, `Settings.denied` and the tests call it.
        make: writes record number n, given its id and its second. None: the resource has no
            records in the store, its endpoints make them.
        endpoints: where it is served.
        records_key: what pages call the records; its name if not given.
        id_key: the property that holds the id.
        new_id: gives the id of record number n. None: integers that no other resource has.
        time_field: the property that orders an export.
        write_time: turns an epoch second into a value of `time_field`.
        parent: the resource whose records each have some of this one.
        parent_key: the property of a record that holds its parent's id.
        deletion: gives the properties that a deletion changes, and their values.
        deleted_in: the resource that lists what was deleted.
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
        """Gives the id of record number n; its time, where there is nothing else to tell it by."""
        if self.id_key == self.time_field and self.make:
            return str(self.make(n, "", second)[self.id_key])
        if self.new_id:
            return self.new_id(n)
        return (7_000_000 + zlib.crc32(self.name.encode()) % 1_000_000) * 1_000_000 + n
