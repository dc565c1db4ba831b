"""The Singer SDK's own test suite for taps, against the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_zendesk_incremental.tap import TapZendeskIncremental

from .running import config_for, discover, select
from .simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = "ticket_exports"  # current accounts do not have it
names = {entry["tap_stream_id"] for entry in discover()["streams"]} - {GONE}

# The suite needs its tap before any fixture runs. The simulator is stopped after the tests.
zendesk = Simulator().start()

TestTap = get_tap_test_class(
    TapZendeskIncremental,
    config=config_for(zendesk),
    catalog=select(*names),
    suite_config=SuiteConfig(max_records_limit=20, ignore_no_records_for_streams=[GONE]),
)

# Some properties are null throughout the simulator's data.
pytestmark = pytest.mark.filterwarnings("ignore:No records were available to test")


@pytest.fixture(scope="module", autouse=True)
def stopped_simulator() -> Iterator[None]:
    """Stop the simulator after the tests."""
    yield
    zendesk.stop()
