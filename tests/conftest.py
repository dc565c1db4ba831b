"""Fixtures every test can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def zendesk() -> Iterator[Simulator]:
    """A small account of one's own, on a free port."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def zendesk_shared() -> Iterator[Simulator]:
    """An account that tests share: for reading only, its log and settings included."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded responses of a real account, where it lies beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "recordings"
    if not folder.is_dir():
        pytest.skip("no recordings beside the repository")
    return folder
