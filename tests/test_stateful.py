"""Any data, settings, faults, kills and states: each record arrives at least once, nothing else."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .processes import FastTap, trimmed
from .running import STREAMS, TIMEOUT_SECONDS, Run
from .simulator import Simulator
from .simulator.credentials import CLIENT_ID, CLIENT_SECRET
from .torture import FAULTS, LISTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from .running import Json
    from .simulator.wire import Reply

SLOW_FAULTS = {"no answer", "slow body", "body that drips", "headers that drip"}
QUICK_FAULTS = sorted(FAULTS.keys() - SLOW_FAULTS)
streams = st.sampled_from(STREAMS)
whats = st.sampled_from(["update", "delete"])
SECOND = 1_700_000_000


class Exports(RuleBasedStateMachine):
    """An account that changes, also during runs, which go on from any STATE, however they ended."""

    def __init__(self) -> None:
        """Start an account, and create a folder for the runs."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.zendesk = Simulator(tickets=0, ticket_events=0, users=0, organizations=0).start()
        self.tap = FastTap(self.zendesk, Path(self.folder.name), *STREAMS)
        self.states: list[Json] = []
        self.method = "cursor"
        self.changes: list[tuple[str, int, str]] = []
        self.zendesk.api.get = self.changing(self.zendesk.api.get)  # type: ignore[method-assign]
        self.delivered: dict[str, dict[Any, Json]] = defaultdict(dict)
        self.versions: dict[str, dict[Any, list[Json]]] = defaultdict(lambda: defaultdict(list))

    def teardown(self) -> None:
        """Check that one more run brings what is missing, and stop the account."""
        try:
            self.export(60, [], None, self.method, [], None, "last")
        finally:
            self.zendesk.stop()
            self.folder.cleanup()

    @initialize(
        gaps=st.fixed_dictionaries({s: st.lists(st.integers(0, 3), min_size=9) for s in STREAMS})
    )
    def fill(self, gaps: dict[str, list[int]]) -> None:
        """Put records into the account, many of them with the same second."""
        for stream, steps in gaps.items():
            seconds = [SECOND + sum(steps[: n + 1]) // 2 for n in range(len(steps))]
            self.zendesk.store.fill(stream, seconds)
            self.remember(stream)

    def changing(self, get: Callable[..., Reply]) -> Callable[..., Reply]:
        """Return `Api.get` with a change of the account before each page, as long as some wait."""

        def changed(path: str, *args: Any, **more: Any) -> Reply:  # noqa: ANN401 (those of `get`)
            with self.zendesk.store.lock:
                if self.changes:
                    self.change(*self.changes.pop())
            return get(path, *args, **more)

        return changed

    @rule(stream=streams, number=st.integers(0, 99), what=whats)
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
        per_page=st.integers(1, 12),
        faults=st.lists(
            st.tuples(st.sampled_from(QUICK_FAULTS), streams, st.integers(0, 5)), max_size=5
        ),
        kill_at=st.none() | st.integers(0, 40_000),
        method=st.sampled_from(["cursor", "time", "list"]),
        changes=st.lists(st.tuples(streams, st.integers(0, 99), whats), max_size=5),
        lines=st.none() | st.integers(0, 99),
        start=st.sampled_from(["last", "last", "merged", "earlier", "refresh"]),
    )
    def export(  # noqa: PLR0913, PLR0917 (drawn by name)
        self,
        per_page: int,
        faults: list[tuple[str, str, int]],
        kill_at: int | None,
        method: str,
        changes: list[tuple[str, int, str]],
        lines: int | None,
        start: str,
    ) -> None:
        """Run the tap through faults and changes, to its end or until it has written some bytes.

        It starts with the last state or an earlier one. The runner may merge its state key by key
        into that, as Meltano does with `--merge-state`, and after a `--full-refresh` without state.
        `lines` cuts off what it wrote after so many lines, as a kill at that moment would.
        """
        self.zendesk.clear()
        self.changes = [*changes]
        self.method = method
        number = -1 if start != "earlier" else per_page % (len(self.states) or 1)
        state = self.states[number] if self.states else None
        for name, stream, after in faults:
            self.zendesk.faults.add(path=f"incremental/{stream}", after=after, **FAULTS[name])
        login: Json = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        with self.tap.started(
            state=None if start == "refresh" else state,
            per_page=per_page,
            export_method=method,
            **login,
        ) as process:
            if kill_at is None:
                process.join(TIMEOUT_SECONDS)
            else:
                self.tap.wait_for_bytes(process, kill_at)
        run = self.tap.ended(process)
        assert run.exit_code == 0 or kill_at is not None, run.stderr
        assert run.exit_code <= 0, run.stderr
        assert not self.tap.secrets
        if lines is not None:
            run = Run(-9, b"".join(line + b"\n" for line in run.lines[:lines]), run.stderr)
        self.take(run, state or {}, merges=start in {"merged", "refresh"}, anew=start == "refresh")
        if run.exit_code == 0 and not changes:
            self.check(is_listed=method == "list")
        self.changes = []

    def remember(self, stream: str) -> None:
        """Note the present version of a stream's records."""
        for key, record in self.zendesk.store.records[stream].items():
            self.versions[stream][key].append(trimmed(record))

    def take(self, run: Run, before: Json, *, merges: bool, anew: bool) -> None:
        """Keep what a run wrote, and assert that each record was once in the account.

        Args:
            run: The run.
            before: The state that its own is merged into.
            merges: Whether its states are merged.
            anew: Whether it brings its streams anew, so that what came before does not count.
        """
        if anew and run.state:
            self.states = []
            for stream in (name for name, place in run.state["bookmarks"].items() if place):
                self.delivered[stream].clear()
        for stream, records in run.records.items():
            for record in records:
                assert record in self.versions[stream][record["id"]]
                self.delivered[stream][record["id"]] = record
        for state in run.states:
            old, new = (one.get("bookmarks", {}) for one in (before, state))
            merged = {stream: {**old.get(stream, {}), **new.get(stream, {})} for stream in STREAMS}
            self.states.append({"bookmarks": merged} if merges else state)

    def check(self, *, is_listed: bool) -> None:
        """Assert that the last version that was written of each record is the account's.

        Args:
            is_listed: Whether the run exported lists, which lack some records and all events.
        """
        for stream in LISTED if is_listed else STREAMS:
            there = self.zendesk.store.records[stream]
            keys = self.zendesk.api.shown(stream) if is_listed else there
            came = self.delivered[stream]
            assert {key: came.get(key) for key in keys} == {
                key: trimmed(there[key]) for key in keys
            }


TestExports = Exports.TestCase
TestExports.settings = settings(
    max_examples=10,
    stateful_step_count=12,
    # Without shrinking, because a kill is not reproducible.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
