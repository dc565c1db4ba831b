"""Mangled settings, states and catalogs: either a run can start, or an error says why not."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from tap_zendesk_incremental.tap import TapZendeskIncremental

from .running import Json, select

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

CONFIG: Json = {
    "subdomain": "example",
    "access_token": "a-good-token",
    "api_url": "https://zendesk.example",
    "start_date": "2020-01-01",
    "end_date": "2021-01-01T00:00:00Z",
    "export_method": "cursor",
    "per_page": 1000,
    "exclude_deleted": True,
    "support_type_scope": "all",
    "sample": False,
    "request_timeout": 2,
    "user_agent": "x",
    "stream_maps": {
        "users": {"x": "md5(email) if email else None", "__filter__": "id > 3"},
        "people": {"__source__": "users", "__key_properties__": ["id"]},
        "organizations": {"__alias__": "orgs", "name": None},
        "__else__": None,
    },
    "stream_map_config": {"salt": 1},
    "faker_config": {"seed": 1, "locale": ["en"]},
    "flattening_enabled": True,
    "flattening_max_depth": 2,
    "flattening_separator": "__",
}
STATE: Json = {
    "bookmarks": {
        "users": {
            "replication_key": "updated_at",
            "replication_key_value": "2023-09-18T21:52:43Z",
            "cursor": "MTY5NTA3Mzk2My4wfHw=",
        },
        "organizations": {
            "replication_key": "updated_at",
            "replication_key_value": "2023-09-18T21:52:43Z",
            "end_time": 1_695_073_963,
        },
        "tickets": {"generated_timestamp": "2023-09-18T21:52:43Z"},
        "ticket_events": {"replication_key": "updated_at", "replication_key_value": "2023-01-01"},
    },
    "currently_syncing": "users",
}
CATALOG: Json = {
    "streams": [
        entry
        for entry in select("users", "ticket_fields", "ticket_metrics")["streams"]
        if entry["tap_stream_id"] in {"users", "organizations", "ticket_fields", "ticket_metrics"}
    ]
}

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 5, 10**30, 1.5, "", "x", "false", "\0", "é", "2024-01-01"]),
    st.builds(dict, st.sampled_from([{}, {"a": 1}, {"x": None}])),
    st.builds(list, st.sampled_from([(), ("x",), (1,), (None,), ({},)])),
)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 (a JSON value)
    """Yield the path of every value nested in another."""
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        keys = [*range(len(value))]
    for key in keys:
        yield (*path, key)
        yield from paths(value[key], (*path, key))


def mangled(good: Json) -> st.SearchStrategy[Json]:
    """Return a strategy that removes, replaces or adds a value."""
    places = sorted(paths(good), key=len)

    def mangle(path: Path, change: str, value: object) -> Json:
        bad = copy.deepcopy(good)
        parent: Any = bad
        for key in path[:-1]:
            parent = parent[key]
        if change == "remove":
            del parent[path[-1]]
        elif change == "add" and isinstance(parent, dict):
            parent[f"{path[-1]}s"] = value
        else:
            parent[path[-1]] = value
        return bad

    changes = st.sampled_from(["remove", "add", "replace", "replace"])
    return st.builds(mangle, st.sampled_from(places), changes, junk)


@settings(max_examples=150)
@given(
    st.one_of(
        mangled(CONFIG).map(lambda bad: (bad, STATE, CATALOG)),
        mangled(STATE).map(lambda bad: (CONFIG, bad, CATALOG)),
        mangled(CATALOG).map(lambda bad: (CONFIG, STATE, bad)),
    )
)
def test_a_run_can_start_or_an_error_says_why_not(
    given_to_a_run: tuple[Json, Json, Json],
) -> None:
    config, state, catalog = map(copy.deepcopy, given_to_a_run)
    try:
        TapZendeskIncremental(config=config, state=state, catalog=catalog)
    except ConfigValidationError as error:
        lines = list(error.errors)
        assert lines
    except SingerSDKError as error:
        lines = [str(error)]
    else:
        return
    assert all(line.strip() for line in lines)
    assert not [line for line in lines if "a-good-token" in line]
