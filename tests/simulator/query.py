"""A request for a page: reads and checks its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .declarations import hides_nothing
from .errors import invalid
from .store import epoch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .declarations import Endpoint, Resource
    from .exports import Key, RecordId
    from .settings import Settings
    from .store import Store, Table

Params = dict[str, str]
_MILLISECONDS = 100_000_000_000


@dataclass(frozen=True)
class Query:
    """A request for a page of a resource.

    Attributes:
        params: the query; the values of a repeated name are joined by commas.
        url: the canonical address of the endpoint, without parameters.
        now: the time of the request, an epoch second.
        settings: how the account behaves.
        store: the account's data.
        resource: the requested resource.
        endpoint: the requested endpoint.
        parent: the id of the parent whose records are requested, if any.
    """

    params: Params
    url: str
    now: int
    settings: Settings
    store: Store
    resource: Resource
    endpoint: Endpoint
    parent: RecordId | None = None

    @property
    def table(self) -> Table:
        """The records of the resource."""
        return self.store.records[self.resource.name]

    def integer(self, name: str, default: int | None, allowed: range) -> int:
        """Read a parameter that is an integer.

        Args:
            name: the name of the parameter.
            default: its default. None: the parameter is required.
            allowed: its valid values.

        Raises:
            ApiError: 400, the value is not valid.
        """
        text = self.params.get(name, "" if default is None else str(default))
        if not text.isascii() or not text.isdigit() or int(text) not in allowed:
            message = f"Invalid parameter: {name} must be an integer from {allowed}"
            raise invalid(message, name)
        return int(text)

    def second(self, name: str, place: int) -> int | None:
        """Read a parameter that is a time: epoch seconds or milliseconds, or a date-time.

        Args:
            name: the name of the parameter.
            place: the index of the value, if the parameter is repeated.

        Returns:
            The epoch second, or None if the parameter is not given.

        Raises:
            ApiError: 400, the value is not a time.
        """
        text = self.params.get(name, "").split(",")[place]
        try:
            value = epoch(int(text) if text.isdigit() else text) if text else None
        except ValueError:
            message = f"Invalid parameter: {name} must be a time"
            raise invalid(message, name) from None
        return value // 1000 if value and value > _MILLISECONDS else value

    def size(self, name: str, default: int, most: int) -> int:
        """Read the most records that a page may hold, which `Settings.cap` can lower."""
        size = self.integer(name, default, range(1, most + 1))
        return min(size, self.settings.cap or size)

    def address(self, *dropped: str, **more: object) -> str:
        """Return the canonical address of another page.

        Args:
            dropped: the parameters of this request to leave out.
            more: parameters to add or replace, with `__` for brackets: `page__after`.
        """
        rest = {name: value for name, value in self.params.items() if name not in dropped}
        for name, value in more.items():
            outer, _, inner = name.partition("__")
            rest[f"{outer}[{inner}]" if inner else name] = str(value)
        return f"{self.url}?{urlencode(sorted(rest.items()))}"

    def servable(self) -> Sequence[Key]:
        """Return the second and id of each record that an export may serve now, in order."""
        newest = self.now - self.settings.withheld_seconds
        return self.table.servable(newest, self.now - self.settings.late_seconds)

    def shows(self, record_id: RecordId) -> bool:
        """Return whether a list shows a record."""
        if self.parent is None and self.endpoint.hides is hides_nothing:
            return True
        record = self.table[record_id]
        key = self.resource.parent_key
        is_of_parent = self.parent in {None, record.get(key)}
        return is_of_parent and not self.endpoint.hides(record, self)
