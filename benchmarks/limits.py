"""How close an export comes to its rate limit: `python -m benchmarks.limits`.

An export may send ten requests a window for pages of 1,000 tickets, a list 700 for pages of 100.
The last window of an export cannot begin before the others have passed. The tap may be 2 % later,
and must not get a single 429. Zendesk reports the end of a window in whole seconds, and rounding
matters more in a short window. So a window lasts a minute here too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import Commands
from benchmarks.measure import whole
from tests.simulator import Simulator
from tests.simulator.auth import Token

if TYPE_CHECKING:
    from tests.simulator import Request

EXPORT_LIMIT, ACCOUNT_LIMIT = 10, 700
"""Requests a minute: of incremental exports, and of the whole account."""

MOST = 1.02


@dataclass(frozen=True)
class Form:
    """A form of export, and what its limit allows.

    Attributes:
        path: A part of the path of its requests.
        limit: The requests that a window allows.
        windows: The length of the benchmark in windows.
        per_page: The records on a page.
    """

    path: str
    limit: int
    windows: int
    per_page: int


FORMS = {
    "cursor": Form("/incremental/", EXPORT_LIMIT, 6, 1000),
    "list": Form("/tickets.json", ACCOUNT_LIMIT, 3, 100),
}


def export(method: str, window: float) -> list[Request]:
    """Export tickets under a limit, and return the requests for pages.

    Args:
        method: A key of `FORMS`.
        window: The length of a window in seconds.
    """
    form = FORMS[method]
    pages = form.limit * form.windows
    counts = {"tickets": pages * form.per_page, "ticket_events": 0, "users": 0, "organizations": 0}
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(
            **counts, limit=EXPORT_LIMIT, account_limit=ACCOUNT_LIMIT, window=window
        ) as zendesk,
    ):
        zendesk.api.auth.tokens.append(Token("benchmark", "read", "any", "any"))
        whole(Commands(Path(folder), "tickets").tap(zendesk.url, method=method))
        return [request for request in zendesk.requests if form.path in request.path]


def measure(method: str, window: float) -> bool:
    """Export, print the figures, and return whether they are good enough.

    Args:
        method: A key of `FORMS`.
        window: The length of a window in seconds.
    """
    form = FORMS[method]
    requests = export(method, window)
    refused = sum(request.status == HTTPStatus.TOO_MANY_REQUESTS for request in requests)
    # A list leaves out archived tickets, so it can have fewer pages than the tickets would fill.
    windows = (len(requests) - 1) // form.limit
    counted = windows * form.limit
    took = requests[counted].time - requests[0].time
    demanded = windows * window
    records = sum(request.records for request in requests[:counted])
    print(f"{method}: {len(requests)} pages at {form.limit} requests per {window:.0f} s")
    print(f"  {counted / took * 60:.0f} pages and {records / took * 60:,.0f} records a minute")
    print(f"  the limit demands {demanded:.1f} s, the tap took {took:.1f} s: {took / demanded:.3f}")
    print(f"  429s: {refused}", flush=True)
    return refused == 0 and took <= demanded * MOST


def main() -> None:
    """Measure every form, and fail if a figure is not good enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--window", type=float, default=60.0, help="seconds; Zendesk has 60")
    parser.add_argument("--method", choices=FORMS, action="append", help="all, if not given")
    options = parser.parse_args()
    good = [measure(method, options.window) for method in options.method or FORMS]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
