"""The token file: all of a pair or nothing, readable to its owner alone, one run at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from tap_zendesk_incremental.token_file import TokenFile, TokenPair, fingerprint

if TYPE_CHECKING:
    from pathlib import Path

SEED = fingerprint("first-refresh-token")
PAIR = TokenPair("access-one", "refresh-one", 1_800_000_000.5, SEED)


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    """A file that is not there yet."""
    return TokenFile(str(tmp_path / "tokens.json"))


def test_a_pair_comes_back(file: TokenFile) -> None:
    assert file.read(SEED) is None
    with file.locked(), file.replacement() as replacement:
        replacement.write(PAIR)
    assert file.read(SEED) == PAIR
    assert file.path.stat().st_mode & 0o777 == 0o600
    lasting = TokenPair("access-two", "refresh-two", None, SEED)
    with file.locked(), file.replacement() as replacement:
        replacement.write(lasting)
    assert file.read(SEED) == lasting
    assert {p.name for p in file.path.parent.iterdir()} == {"tokens.json", "tokens.json.lock"}


def test_a_new_setting_makes_the_kept_pair_void(file: TokenFile) -> None:
    with file.replacement() as replacement:
        replacement.write(PAIR)
    assert file.read(fingerprint("another-refresh-token")) is None
    assert "first-refresh-token" not in file.path.read_text()


def test_nothing_is_replaced_unless_written(file: TokenFile) -> None:
    with file.replacement() as replacement:
        replacement.write(PAIR)
    with pytest.raises(OSError, match="no answer"), file.replacement():
        raise OSError("no answer")  # noqa: EM101, TRY003
    assert file.read(SEED) == PAIR
    assert [p.name for p in file.path.parent.iterdir()] == ["tokens.json"]


def test_a_foreign_file_is_not_overlooked(file: TokenFile) -> None:
    file.path.write_text('{"another": "file"}')
    with pytest.raises(msgspec.MsgspecError):
        file.read(SEED)


def test_no_place_to_write_to_is_found_beforehand(tmp_path: Path) -> None:
    file = TokenFile(str(tmp_path / "missing" / "tokens.json"))
    with pytest.raises(FileNotFoundError), file.locked():
        pass
    with pytest.raises(FileNotFoundError), file.replacement():
        pass


def test_runs_take_turns(file: TokenFile) -> None:
    order = []
    other = TokenFile(str(file.path))

    def second_run() -> None:
        with other.locked():
            order.append("second")

    with file.locked():
        thread = threading.Thread(target=second_run)
        thread.start()
        thread.join(0.1)  # as long as this run holds the lock, the other one cannot end
        assert thread.is_alive()
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert TokenFile("~/tokens.json").path == tmp_path / "tokens.json"
