"""How much memory streams take that run at once: `python -m benchmarks.memory_at_once`.

Streams that share a limit hold at most two pages: the one that is being written, and the one that
is fetched ahead (`tests/test_at_once.py` counts them). So each further limit may take the memory of
two pages, and further streams of the same limit next to nothing.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import TAP
from benchmarks.measure import BenchmarkError, whole
from tests.simulator import credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 10_000
SLACK_MB = 8
PAGE_MB = 15
"""The memory for a page of 1,000 users while it is read, unpacked and split: 13 MB measured."""

RUNS = {
    ("tickets",): 1,
    ("tickets", "ticket_events", "organizations", "ticket_metric_events"): 1,
    ("tickets", "ticket_events", "organizations", "ticket_metric_events", "users"): 2,
    (
        *("tickets", "ticket_events", "organizations", "ticket_metric_events", "users"),
        *("talk_calls", "side_conversation_events", "deleted_tickets"),
        *("groups", "macros", "triggers", "views", "automations", "brands", "tags"),
    ): 11,
}
"""Streams, and the number of threads that fetch them: one for each limit, and six for lists."""


@contextlib.contextmanager
def simulator() -> Iterator[str]:
    """Serve a large account in its own process.

    Yields:
        The address of the account.
    """
    sizes = [f"--{name}={COUNT}" for name in ("tickets", "users", "organizations", "extras")]
    command = [sys.executable, "-m", "tests.simulator", "--port=0", *sizes, "--page-delay=0.02"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                msg = "The simulator did not start"
                raise BenchmarkError(msg)
            yield line.split()[-1]
        finally:
            process.terminate()


def peak_mb(folder: Path, url: str, *streams: str) -> float:
    """Export streams, and return the largest resident memory."""
    config, catalog = folder / "config.json", folder / "catalog.json"
    settings = {
        "api_url": url,
        "subdomain": "benchmark",
        "access_token": credentials.ACCESS_TOKEN,
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    discover = [TAP, "--config", str(config), "--discover"]
    found = json.loads(subprocess.run(discover, capture_output=True, check=True).stdout)
    for entry in found["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["stream"] in streams
    catalog.write_text(json.dumps(found), encoding="utf-8")
    return whole([TAP, "--config", str(config), "--catalog", str(catalog)]).peak_mb


def main() -> None:
    """Export all of `RUNS`, print the figures, and fail if memory grows too much."""
    is_bounded = True
    with simulator() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = None
        for streams, limits in RUNS.items():
            peak = peak_mb(folder, url, *streams)
            alone = alone or peak
            print(f"{len(streams)} streams, {limits} at once: {peak:.1f} MB at most", flush=True)
            is_bounded = is_bounded and peak - alone <= 2 * PAGE_MB * (limits - 1) + SLACK_MB
    sys.exit(not is_bounded)


if __name__ == "__main__":
    main()
