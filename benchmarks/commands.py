"""The commands to measure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TAP = str(Path(sys.executable).with_name("tap-zendesk-incremental"))
RECORD = b'"type":"RECORD"'

EXPORTS = {
    "tickets": "/api/v2/incremental/tickets/cursor.json",
    "ticket_events": "/api/v2/incremental/ticket_events.json",
}
"""The paths of the exports, by resource."""

SDK_AND_ONE_REQUEST = """
import sys
import singer_sdk
import requests
requests.get(sys.argv[1], timeout=60).content
print("done", flush=True)
"""


class Commands:
    """Commands that export one resource."""

    def __init__(self, directory: Path, resource: str) -> None:
        """Write the catalog of the stream.

        Args:
            directory: The folder for settings and catalogs.
            resource: The stream.
        """
        self.resource = resource
        self._directory = directory
        self._catalog = directory / f"{resource}-catalog.json"
        config = self._config("http://127.0.0.1:1", decoded=False)  # discovery requests nothing
        discovery = subprocess.run(
            [TAP, "--config", str(config), "--discover"], capture_output=True, check=True
        )
        catalog = json.loads(discovery.stdout)
        catalog["streams"] = [entry for entry in catalog["streams"] if entry["stream"] == resource]
        for metadata in catalog["streams"][0]["metadata"]:
            metadata["metadata"]["selected"] = True
        self._catalog.write_text(json.dumps(catalog), encoding="utf-8")

    def bare_loop(self, url: str) -> list[str]:
        """Return the command of the bare loop.

        Args:
            url: The address of the server.
        """
        loop = [sys.executable, "-m", "benchmarks.bare_loop"]
        return [*loop, url, EXPORTS[self.resource], self.resource]

    def tap(
        self, url: str, *, decoded: bool = False, without: str | None = None, method: str = "cursor"
    ) -> list[str]:
        """Return the command of the tap.

        Args:
            url: The address of the server.
            decoded: Whether a stream map that changes nothing makes the tap decode its records.
            without: A step to leave out; see `benchmarks.without`.
            method: The form of the export.
        """
        config = self._config(url, decoded=decoded, method=method)
        tap = [sys.executable, "-m", "benchmarks.without", without] if without else [TAP]
        return [*tap, "--config", str(config), "--catalog", str(self._catalog)]

    def sdk_and_one_request(self, url: str) -> list[str]:
        """Return a command that imports the SDK, fetches the first page and does no more.

        Args:
            url: The address of the server.
        """
        page = f"{url}{EXPORTS[self.resource]}?start_time=0"
        return [sys.executable, "-c", SDK_AND_ONE_REQUEST, page]

    def _config(self, url: str, *, decoded: bool, method: str = "cursor") -> Path:
        config = {
            "export_method": method,
            "subdomain": "benchmark",
            "access_token": "any",
            "api_url": url,
            **({"stream_maps": {self.resource: {"__alias__": self.resource}}} if decoded else {}),
        }
        port = url.rpartition(":")[2]
        path = self._directory / f"{self.resource}-{port}-{'decoded' if decoded else 'passed'}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return path
