"""The file that keeps the current pair of OAuth tokens between runs.

Zendesk voids a refresh token at its first use. Whoever loses the new one is locked out, so a pair
is on the disk before it is used, and whether the disk takes it is found out before the old one is
spent.

The file is written in place: a file that is mounted into a container cannot be replaced by another,
a symbolic link must stay one, and what is never made need not be cleaned up after a kill. It has
two slots of a fixed size, each a line of JSON. A new pair goes into the slot that does not hold the
current one, so that a machine that stops in the middle of a write leaves one of the two. Earlier
versions wrote one pair and nothing else, which is what a file with one slot looks like.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from tap_zendesk_incremental.auth.redaction import hide

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TOKEN_LENGTH = 4096
"""Zendesk's tokens have 64 characters. A slot takes two of the greatest length."""

Token = Annotated[str, msgspec.Meta(pattern=r"^[!#-\[\]-~]+\Z", max_length=MAX_TOKEN_LENGTH)]
"""What a token may hold by RFC 6749, appendix A, so that it fits into a header and a slot."""

_SLOT_BYTES = 4 * MAX_TOKEN_LENGTH
_SLOTS = 2
_BLANK = b" \n\0"


class TokenPair(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a slot holds.

    Attributes:
        access_token: For requests.
        refresh_token: For the next pair.
        expires_at: When the access token ends, epoch seconds; None if it does not.
        seed: Fingerprint of the setting `refresh_token` that the pair descends from.
        account: The address that gave the pair; "" in a file of an earlier version.
        client: Fingerprint of the OAuth client's identifier; "" in a file of an earlier version.
        number: Which pair of this file it is; the greatest one is current.
    """

    access_token: Token
    refresh_token: Token
    expires_at: float | None
    seed: str
    account: str = ""
    client: str = ""
    number: int = 0


def fingerprint(text: str) -> str:
    """Give what tells one text from another without holding it."""
    return hashlib.sha256(text.encode()).hexdigest()


class TokenFile:
    """Opens the file for one run at a time."""

    def __init__(self, path: str) -> None:
        """Name the file.

        Args:
            path: Where it is or shall be; `~` is the home folder.
        """
        self.path = Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's fails without a home)

    @contextlib.contextmanager
    def locked(self) -> Iterator[Slots]:
        """Hold the file, made if need be; another run waits, then finds the new pair.

        The lock is on the file itself. It excludes a run that reaches the file by another path,
        or from another container.

        Raises:
            OSError: If the file cannot be made, read and written to.
        """
        with contextlib.ExitStack() as opened:
            while True:
                handle = self._open()
                opened.callback(os.close, handle)
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    msg = "it is not a regular file"
                    raise OSError(msg)
                fcntl.flock(handle, fcntl.LOCK_EX)
                # Whoever held it may have put another file in its place.
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), self.path.stat()):
                        break
                opened.close()
            yield Slots(handle, self.path)

    def _open(self) -> int:
        # Linux refuses O_CREAT for a file of somebody else's in a shared folder such as /tmp.
        with contextlib.suppress(FileNotFoundError):
            return os.open(self.path, os.O_RDWR)
        return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)


class Slots:
    """The open file."""

    def __init__(self, handle: int, path: Path) -> None:
        """Take over a file that is open and locked; it stays the caller's to close."""
        self._handle = handle
        self._path = path
        self._next = 0

    def read(self) -> TokenPair | None:
        """Give the current pair, None if the file is empty.

        Raises:
            msgspec.MsgspecError: If the file is not one of ours, or damaged.
            OSError: If it cannot be read.
        """
        current, damage = None, None
        for slot in range(_SLOTS):
            content = os.pread(self._handle, _SLOT_BYTES, slot * _SLOT_BYTES).strip(_BLANK)
            try:
                pair = msgspec.json.decode(content, type=TokenPair) if content else None
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                damage = error  # a machine that stopped while this slot was written
                continue
            if pair and (current is None or pair.number > current.number):
                current, self._next = pair, (slot + 1) % _SLOTS
        if current:
            hide(current.access_token, current.refresh_token)
        elif damage:
            raise damage
        return current

    def reserve(self) -> None:
        """Prove that a pair can be written, before the old one is spent; call `read` first.

        Raises:
            OSError: If the disk is full or refuses for another reason.
        """
        with contextlib.suppress(OSError):  # it may be another user's, shared with this one
            os.fchmod(self._handle, 0o600)
        size = os.fstat(self._handle).st_size
        self._put(size, b" " * (_SLOTS * _SLOT_BYTES - size))
        self._put(self._next * _SLOT_BYTES, _line(b""))
        with contextlib.suppress(OSError):  # not all file systems let a folder be synchronized
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def write(self, pair: TokenPair) -> None:
        """Put a pair in place: all of it or nothing, also if the machine stops now.

        Raises:
            OSError: If the disk refuses.
        """
        self._put(self._next * _SLOT_BYTES, _line(msgspec.json.encode(pair)))

    def _put(self, offset: int, content: bytes) -> None:
        if os.pwrite(self._handle, content, offset) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._handle)


def _line(content: bytes) -> bytes:
    return content.ljust(_SLOT_BYTES - 1) + b"\n"
