"""The benchmarks patch the tap, so they have to follow when a step of it moves."""

from __future__ import annotations

import pytest

from benchmarks.without import STEPS


@pytest.mark.parametrize("name", STEPS)
def test_a_step_can_be_removed(name: str) -> None:
    with STEPS[name]:
        pass
