"""Collects RECORD messages, and writes them together: before other messages, and at about 1 MB.

A flush for each message costs more than the message, and hands the interpreter's lock to the
thread that fetches.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.singerlib.messages import RecordMessage, StateMessage

from tap_zendesk_incremental import shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from singer_sdk.singerlib.messages import Message

MAX_COLLECTED_BYTES = 1024 * 1024


class TargetGoneError(SingerSDKError):
    """The tap cannot write to standard output: the target has ended, or the disk is full."""


class CollectingWriter(MsgSpecWriter):
    """Writes Singer messages to standard output.

    Attributes:
        is_state_due: Whether a RECORD message has been written since the last STATE message.
    """

    def __init__(self) -> None:
        """Start without messages."""
        super().__init__()
        self._lines = bytearray()
        self.is_state_due = False

    def write_message(self, message: Message) -> None:
        """Collect a RECORD message. Write any other at once, after all messages before it.

        Raises:
            TargetGoneError: If standard output cannot be written to.
        """
        encoder.encode_into(message.to_dict(), self._lines, -1)
        self._lines += b"\n"
        is_record = isinstance(message, RecordMessage)
        if isinstance(message, (RecordMessage, StateMessage)):
            self.is_state_due = is_record
        if not is_record or len(self._lines) > MAX_COLLECTED_BYTES:
            self.flush()

    def write_records(
        self, stream: str, records: Iterable[object], read_at: datetime | None
    ) -> None:
        """Collect the RECORD messages of a page.

        Args:
            stream: The stream's name.
            records: Dictionaries, or structs with the bytes that Zendesk sent.
            read_at: When the page was read.

        Raises:
            TargetGoneError: If standard output cannot be written to.
        """
        head = b'{"type":"RECORD","stream":%b,"record":' % encoder.encode(stream)
        tail = b',"time_extracted":%b}\n' % encoder.encode(read_at)
        for record in records:
            self.is_state_due = True
            self._lines += head
            encoder.encode_into(record, self._lines, -1)
            self._lines += tail
            if len(self._lines) > MAX_COLLECTED_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write the collected messages, as whole lines even if a signal arrives.

        Raises:
            TargetGoneError: If standard output cannot be written to.
        """
        lines, self._lines = self._lines, bytearray()
        with _target_errors(), shutdown.held_off():
            # If output is unbuffered (PYTHONUNBUFFERED), a signal can cut a write short.
            left = memoryview(lines)
            while left:
                left = left[sys.stdout.buffer.write(left) :]
            sys.stdout.buffer.flush()


def print_text(text: str) -> None:
    """Print a line to standard output.

    Args:
        text: The line.

    Raises:
        TargetGoneError: If standard output cannot be written to.
    """
    with _target_errors():
        print(text, flush=True)  # noqa: T201 (the output of a command)


@contextlib.contextmanager
def _target_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Python flushes standard output again at exit, and would report the error once more.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        msg = f"Cannot write to standard output: {error.strerror}"
        if isinstance(error, BrokenPipeError):
            msg = "The target has ended and reads no more; see its own log for the reason"
        raise TargetGoneError(msg) from error
