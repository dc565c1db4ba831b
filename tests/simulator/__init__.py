"""A small Zendesk that serves the export endpoints over real HTTP.

It follows the facts the tap relies on: the order of exports, inclusive seconds, extended pages,
rate limits, ways to log in, shapes of errors. What it serves is generated from a seed and can be
changed while it runs; what goes wrong on the way can be ordered.

    with Simulator(tickets=50, seed=1) as zendesk:
        zendesk.faults.add("reset", times=2, path="tickets")
        requests.get(f"{zendesk.url}/api/v2/incremental/tickets/cursor.json?start_time=0")
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .account import open_account
from .api import Api
from .faults import Faults
from .server import Request, Server
from .settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .store import Store

__all__ = ["Request", "Simulator"]


class Simulator:
    """A simulated account, served from `start` to `stop`.

    Attributes:
        store: its data, and changes to it.
        settings: how it behaves; can be changed at any time.
        api: its API; `api.auth` holds logins and tokens.
        faults: what goes wrong on the way to it.
        requests: what was asked of it, in the order of answers; control requests are not in it.
        port: where it listens, once started.
        open_account: makes the data.
    """

    open_account = staticmethod(open_account)

    def __init__(  # noqa: PLR0913 - named, and each with a default
        self,
        *,
        tickets: int = 50,
        ticket_events: int = 80,
        users: int = 30,
        organizations: int = 10,
        extras: int = 25,
        seed: int = 1,
        port: int = 0,
        **options: Any,  # noqa: ANN401 - the fields of Settings, which checks the names
    ) -> None:
        """Opens an account.

        Args:
            tickets: how many there are.
            ticket_events: how many there are.
            users: how many there are.
            organizations: how many there are.
            extras: how many there are of each other resource.
            seed: the same seed gives the same data, relative to the hour.
            port: where to listen; 0 for a free port.
            options: fields of `Settings`.
        """
        counts = {"tickets": tickets, "ticket_events": ticket_events}
        counts |= {"users": users, "organizations": organizations}
        self.settings = Settings(**options)
        self.store: Store = self.open_account(counts, extras, seed)
        self.api = Api(self.store, self.settings)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.port = port
        self._server: Server | None = None
        self._reopening: threading.Timer | None = None

    @property
    def url(self) -> str:
        """Where it is served: the tap's `api_url`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Starts to serve."""
        self._server = Server(self, self.port)
        self.port = self._server.server_address[1]
        self._server.open()
        return self

    def stop(self) -> None:
        """Ends serving, and every connection."""
        if self._reopening:
            self._reopening.cancel()
            self._reopening.join()
            self._reopening = None
        if self._server:
            self._server.close()
            self._server = None
        self.faults.release()

    def clear(self) -> None:
        """Forgets requests, faults and what was used of the rate limits; data stays."""
        self.requests.clear()
        self.faults.clear()
        self.api.limits.clear()

    def expire_tokens(self) -> None:
        """Ends every access token now; refresh tokens stay good."""
        self.api.auth.expire()

    def refuse(self, seconds: float) -> None:
        """Ends every connection and refuses new ones for some seconds, on the same port."""
        self.stop()
        # A socket that is bound and does not listen refuses, and keeps the port ours.
        self._server = Server(self, self.port)
        self._reopening = threading.Timer(seconds, self._server.open)
        self._reopening.daemon = True
        self._reopening.start()

    def __enter__(self) -> Self:
        """Starts to serve."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends serving."""
        self.stop()
