"""Collects messages and writes them out together: at each STATE, and at about a megabyte.

A flush for every message costs more than the message, and hands the interpreter's lock to the
thread that fetches.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.singerlib.messages import RecordMessage

from tap_zendesk_incremental import shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from singer_sdk.singerlib.messages import Message

MAX_COLLECTED_BYTES = 1024 * 1024


class TargetGoneError(SingerSDKError):
    """Nobody reads what the tap writes any more, or there is no room for it."""


class CollectingWriter(MsgSpecWriter):
    """Writes Singer messages to standard output."""

    def __init__(self) -> None:
        """Start with nothing collected."""
        super().__init__()
        self._lines = bytearray()

    def write_message(self, message: Message) -> None:
        """Collect a message; any but a record goes out at once, with all before it.

        Raises:
            TargetGoneError: If that cannot be done.
        """
        encoder.encode_into(message.to_dict(), self._lines, -1)
        self._lines += b"\n"
        if not isinstance(message, RecordMessage) or len(self._lines) > MAX_COLLECTED_BYTES:
            self.flush()

    def write_records(
        self, stream: str, records: Iterable[object], read_at: datetime | None
    ) -> None:
        """Collect the RECORD messages of a page.

        Args:
            stream: The stream's name.
            records: Dictionaries, or structs that hold the bytes Zendesk sent.
            read_at: When they were read.

        Raises:
            TargetGoneError: If that cannot be done.
        """
        head = b'{"type":"RECORD","stream":%b,"record":' % encoder.encode(stream)
        tail = b',"time_extracted":%b}\n' % encoder.encode(read_at)
        for record in records:
            self._lines += head
            encoder.encode_into(record, self._lines, -1)
            self._lines += tail
            if len(self._lines) > MAX_COLLECTED_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write out what was collected, whole lines only.

        Raises:
            TargetGoneError: If that cannot be done.
        """
        lines, self._lines = self._lines, bytearray()
        with _explained(), shutdown.held_off():
            # Unbuffered (PYTHONUNBUFFERED), a write that a signal interrupts is a short one.
            left = memoryview(lines)
            while left:
                left = left[sys.stdout.buffer.write(left) :]
            sys.stdout.buffer.flush()


def print_text(text: str) -> None:
    """Print a line to standard output.

    Args:
        text: The line.

    Raises:
        TargetGoneError: If that cannot be done.
    """
    with _explained():
        print(text, flush=True)  # noqa: T201 (what a command is asked to print)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Python flushes standard output once more at exit, and would complain.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        msg = f"Standard output cannot be written to: {error.strerror}"
        if isinstance(error, BrokenPipeError):
            msg = "The target has ended and reads no more; its own log says why"
        raise TargetGoneError(msg) from error
