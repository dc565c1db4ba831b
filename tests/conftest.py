"""Fixtures that every test can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from .postgres import TARGET, Schema, served
from .simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# The same examples in each run, however slow the machine is, so that a test fails only because of a
# change. `--hypothesis-profile explore` looks for new examples.
hypothesis.settings.register_profile(
    "repeat",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
repeat = hypothesis.settings.get_profile("repeat")
hypothesis.settings.register_profile("explore", repeat, derandomize=False)
hypothesis.settings.load_profile("repeat")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 (xdist's)
    """Return a scheduler that runs all tests of the dbt project in the same worker.

    Another worker would build the project again. Any other test goes to the next free worker.
    pytest 9.2 hides the mark that xdist has for this.
    """
    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = lambda nodeid: (  # noqa: SLF001 - meant to be overridden
        "transform" if "test_transform.py" in nodeid else nodeid
    )
    return scheduling


@pytest.fixture
def zendesk() -> Iterator[Simulator]:
    """The test's own small account, on a free port."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def zendesk_shared() -> Iterator[Simulator]:
    """An account that tests share. They must not change it, its log or its settings."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server, which all tests of a worker share."""
    if not TARGET.exists():
        pytest.skip("no PostgreSQL here; `make test` sets it up")
    with served() as url:
        yield url


@pytest.fixture
def schema(postgres: str) -> Iterator[Schema]:
    """The test's own schema in a PostgreSQL database."""
    schema = Schema(postgres)
    yield schema
    schema.drop()


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of a real account's recorded responses, if it is beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "recordings"
    if not folder.is_dir():
        pytest.skip("no recordings beside the repository")
    return folder
