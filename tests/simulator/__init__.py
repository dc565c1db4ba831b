"""A small Zendesk that serves the export endpoints over real HTTP.

It reproduces what the tap relies on: the order of exports, inclusive seconds, extended pages, rate
limits, ways to log in, and the shapes of errors. It generates its data from a seed. A test can
change the data while the simulator runs, and can add faults for requests to hit.

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
        store: the account's data; also changes it.
        settings: how the account behaves; can be changed at any time.
        api: the account's API; `api.auth` holds logins and tokens.
        faults: the faults that requests hit.
        requests: the requests, in the order of their responses, without control requests.
        port: the port that it listens on, once started.
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
        """Create an account.

        Args:
            tickets: the number of tickets.
            ticket_events: the number of ticket events.
            users: the number of users.
            organizations: the number of organizations.
            extras: the number of records of each other resource.
            seed: the same seed gives the same data, relative to the hour.
            port: the port to listen on; 0 for a free one.
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
        """The address of the account: the tap's `api_url`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start the server."""
        self._server = Server(self, self.port)
        self.port = self._server.server_address[1]
        self._server.open()
        return self

    def stop(self) -> None:
        """Stop the server, and close every connection."""
        if self._reopening:
            self._reopening.cancel()
            self._reopening.join()
            self._reopening = None
        if self._server:
            self._server.close()
            self._server = None
        self.faults.release()

    def clear(self) -> None:
        """Forget the requests and faults, and reset the rate limits. The data stays."""
        self.requests.clear()
        self.faults.clear()
        self.api.limits.clear()

    def expire_tokens(self) -> None:
        """Let every access token expire now. Refresh tokens stay valid."""
        self.api.auth.expire()

    def refuse(self, seconds: float) -> None:
        """Close every connection, and refuse new ones for some seconds on the same port."""
        self.stop()
        # A bound socket that does not listen refuses connections and reserves the port.
        self._server = Server(self, self.port)
        self._reopening = threading.Timer(seconds, self._server.open)
        self._reopening.daemon = True
        self._reopening.start()

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()
