"""What can go wrong on the way, on request: a queue of faults that requests run into."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

# Each kind with the arguments it takes, and their defaults.
KINDS: dict[str, dict[str, Any]] = {
    "status": {"code": 500, "shape": "title", "title": "", "message": "", "body": None}
    | {"headers": {}},
    "reset": {},
    "hang": {"seconds": 30.0},
    "hold": {},
    "cut": {"share": 0.5},
    "not_json": {},
    "html": {},
    "empty": {},
    "no_records": {},
    "redirect": {"to": "http://127.0.0.1:9/elsewhere", "code": 302},
    "bomb": {"size": 1 << 30},
    "stuck_cursor": {},
    "pretty": {},
    "unknown_field": {"name": "brand_new_field", "value": {"nested": [1, "zwei", None]}},
    "slow_body": {"seconds": 1.0, "pieces": 10},
    "drip": {"seconds": 0.5, "headers": False, "chunked": False, "gzip": False},
    "raw": {"index": 1, "name": "", "raw": "null"},
    "interim": {"code": 103},
}


@dataclass
class Fault:
    """Something that goes wrong.

    Attributes:
        kind: one of `KINDS`.
        times: how many requests run into it.
        path: a regular expression, searched for in path and query of a request.
        after: how many matching requests it lets pass before.
        args: the arguments of its kind.
    """

    kind: str
    times: int = 1
    path: str = ""
    after: int = 0
    args: dict[str, Any] = field(default_factory=dict)


class Faults:
    """Faults that wait for requests to the export and token endpoints."""

    def __init__(self) -> None:
        """Starts with none."""
        self._lock = threading.Lock()
        self.waiting: list[Fault] = []
        self.met: list[str] = []
        self.released = threading.Event()

    def add(
        self, kind: str, times: int = 1, path: str = "", after: int = 0, **args: object
    ) -> None:
        """Adds a fault; requests meet the faults that match them one at a time, in order.

        Args:
            kind: one of `KINDS`: "status" (`code`, `shape` as in `error_body`, `title`, `message`,
                `body` as text, `headers`), "reset" (RST), "hang" (`seconds` of silence),
                "hold" (the good answer, made once `release` is called),
                "cut" (`share` of the body arrives), "not_json", "html", "empty" (no body),
                "no_records" (JSON without the records), "redirect" (`to`, `code`), "bomb" (a gzip
                body of `size` bytes), "stuck_cursor", "pretty" (JSON over many lines),
                "unknown_field" (`name`, `value` on every record), "slow_body"
                (`seconds`, `pieces`), "drip" (`seconds` after each byte: of the body, or from the
                `headers` on; the body `chunked` or packed with `gzip`), "raw" (text in place of
                the record at `index`, or of its property `name`; JSON or not), "interim" (an
                answer of status `code` comes before the good one).
            times: how many requests meet it.
            path: a regular expression, searched for in path and query.
            after: how many matching requests pass before; every waiting fault counts on its own.
            args: arguments of the kind.

        Raises:
            ValueError: there is no such kind, or it has no such argument.
        """
        if kind not in KINDS or not args.keys() <= KINDS[kind].keys():
            message = f"no such fault: {kind} with {sorted(args)}"
            raise ValueError(message)
        with self._lock:
            self.waiting.append(Fault(kind, times, path, after, {**KINDS[kind], **args}))

    def clear(self) -> None:
        """Forgets what waits and what was met."""
        with self._lock:
            self.waiting.clear()
            self.met.clear()

    def release(self) -> None:
        """Lets the requests that are held go on; later ones are held until the next time."""
        self.released.set()
        self.released = threading.Event()

    def take(self, target: str) -> Fault | None:
        """Finds the fault a request runs into.

        Args:
            target: its path and query.

        Returns:
            The first fault that is due, if any; `met` remembers its kind.
        """
        due = None
        with self._lock:
            for fault in list(self.waiting):
                if not re.search(fault.path, target):
                    continue
                if fault.after:
                    fault.after -= 1
                elif due is None:
                    due = fault
                    fault.times -= 1
                    if not fault.times:
                        self.waiting.remove(fault)
            if due:
                self.met.append(due.kind)
        return due
