"""How well streams with independent limits run at once: `python -m benchmarks.independent_limits`.

The simulated account enforces each limit as Zendesk does: tickets 10, users 20, Talk 10 without a
header, deleted tickets 10, the account 700. The run may take 5 % longer than its slowest limit
alone, and must not get a single 429. Then a second run of all streams finds nothing new, while each
response is slow. It may take at most 1.2 times as long as the responses of the longest line, which
come one after another.

Zendesk reports the end of a window in whole seconds, and rounding matters more in a short window.
So a window lasts a minute here too. The whole benchmark takes five minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest import mock

from tap_zendesk_incremental.http.rate_limit import Pace
from tap_zendesk_incremental.streams import STREAMS
from tap_zendesk_incremental.streams.talk import TalkCalls
from tests.running import config_for, select, sync
from tests.simulator import Simulator
from tests.simulator.client import get

if TYPE_CHECKING:
    from tests.simulator import Request

LIMIT = 10
WINDOWS = 3
PAGES = LIMIT * WINDOWS
PER_PAGE = 100
LATENCY_SECONDS = 0.1
AT_ONCE = ("tickets", "users", "talk_calls", "deleted_tickets")
NEEDS_SETTING_UP = {"ticket_exports"}
MOST, MOST_CHAIN, LEAST_QUOTA = 1.05, 1.2, 0.98


def main() -> None:
    """Run both parts, print the figures, and fail if one is not good enough."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.independent_limits", description=__doc__
    )
    parser.add_argument("--window", type=float, default=60.0, help="seconds; Zendesk has 60")
    window = parser.parse_args().window
    pace = replace(TalkCalls.time, pace=Pace(LIMIT, window))
    with mock.patch.object(TalkCalls, "time", pace):
        alone, _ = export(window, "tickets")
        took, requests = export(window, *AT_ONCE)
    refused = sum(request.status == 429 for request in requests)
    sent = Counter(line_of(request) for request in requests)
    tickets = [r for r in requests if line_of(r) == "incremental-exports"]
    spanned = tickets[-1].time - tickets[0].time
    quota = (WINDOWS - 1) * window / spanned
    print(f"requests: {dict(sent)}, at {LIMIT} requests per {window:.0f} s")
    print(f"tickets alone: {alone:.2f} s; all at once: {took:.2f} s; {took / alone:.3f} times")
    print(f"429s: {refused}; used of the slowest limit: {quota:.1%}")
    chain, elapsed = nothing_new()
    print(f"nothing new: {elapsed:.2f} s, its longest line {chain:.2f} s: {elapsed / chain:.2f}")
    sys.exit(
        took > MOST * alone or refused > 0 or quota < LEAST_QUOTA or elapsed > MOST_CHAIN * chain
    )


def export(window: float, *streams: str) -> tuple[float, list[Request]]:
    """Export streams for the first time.

    Returns:
        The seconds that the export took, and the requests for the streams.
    """
    with Simulator(
        tickets=PAGES * PER_PAGE,
        users=PAGES * PER_PAGE,
        extras=2_000,
        limit=LIMIT,
        window=window,
        account_limit=700,
        page_delay=LATENCY_SECONDS,
    ) as zendesk:
        began = time.monotonic()
        sync(config_for(zendesk, per_page=PER_PAGE), catalog=select(*streams))
        return time.monotonic() - began, [r for r in zendesk.requests if line_of(r)]


def nothing_new() -> tuple[float, float]:
    """Export everything, and then run again with nothing new.

    Returns:
        The seconds that the responses of the longest line took, and the seconds that the whole run
        took after discovery.
    """
    streams = [stream.name for stream in STREAMS if stream.name not in NEEDS_SETTING_UP]
    with Simulator() as zendesk:
        catalog = select(*streams)
        first = sync(config_for(zendesk), catalog=catalog)
        zendesk.clear()
        zendesk.faults.add(
            "slow_body", times=10_000, path="/api/", seconds=2 * LATENCY_SECONDS, pieces=2
        )
        sync(config_for(zendesk), catalog=catalog, state=first.state)
        asked = [request for request in zendesk.requests if line_of(request)]
        began = time.monotonic()
        get(zendesk, "groups.json")
        answer_seconds = time.monotonic() - began
    longest = max(Counter(map(line_of, asked)).values())
    return longest * answer_seconds, asked[-1].time - asked[0].time + answer_seconds


def line_of(request: Request) -> str:
    """Return the rate limit of a request for a stream, or "" for any other request."""
    for stream in STREAMS:
        for endpoint in (stream.cursor, stream.time, stream.listing):
            if endpoint and request.path == endpoint.path:
                return endpoint.limit
    return ""


if __name__ == "__main__":
    main()
