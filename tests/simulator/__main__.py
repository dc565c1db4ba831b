"""Runs the simulator on its own: `python -m tests.simulator --port 8080`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from . import credentials
from .demo_account import DemoSimulator


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    login = (
        f"Settings for the tap: api_url and access_token, {credentials.ACCESS_TOKEN}; for Chat "
        f"chat_access_token, {credentials.CHAT_ACCESS_TOKEN}"
    )
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator", description=__doc__, epilog=login
    )
    parser.add_argument("--port", type=int, default=8080, help="0 for a free one")
    counts = {"tickets": 5000, "users": 1000, "organizations": 120}
    for name, default in counts.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"({default})")
    parser.add_argument("--extras", type=int, default=25, help="records of other resources (25)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same data (1)")
    parser.add_argument("--limit", type=int, help="export requests per window (no limit)")
    parser.add_argument("--window", type=float, default=60.0, help="seconds (60)")
    parser.add_argument("--page-delay", type=float, default=0.0, help="seconds a page takes (0)")
    arguments = vars(parser.parse_args())
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with DemoSimulator(**arguments) as zendesk:
        sys.stdout.write(f"Zendesk simulator on {zendesk.url}\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
