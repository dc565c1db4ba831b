"""Fixtures for the checks of all orchestrators."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.simulator import Simulator

from .accounts import ACCOUNTS, Account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[list[Account]]:
    """Provide two accounts, each with its own data and token."""
    with Simulator(seed=1, tickets=60) as acme, Simulator(seed=2, users=40) as globex:
        opened = []
        for name, zendesk in (("check-acme", acme), ("check-globex", globex)):
            token = f"access-token-of-{name}"
            zendesk.api.auth.tokens[0].access_token = token
            shutil.rmtree(ACCOUNTS / name, ignore_errors=True)
            opened.append(Account(zendesk, token, tmp_path / f"{name}.duckdb"))
        yield opened
    for account in opened:
        shutil.rmtree(ACCOUNTS / account.database.stem, ignore_errors=True)
