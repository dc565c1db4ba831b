"""Runs of the tap in which things go wrong: many, fast, and each searched for secrets."""

from __future__ import annotations

import base64
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from .running import TIMEOUT_SECONDS, Run, command_for, config_for, environment, fork, select
from .shortened_waits import SHARE
from .simulator import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from .running import Json
    from .simulator import Request, Simulator

TICKETS = "incremental/tickets/cursor"
_SECRETS = {
    credentials.API_TOKEN,
    credentials.PASSWORD,
    credentials.CLIENT_SECRET,
    credentials.ACCESS_TOKEN,
    credentials.CHAT_ACCESS_TOKEN,
    credentials.REFRESH_TOKEN,
    credentials.PUBLIC_REFRESH_TOKEN,
    f"{credentials.EMAIL}/token:{credentials.API_TOKEN}",
    f"{credentials.EMAIL}:{credentials.PASSWORD}",
}


def secrets_in(texts: Iterable[bytes], zendesk: Simulator) -> list[str]:
    """Return the secrets that occur in texts, as they are or in base64.

    Args:
        texts: All that a process wrote.
        zendesk: The account, which knows the tokens that it issued and those that were used.
    """
    secrets = set(_SECRETS)
    for token in list(zendesk.api.auth.tokens):
        secrets |= {token.access_token, token.refresh_token}
    for request in list(zendesk.requests):
        secrets.add(request.headers.get("authorization", "").rpartition(" ")[2])
    secrets.discard("")
    forms = secrets | {base64.b64encode(secret.encode()).decode() for secret in secrets}
    return [form for text in texts for form in forms if form.encode() in text]


class FastTap:
    """Runs of the tap in one folder, against one account, with their waits shortened."""

    def __init__(
        self, zendesk: Simulator, folder: Path, *streams: str, plain: bool = False
    ) -> None:
        """Prepare the runs.

        Args:
            zendesk: The account to export.
            folder: The folder for the files of the runs.
            streams: The streams to select; tickets by default.
            plain: Whether to run the installed command unchanged, with its waits.
        """
        self.zendesk = zendesk
        self.folder = folder
        self.secrets: list[str] = []
        self._waits = None if plain else SHARE
        self._output = folder / "output"
        self._errors = folder / "errors"
        self.catalog = _catalog_of(*(streams or ("tickets",)))

    def run(self, *, debug: bool = False, state: object = None, **settings: object) -> Run:
        """Run the tap to its end, and assert that it wrote no secrets.

        Args:
            debug: Whether to log at the level DEBUG.
            state: The state to resume from.
            settings: See `config_for`.
        """
        with self.started(debug=debug, state=state, **settings) as process:
            run = self.finished(process)
        assert not self.secrets
        return run

    @contextmanager
    def started(
        self, *, debug: bool = False, state: object = None, **settings: object
    ) -> Iterator[BaseProcess]:
        """Start the tap, and kill it when the block ends; see `run` for the arguments."""
        config = config_for(self.zendesk, **settings)
        command = command_for(self.folder, config=config, state=state, catalog=self.catalog)
        variables = environment(HOME=str(self.folder), **({"LOGLEVEL": "DEBUG"} if debug else {}))
        for file in (self._output, self._errors):
            file.write_bytes(b"")
        process = fork(command, variables, self._output, self._errors, self._waits)
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def finished(self, process: BaseProcess) -> Run:
        """Wait for the end of the process; see `ended`."""
        process.join(TIMEOUT_SECONDS)
        assert process.exitcode is not None, "the tap does not end"
        return self.ended(process)

    def ended(self, process: BaseProcess) -> Run:
        """Return what an ended process left behind, and add the secrets in it to `secrets`."""
        output, errors = self._output.read_bytes(), self._errors.read_bytes()
        self.secrets += secrets_in((output, errors), self.zendesk)
        return Run(process.exitcode or 0, output, errors.decode())

    def wait_for(self, process: BaseProcess, what: bytes, times: int = 1) -> None:
        """Wait until the running process has written something a number of times."""
        self.wait_until(process, lambda: self._output.read_bytes().count(what) >= times)

    def wait_until(self, process: BaseProcess, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, and fail if the process ends before."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while True:
            is_alive = process.is_alive() and time.monotonic() < end
            if condition():
                return
            assert is_alive, self._errors.read_text()
            time.sleep(0.01)

    def wait_for_bytes(self, process: BaseProcess, size: int) -> None:
        """Wait until the running process has written a number of bytes, or has ended."""
        while process.is_alive() and self._output.stat().st_size < size:
            time.sleep(0.002)


@cache
def _catalog_of(*streams: str) -> Json:
    return select(*streams)


def pages_asked(zendesk: Simulator, path: str = TICKETS) -> list[Request]:
    """Return the requests for pages of an export, in order."""
    return [request for request in list(zendesk.requests) if path in request.path]


def check_complete(runs: Iterable[Run], zendesk: Simulator, *streams: str, once: bool) -> None:
    """Assert that runs together delivered all records of some streams, and nothing else.

    Args:
        runs: The runs.
        zendesk: The exported account.
        streams: The streams; tickets by default.
        once: Whether every record must have come exactly once.
    """
    runs = list(runs)
    for stream in streams or ("tickets",):
        # Audits of archived tickets are not listed.
        is_listed = stream == "ticket_audits"
        there = zendesk.api.shown(stream) if is_listed else zendesk.store.records[stream]
        expected = {key: trimmed(there[key]) for key in there}
        came = [record for run in runs for record in run.records[stream]]
        assert {record["id"]: record for record in came} == expected
        assert not once or len(came) == len(expected)


def trimmed(record: Json) -> Json:
    """Return a record without `fields`, a copy of `custom_fields` that the tap leaves out."""
    return {key: value for key, value in record.items() if key != "fields"}
