"""Any data, page sizes, faults and kills: each record arrives at least once, and nothing else."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .processes import FastTap, trimmed
from .running import STREAMS, TIMEOUT_SECONDS
from .simulator import Simulator
from .simulator.credentials import CLIENT_ID, CLIENT_SECRET
from .torture import FAULTS

if TYPE_CHECKING:
    from .running import Json, Run

SLOW_FAULTS = {"no answer", "slow body", "body that drips", "headers that drip"}
QUICK_FAULTS = sorted(FAULTS.keys() - SLOW_FAULTS)
streams = st.sampled_from(STREAMS)
SECOND = 1_700_000_000


class Exports(RuleBasedStateMachine):
    """An account that changes, and runs that resume from the last STATE, however they ended."""

    def __init__(self) -> None:
        """Start an account, and create a folder for the runs."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.zendesk = Simulator(tickets=0, ticket_events=0, users=0, organizations=0).start()
        self.tap = FastTap(self.zendesk, Path(self.folder.name), *STREAMS)
        self.state: Json | None = None
        self.delivered: dict[str, dict[Any, Json]] = defaultdict(dict)
        self.versions: dict[str, dict[Any, list[Json]]] = defaultdict(lambda: defaultdict(list))

    def teardown(self) -> None:
        """Stop the account and remove the folder."""
        self.zendesk.stop()
        self.folder.cleanup()

    @initialize(gaps=st.fixed_dictionaries({s: st.lists(st.integers(0, 3)) for s in STREAMS}))
    def fill(self, gaps: dict[str, list[int]]) -> None:
        """Put records into the account, many of them with the same second."""
        for stream, steps in gaps.items():
            seconds = [SECOND + sum(steps[: n + 1]) // 2 for n in range(len(steps))]
            self.zendesk.store.fill(stream, seconds)
            self.remember(stream)

    @rule(stream=streams, number=st.integers(0, 99), what=st.sampled_from(["update", "delete"]))
    def change(self, stream: str, number: int, what: str) -> None:
        """Change or delete a record, if there is one. Events are never deleted."""
        ids = list(self.zendesk.store.records[stream])
        what = "update" if stream == "ticket_events" else what
        if ids:
            getattr(self.zendesk.store, what)(stream, ids[number % len(ids)])
            self.remember(stream)

    @rule(stream=streams, count=st.integers(1, 12), same=st.booleans())
    def create(self, stream: str, count: int, same: bool) -> None:  # noqa: FBT001
        """Create records, perhaps all with the same second."""
        second = self.zendesk.store.now(stream)
        for _ in range(count):
            self.zendesk.store.create(stream, at=second if same else None)
        self.remember(stream)

    @rule(
        per_page=st.integers(1, 60),
        faults=st.lists(
            st.tuples(st.sampled_from(QUICK_FAULTS), streams, st.integers(0, 5)), max_size=5
        ),
        kill_at=st.none() | st.integers(0, 200_000),
        method=st.sampled_from(["cursor", "time"]),
    )
    def export(
        self,
        per_page: int,
        faults: list[tuple[str, str, int]],
        kill_at: int | None,
        method: str,
    ) -> None:
        """Run the tap through faults, to its end or until it has written some bytes."""
        self.zendesk.clear()
        for name, stream, after in faults:
            self.zendesk.faults.add(path=f"incremental/{stream}", after=after, **FAULTS[name])
        login: Json = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        with self.tap.started(
            state=self.state, per_page=per_page, export_method=method, **login
        ) as process:
            if kill_at is None:
                process.join(TIMEOUT_SECONDS)
            else:
                self.tap.wait_for_bytes(process, kill_at)
        run = self.tap.ended(process)
        assert run.exit_code == 0 or kill_at is not None, run.stderr
        assert run.exit_code <= 0, run.stderr
        assert not self.tap.secrets
        self.take(run)
        if run.exit_code == 0:
            self.check()

    def remember(self, stream: str) -> None:
        """Note the present version of a stream's records."""
        for key, record in self.zendesk.store.records[stream].items():
            self.versions[stream][key].append(trimmed(record))

    def take(self, run: Run) -> None:
        """Keep the records that a run wrote, and assert that each was once in the account."""
        for stream, records in run.records.items():
            for record in records:
                assert record in self.versions[stream][record["id"]]
                self.delivered[stream][record["id"]] = record
        self.state = run.state or self.state

    def check(self) -> None:
        """Assert that the last version that was written of each record is the account's."""
        for stream in STREAMS:
            there = self.zendesk.store.records[stream]
            assert self.delivered[stream] == {key: trimmed(there[key]) for key in there}


TestExports = Exports.TestCase
TestExports.settings = settings(
    max_examples=10,
    stateful_step_count=6,
    # Without shrinking, because a kill is not reproducible.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
