"""The baseline of the comparison: pages in, records out, and nothing that Singer needs."""

from __future__ import annotations

import sys

import msgspec
import requests


def main(url: str, path: str, key: str) -> None:
    """Copy an export to standard output, one record per line.

    Args:
        url: The address of the server.
        path: The path of the export.
        key: The key of the records in pages.
    """
    session = requests.Session()
    params: dict[str, str | int] = {"start_time": 0, "per_page": 1000}
    out = sys.stdout.buffer
    while True:
        page = msgspec.json.decode(session.get(url + path, params=params, timeout=60).content)
        for record in page[key]:
            out.write(msgspec.json.encode(record) + b"\n")
        if page["end_of_stream"]:
            return
        if "cursor" in path:
            params = {"cursor": page["after_cursor"], "per_page": 1000}
        else:
            params = {"start_time": page["end_time"], "per_page": 1000}


if __name__ == "__main__":
    main(*sys.argv[1:])
