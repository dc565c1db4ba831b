"""The file that keeps the current pair of OAuth tokens between runs.

Zendesk voids a refresh token at its first use, and a tap that loses the new one is locked out. So
the tap checks that it can write to the disk before it spends the old token, and stores the new pair
before it uses it.

The file is written in place, without a temporary file: a file that is mounted into a container
cannot be replaced, a symbolic link has to remain a link, and a kill leaves nothing to clean up.

The file has two slots of a fixed size, each with a line of JSON. A new pair goes into the slot that
does not hold the current one. If the machine stops in the middle of a write, the other slot is
intact. Earlier versions wrote only one pair; such a file is read as one with a single slot in use.
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
"""Zendesk's tokens have 64 characters. A slot has room for two tokens of this length."""

Token = Annotated[str, msgspec.Meta(pattern=r"^[!#-\[\]-~]+\Z", max_length=MAX_TOKEN_LENGTH)]
"""A token as RFC 6749, appendix A, allows it, so that it fits into a header and a slot."""

_SLOT_BYTES = 4 * MAX_TOKEN_LENGTH
_SLOTS = 2
_BLANK = b" \n\0"


class TokenPair(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a slot.

    Attributes:
        access_token: The token for requests.
        refresh_token: The token for the next pair.
        expires_at: When the access token expires, in epoch seconds; None if it does not.
        seed: Fingerprint of the setting `refresh_token` that the pair descends from.
        account: The address of the account that issued the pair; "" in files of earlier versions.
        client: Fingerprint of the OAuth client's identifier; "" in files of earlier versions.
        number: The pair's number in this file. The pair with the highest number is current.
    """

    access_token: Token
    refresh_token: Token
    expires_at: float | None
    seed: str
    account: str = ""
    client: str = ""
    number: int = 0


def fingerprint(text: str) -> str:
    """Return a hash that identifies a text without revealing it."""
    return hashlib.sha256(text.encode()).hexdigest()


class TokenFile:
    """Opens the token file for one run at a time."""

    def __init__(self, path: str) -> None:
        """Remember the path; open nothing yet.

        Args:
            path: The path of a file that need not exist yet; `~` stands for the home folder.
        """
        self.path = Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's fails without a home)

    @contextlib.contextmanager
    def locked(self) -> Iterator[Slots]:
        """Open and lock the file, and create it if necessary.

        Another run waits for the lock, and then finds the new pair. The lock is on the file itself,
        so it also excludes runs that use another path to the file, or another container.

        Raises:
            OSError: If the file cannot be created, read and written to.
        """
        with contextlib.ExitStack() as opened:
            while True:
                handle = self._open()
                opened.callback(os.close, handle)
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    msg = "it is not a regular file"
                    raise OSError(msg)
                fcntl.flock(handle, fcntl.LOCK_EX)
                # The previous holder may have replaced the file.
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), self.path.stat()):
                        break
                opened.close()
            yield Slots(handle, self.path)

    def _open(self) -> int:
        # In a shared folder such as /tmp, Linux refuses O_CREAT for another user's file.
        with contextlib.suppress(FileNotFoundError):
            return os.open(self.path, os.O_RDWR)
        return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)


class Slots:
    """The slots of a token file that is open and locked."""

    def __init__(self, handle: int, path: Path) -> None:
        """Use an open file; the caller closes it."""
        self._handle = handle
        self._path = path
        self._next = 0

    def read(self) -> TokenPair | None:
        """Return the current pair, None if the file is empty.

        Raises:
            msgspec.MsgspecError: If the file is not a token file, or damaged.
            UnicodeDecodeError: Likewise.
            OSError: If it cannot be read.
        """
        current, damage = None, None
        for slot in range(_SLOTS):
            content = os.pread(self._handle, _SLOT_BYTES, slot * _SLOT_BYTES).strip(_BLANK)
            try:
                pair = msgspec.json.decode(content, type=TokenPair) if content else None
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                damage = error  # the machine may have stopped while it wrote this slot
                continue
            if pair and (current is None or pair.number > current.number):
                current, self._next = pair, (slot + 1) % _SLOTS
        if current:
            hide(current.access_token, current.refresh_token)
        elif damage:
            raise damage
        return current

    def reserve(self) -> None:
        """Check that a pair can be written, before the old one is spent. Call `read` first.

        Raises:
            OSError: If the disk is full, or refuses the write for another reason.
        """
        with contextlib.suppress(OSError):  # another user may own the file and share it
            os.fchmod(self._handle, 0o600)
        size = os.fstat(self._handle).st_size
        self._put(size, b" " * (_SLOTS * _SLOT_BYTES - size))
        self._put(self._next * _SLOT_BYTES, _line(b""))
        with contextlib.suppress(OSError):  # some file systems cannot synchronize a folder
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def write(self, pair: TokenPair) -> None:
        """Write a pair into the next slot. If the machine stops meanwhile, the old pair remains.

        Raises:
            OSError: If the disk refuses the write.
        """
        self._put(self._next * _SLOT_BYTES, _line(msgspec.json.encode(pair)))

    def _put(self, offset: int, content: bytes) -> None:
        if os.pwrite(self._handle, content, offset) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._handle)


def _line(content: bytes) -> bytes:
    return content.ljust(_SLOT_BYTES - 1) + b"\n"
