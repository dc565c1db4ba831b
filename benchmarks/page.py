"""Where the time of a page goes: `python -m benchmarks.page`.

A loop that fetches, unpacks and writes pages is the lower limit. The table shows how much more the
tap takes for a page, and how long single steps take when they are repeated alone.
"""

from __future__ import annotations

import gzip
import logging
import sys
import tempfile
import time
import zlib
from functools import partial
from importlib import resources
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from benchmarks.commands import EXPORTS, Commands
from benchmarks.measure import serving, whole
from benchmarks.server import PER_PAGE, render
from tap_zendesk_incremental import schemas
from tap_zendesk_incremental.records.decode import Records, RecordSpec, page_type
from tap_zendesk_incremental.streams.support import Tickets

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 200
ROUNDS = 5
GZIP = 31
"""The `wbits` of zlib that mean gzip."""

COPY = """
import sys
import requests
url, pages = sys.argv[1:]
session = requests.Session()
for _ in range(int(pages)):
    sys.stdout.buffer.write(session.get(url, timeout=60).content)
"""


def cpu_milliseconds(one: list[str], many: list[str]) -> float:
    """Return the CPU time of a page, without the start of the process.

    Args:
        one: The command that exports one page.
        many: The command that exports `PAGES` pages.
    """
    rounds = [whole(many).cpu_seconds - whole(one).cpu_seconds for _ in range(ROUNDS)]
    return median(rounds) / (PAGES - 1) * 1000


def alone_milliseconds(step: Callable[[], object]) -> float:
    """Return the time of a step that is repeated alone."""
    times = []
    for _ in range(10 * ROUNDS):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def records() -> Records:
    """Return the object that splits pages of tickets."""
    schema = (resources.files(schemas) / "tickets.json").read_bytes()
    spec = RecordSpec(
        stream="tickets",
        records_key="tickets",
        id_keys=("id",),
        time_key=Tickets.replication_key,
        properties=tuple(msgspec.json.decode(schema)["properties"]),
        deselected=frozenset(),
        excluded=Tickets.excluded,
    )
    return Records(spec, logging.getLogger(__name__))


def main() -> None:
    """Measure, and print the tables."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("tickets", 1) as one,
        serving("tickets", PAGES) as many,
    ):
        tap = Commands(Path(folder), "tickets").tap
        page = f"{one}{EXPORTS['tickets']}?start_time=0"
        copy = [sys.executable, "-c", COPY, page]
        limit = cpu_milliseconds([*copy, "1"], [*copy, str(PAGES)])
        taken = cpu_milliseconds(tap(one), tap(many))
    packed = render("tickets", 0, 1)
    body = gzip.decompress(packed)
    steps: dict[str, Callable[[], object]] = {
        "unpack": partial(zlib.decompress, packed, GZIP),
        "find where each record is": partial(
            msgspec.json.Decoder(page_type("tickets", msgspec.Raw)).decode, body
        ),
        "find each property, check that all is UTF-8": partial(records().read, body, {}),
    }
    print(f"a page of {PER_PAGE} tickets, {len(body) / 1e6:.1f} MB | CPU ms")
    print(f"fetch, unpack, write | {limit:.1f}")
    print(f"the tap | {taken:.1f}; the line above is {limit / taken:.2f} of it")
    for name, step in steps.items():
        print(f"{name}, alone | {alone_milliseconds(step):.1f}")


if __name__ == "__main__":
    main()
