"""The file that keeps the current pair of OAuth tokens between runs.

Zendesk voids a refresh token at its first use. Whoever loses the new one is locked out, so a
pair is on the disk before it is used, and two runs at once take turns.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tap_zendesk_incremental.redaction import hide

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESERVED_BYTES = 8192
"""Written before the old token is spent, so that a full disk is found in time."""


class TokenPair(msgspec.Struct, frozen=True):
    """What the file holds.

    Attributes:
        access_token: For requests.
        refresh_token: For the next pair.
        expires_at: When the access token ends, epoch seconds; None if it does not.
        seed: Fingerprint of the setting `refresh_token` that the pair descends from.
    """

    access_token: str
    refresh_token: str
    expires_at: float | None
    seed: str


def fingerprint(refresh_token: str) -> str:
    """Give what tells one `refresh_token` setting from another without holding it."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


class TokenFile:
    """Reads and replaces the pair under a lock."""

    def __init__(self, path: str) -> None:
        """Name the file.

        Args:
            path: Where it is or shall be; `~` is the home folder.
        """
        self.path = Path(path).expanduser()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file for this run alone; another run waits, then finds the new pair.

        Raises:
            OSError: If the folder cannot be written to.
        """
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self, seed: str) -> TokenPair | None:
        """Give the pair, or None if there is none that descends from this seed.

        Raises:
            msgspec.MsgspecError: If the file is not one of ours, or damaged.
            OSError: If it cannot be read.
        """
        try:
            pair = msgspec.json.decode(self.path.read_bytes(), type=TokenPair)
        except FileNotFoundError:
            return None
        hide(pair.access_token, pair.refresh_token)
        return pair if pair.seed == seed else None

    @contextlib.contextmanager
    def replacement(self) -> Iterator[Replacement]:
        """Reserve the place for a new pair before the old one is spent.

        Raises:
            OSError: If there is no place to write to.
        """
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            os.write(handle, b" " * _RESERVED_BYTES)
            os.fsync(handle)
            yield Replacement(handle, Path(name), self.path)
        finally:
            os.close(handle)
            Path(name).unlink(missing_ok=True)


class Replacement:
    """A reserved file that becomes the token file."""

    def __init__(self, handle: int, name: Path, target: Path) -> None:
        """Take over an open temporary file, which mkstemp made readable to its owner alone."""
        self._handle = handle
        self._name = name
        self._target = target

    def write(self, pair: TokenPair) -> None:
        """Put the pair in place: all of it or nothing, also if the machine stops now.

        Raises:
            OSError: If the disk refuses.
        """
        content = msgspec.json.encode(pair)
        os.pwrite(self._handle, content, 0)
        os.ftruncate(self._handle, len(content))
        os.fsync(self._handle)
        self._name.replace(self._target)
        folder = os.open(self._target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
