"""How close an export comes to its rate limit: `python -m benchmarks.limits`.

Sixty pages at ten requests a window cannot take less than five windows. The tap may take 2 %
longer, and must not run into a single 429. Zendesk says in whole seconds when a window ends, so
the shorter the window, the more the rounding shows: a window is a minute here too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path

from benchmarks.commands import Commands
from benchmarks.measure import whole
from tests.simulator import Simulator
from tests.simulator.auth import Token

PAGES = 60
LIMIT = 10
PER_PAGE = 1000
MOST = 1.02


def main() -> None:
    """Export, print the figures, and fail if they are off."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--window", type=float, default=60.0, help="seconds; Zendesk has 60")
    window = parser.parse_args().window
    counts = {"tickets": PAGES * PER_PAGE, "ticket_events": 0, "users": 0, "organizations": 0}
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(**counts, limit=LIMIT, window=window) as zendesk,
    ):
        zendesk.api.auth.tokens.append(Token("benchmark", "read", "any", "any"))
        whole(Commands(Path(folder), "tickets").tap(zendesk.url))
        requests = [request for request in zendesk.requests if "/incremental/" in request.path]
    refused = sum(request.status == HTTPStatus.TOO_MANY_REQUESTS for request in requests)
    took = requests[-1].time - requests[0].time
    demanded = (PAGES // LIMIT - 1) * window
    print(f"{len(requests)} pages at {LIMIT} requests per {window:.0f} s")
    print(f"the limit demands {demanded:.1f} s, the tap took {took:.1f} s: {took / demanded:.3f}")
    print(f"429s: {refused}")
    sys.exit(len(requests) != PAGES or refused > 0 or took > demanded * MOST)


if __name__ == "__main__":
    main()
