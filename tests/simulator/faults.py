"""A queue of faults that tests fill and that requests hit."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

# Each kind with its arguments and their defaults.
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
    """A fault.

    Attributes:
        kind: one of `KINDS`.
        times: how many requests hit it.
        path: a regular expression, searched for in a request's path and query.
        after: how many matching requests pass before.
        args: the arguments of the kind.
    """

    kind: str
    times: int = 1
    path: str = ""
    after: int = 0
    args: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The faults that wait for requests."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self.waiting: list[Fault] = []
        self.met: list[str] = []
        self.released = threading.Event()

    def add(
        self, kind: str, times: int = 1, path: str = "", after: int = 0, **args: object
    ) -> None:
        """Add a fault. A request hits one fault at most: the first one that matches and is due.

        Args:
            kind: one of `KINDS`: "status" (`code`, `shape` as in `error_body`, `title`, `message`,
                `body` as text, `headers`), "reset" (RST), "hang" (`seconds` of silence),
                "hold" (the right response, made once `release` is called),
                "cut" (`share` of the body arrives), "not_json", "html", "empty" (no body),
                "no_records" (JSON without the records), "redirect" (`to`, `code`), "bomb" (a gzip
                body of `size` bytes), "stuck_cursor", "pretty" (JSON over many lines),
                "unknown_field" (`name`, `value` on every record), "slow_body"
                (`seconds`, `pieces`), "drip" (`seconds` after each byte: of the body only, or of
                the `headers` too; the body `chunked` or compressed with `gzip`), "raw" (text in
                place of the record at `index`, or of its property `name`; JSON or not), "interim"
                (a response of status `code` comes before the right one).
            times: how many requests hit it.
            path: a regular expression, searched for in path and query.
            after: how many matching requests pass before. Every waiting fault counts on its own.
            args: the arguments of the kind.

        Raises:
            ValueError: there is no such kind, or it has no such argument.
        """
        if kind not in KINDS or not args.keys() <= KINDS[kind].keys():
            message = f"no such fault: {kind} with {sorted(args)}"
            raise ValueError(message)
        with self._lock:
            self.waiting.append(Fault(kind, times, path, after, {**KINDS[kind], **args}))

    def clear(self) -> None:
        """Forget all faults, including those that requests have hit."""
        with self._lock:
            self.waiting.clear()
            self.met.clear()

    def release(self) -> None:
        """Answer the requests that are held. Later ones are held until the next call."""
        self.released.set()
        self.released = threading.Event()

    def take(self, target: str) -> Fault | None:
        """Find the fault that a request hits, and remember its kind in `met`.

        Args:
            target: the path and query of the request.

        Returns:
            The first fault that is due, if any.
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
