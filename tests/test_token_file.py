"""The token file: a complete pair or none, readable only by its owner, one run at a time."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from tap_zendesk_incremental.auth.token_file import (
    MAX_TOKEN_LENGTH,
    TokenFile,
    TokenPair,
    fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = fingerprint("first-refresh-token")
OLD_PAIR = TokenPair("access-zero", "refresh-zero", 1_800_000_000.5, SEED)
OLD_FILE = (
    f'{{"access_token":"access-zero","refresh_token":"refresh-zero",'
    f'"expires_at":1800000000.5,"seed":"{SEED}"}}'
)
"""The format of earlier versions."""


def numbered(number: int) -> TokenPair:
    """Return a pair with this number and the longest possible tokens."""
    token = f"{number:0{MAX_TOKEN_LENGTH}}"
    return TokenPair(token, token, None, SEED, "https://example.zendesk.com", SEED, number)


def read(file: TokenFile) -> TokenPair | None:
    """Read the pair as a run does."""
    with file.locked() as slots:
        return slots.read()


def write(file: TokenFile, pair: TokenPair) -> None:
    """Replace the pair as a run does."""
    with file.locked() as slots:
        slots.read()
        slots.reserve()
        slots.write(pair)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Simulate a full disk by a limit on the size of files. Python ignores its signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    """A token file that does not exist yet."""
    return TokenFile(str(tmp_path / "tokens.json"))


def test_a_written_pair_is_read_again(file: TokenFile) -> None:
    assert read(file) is None
    for number in range(1, 5):
        write(file, numbered(number))
        assert read(file) == numbered(number)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["tokens.json"]


@pytest.mark.parametrize("content", ["", "\n", " " * 9000, "\0" * 20000])
def test_an_empty_file_counts_as_a_new_one(file: TokenFile, content: str) -> None:
    file.path.write_text(content)
    assert read(file) is None
    write(file, numbered(1))
    assert read(file) == numbered(1)


def test_a_file_from_an_earlier_version(file: TokenFile) -> None:
    file.path.write_text(OLD_FILE)
    file.path.chmod(0o644)
    assert read(file) == OLD_PAIR
    assert file.path.read_text() == OLD_FILE
    write(file, numbered(1))
    assert read(file) == numbered(1)
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("old", [OLD_PAIR, numbered(1), numbered(2)])
def test_an_interrupted_write_leaves_the_old_pair(
    file: TokenFile, old: TokenPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not matter whether the machine stops while reserving space or while writing."""
    if old.number:
        for number in range(1, old.number + 1):
            write(file, numbered(number))
    else:
        file.path.write_text(OLD_FILE)
    before = file.path.read_bytes()
    put, left = os.pwrite, 0

    def cut(handle: int, content: bytes, offset: int) -> int:
        nonlocal left
        written = put(handle, content[:left], offset)
        left -= written
        return written

    monkeypatch.setattr(os, "pwrite", cut)
    for limit in (0, 1, 100, 10_000, 20_000, 33_000, 40_000):
        file.path.write_bytes(before)
        left = limit
        with contextlib.suppress(OSError):
            write(file, numbered(old.number + 1))
        assert read(file) in ([old, numbered(old.number + 1)] if left else [old])


def test_a_file_of_another_kind_is_an_error_and_stays_unchanged(file: TokenFile) -> None:
    for content in (b'{"another": "file"}', b"text", b"\xff\xfe\x00", b"[]", b"x" * 100_000):
        file.path.write_bytes(content)
        with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
            read(file)
        assert file.path.read_bytes() == content


@pytest.mark.parametrize("path", ["missing/tokens.json", ".", "/dev/null", "/dev/full"])
def test_an_unusable_path_is_found_beforehand(tmp_path: Path, path: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Is a directory|not a regular file"):
        read(TokenFile(str(tmp_path / path)))


def test_a_full_disk_is_found_beforehand(file: TokenFile) -> None:
    file.path.write_text(OLD_FILE)
    with file.locked() as slots, full_disk():
        slots.read()
        with pytest.raises(OSError, match="No space left on device"):
            slots.reserve()
    assert read(file) == OLD_PAIR


def waits_for(file: TokenFile, other: TokenFile, seconds: float = 0.1) -> bool:
    """Return whether a run with one file blocks a run with the other, for at least some seconds."""
    order = []

    def second_run() -> None:
        with other.locked():
            order.append("second")

    with file.locked():
        thread = threading.Thread(target=second_run)
        thread.start()
        thread.join(seconds)  # the other run cannot end while this one holds the lock
        order.append("first")
    thread.join(20)
    return order == ["first", "second"]


def test_runs_take_turns(file: TokenFile) -> None:
    assert waits_for(file, TokenFile(str(file.path)))
    assert not waits_for(file, TokenFile(f"{file.path}.2"), seconds=60)


def test_links_to_the_file(file: TokenFile) -> None:
    """Links share the lock of the file, even before it exists."""
    link = TokenFile(str(file.path.with_name("link.json")))
    link.path.symlink_to(file.path)
    assert waits_for(link, file)
    write(link, numbered(1))
    assert link.path.is_symlink()
    assert read(file) == numbered(1)
    hard = TokenFile(str(file.path.with_name("hard.json")))
    hard.path.hardlink_to(file.path)
    assert waits_for(hard, file)
    write(hard, numbered(2))
    assert read(file) == numbered(2)


def test_a_file_that_is_replaced_while_a_run_waits(file: TokenFile) -> None:
    """While a run waits, a copy replaces the file, as when a backup is restored."""
    found = []
    with file.locked():
        thread = threading.Thread(target=lambda: found.append(read(file)))
        thread.start()
        thread.join(0.1)
        copy = TokenFile(f"{file.path}.copy")
        write(copy, numbered(7))
        copy.path.replace(file.path)
    thread.join(20)
    assert found == [numbered(7)]


def test_a_path_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert TokenFile("~/tokens.json").path == tmp_path / "tokens.json"
