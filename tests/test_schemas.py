"""The schemas: valid, complete for what Zendesk sends, and suitable for warehouse targets."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft7Validator, FormatChecker

import tap_zendesk_incremental.schemas
from tap_zendesk_incremental.child_stream import ListedChildStream
from tap_zendesk_incremental.http.endpoint import Endpoint, cursor_export
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS, CustomObject
from tap_zendesk_incremental.streams.support import TicketEvents, Tickets, Users
from tests.simulator import Simulator
from tests.simulator.credentials import API_TOKEN, CHAT_ACCESS_TOKEN, EMAIL

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

FOLDER = Path(tap_zendesk_incremental.schemas.__file__).parent
SCHEMAS: dict[str, Schema] = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.json")
}
CUSTOM_OBJECT_RECORDS = "custom_object_records"  # one schema serves all custom objects
KEYS: dict[str, tuple[str, ...]] = {
    **{stream.name: stream.primary_keys for stream in STREAMS},
    **{stream.name: stream.primary_keys for stream in CHILD_STREAMS},
    CUSTOM_OBJECT_RECORDS: CustomObject.primary_keys,
}
"""The key properties of each schema."""

OF_ANY_TYPE = {"value", "previous_value"}
"""Columns whose values can be of any type. They are JSON, like the columns of objects."""

EXCLUDED = {f"{stream.name}.{name}" for stream in STREAMS for name in stream.excluded}
"""Properties that the tap leaves out. `metric_set` appears only on request."""

LISTED_CHILDREN = [stream for stream in CHILD_STREAMS if issubclass(stream, ListedChildStream)]

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """Return whether a text is an RFC 3339 date-time with an offset. Python 3.10 cannot parse Z."""
    if not isinstance(value, str):
        return True
    return datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None


def nested(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every property and array item below a schema, at every depth, with its path."""
    children = {f"{path}.{name}": child for name, child in schema.get("properties", {}).items()}
    if "items" in schema:
        children[f"{path}[]"] = schema["items"]
    for child_path, child in children.items():
        yield child_path, child
        yield from nested(child, child_path)


def unknown(schema: Schema, value: object, path: str) -> Iterator[str]:
    """Yield the path of every key in a value that its schema neither names nor allows."""
    if isinstance(value, list):
        for element in value:
            yield from unknown(schema.get("items", {}), element, f"{path}[]")
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, element in value.items():
            if key in properties:
                yield from unknown(properties[key], element, f"{path}.{key}")
            elif not schema.get("additionalProperties", "properties" not in schema):
                yield f"{path}.{key}"


def check(stream: str, records: list[dict[str, Any]]) -> None:
    """Assert that records match the schema of a stream, which knows all their keys."""
    schema = SCHEMAS[stream]
    errors = [
        f"{error.json_path}: {error.message}"
        for record in records
        for error in Draft7Validator(schema, format_checker=formats).iter_errors(record)
    ]
    assert not errors
    assert {path for record in records for path in unknown(schema, record, stream)} <= EXCLUDED


@pytest.fixture(scope="module")
def account() -> Iterator[Simulator]:
    """An account with enough records of each kind to contain every variant."""
    with Simulator(tickets=300, ticket_events=300, users=120, organizations=60, seed=5) as zendesk:
        yield zendesk


def fetch(
    zendesk: Simulator, endpoint: Endpoint, key: str, **params: int | str
) -> list[dict[str, Any]]:
    """Fetch the records of a page with the request that the tap would send.

    Args:
        zendesk: The account.
        endpoint: The endpoint to request.
        key: The key of the records in the page.
        params: More parameters, by the names that paginators use.
    """
    times: dict[str, int | str] = {"start_time": 0, "end_time": int(time.time())}
    size: dict[str, int | str] = {"per_page": endpoint.max_size}
    login: dict[str, Any] = {"auth": (f"{EMAIL}/token", API_TOKEN)}
    if endpoint.token_setting:
        login = {"headers": {"Authorization": f"Bearer {CHAT_ACCESS_TOKEN}"}}
    query = endpoint.query({**times, **size, **params})
    response = requests.get(f"{zendesk.url}{endpoint.path}", query, timeout=30, **login)
    response.raise_for_status()
    records: list[dict[str, Any]] = response.json()[key]
    return records


def test_each_stream_has_a_schema() -> None:
    assert set(SCHEMAS) == set(KEYS)


@pytest.mark.parametrize("stream", sorted(SCHEMAS))
def test_schemas_are_valid_and_consistently_formatted(stream: str) -> None:
    schema = SCHEMAS[stream]
    Draft7Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["description"]
    text = (FOLDER / f"{stream}.json").read_text(encoding="utf-8")
    assert text == json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("stream", sorted(SCHEMAS))
def test_every_property_has_types_with_null_unless_it_is_a_key(stream: str) -> None:
    for path, schema in nested(SCHEMAS[stream], stream):
        types = schema["type"]
        assert isinstance(types, list), path
        assert ("null" in types) is (path not in {f"{stream}.{key}" for key in KEYS[stream]}), path
        assert len(set(types)) == len(types), path
        assert ("array" in types) is ("items" in schema), path
        if "object" in types and "string" not in types:
            # Properties may not be empty, because flattening leaves nothing of such an object.
            assert schema.get("properties") or schema.get("additionalProperties") is True, path
            assert schema.get("properties") != {}, path


@pytest.mark.parametrize("stream", sorted(SCHEMAS))
def test_every_property_is_described(stream: str) -> None:
    for path, schema in nested(SCHEMAS[stream], stream):
        assert path.endswith("[]") or schema["description"].strip(), path


@pytest.mark.parametrize("stream", sorted(SCHEMAS))
def test_every_column_has_one_type(stream: str) -> None:
    """A warehouse column has one type. Types can vary only inside JSON columns."""
    for name, schema in SCHEMAS[stream]["properties"].items():
        one_type = schema["type"][:1] if name in OF_ANY_TYPE else schema["type"]
        assert len(set(one_type) - {"null"}) == 1, name


@pytest.mark.parametrize("stream", sorted(SCHEMAS))
def test_rescued_data_comes_last_and_takes_any_property(stream: str) -> None:
    name, rescued = list(SCHEMAS[stream]["properties"].items())[-1]
    assert name == "_rescued_data"
    assert rescued["type"] == ["object", "null"]
    assert rescued["additionalProperties"] is True


def test_date_times_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"\$\.created_at"):
        check("users", [{"id": 1, "created_at": "2026-02-30T00:00:00Z"}])


def test_unknown_keys_are_noticed_where_the_schema_lists_all_keys() -> None:
    with pytest.raises(AssertionError, match=r"tickets\.via\.colour"):
        check("tickets", [{"id": 1, "via": {"colour": "red"}}])
    check("ticket_events", [{"id": 1, "child_events": [{"colour": "red"}]}])


def test_recorded_records_fit(recordings: Path) -> None:
    seen = set()
    for file in recordings.glob("*.json.gz"):
        body = json.loads(gzip.decompress(file.read_bytes()))["body"]
        for stream in SCHEMAS.keys() & body.keys():
            seen.add(stream)
            check(stream, body[stream])
    assert {"tickets", "users"} <= seen


def test_properties_are_in_the_recorded_order(recordings: Path) -> None:
    """With properties in Zendesk's order, a decoder finds each field at the first attempt."""
    for file in recordings.glob("*.json.gz"):
        body = json.loads(gzip.decompress(file.read_bytes()))["body"]
        for stream in SCHEMAS.keys() & body.keys():
            properties = SCHEMAS[stream]["properties"]
            for record in body[stream]:
                assert [key for key in record if key in properties] == [
                    key for key in properties if key in record
                ]


def endpoints() -> Iterator[Any]:
    """Yield the schema, endpoint and records key for each export method of each stream."""
    for stream in STREAMS:
        for form in ("cursor", "time", "listing"):
            # The columns of ticket_exports depend on the account.
            if getattr(stream, form) and stream.name != "ticket_exports":
                key = stream.records_key or stream.name
                yield pytest.param(
                    stream.name, getattr(stream, form), key, id=f"{stream.name}-{form}"
                )
    path = "/api/v2/incremental/custom_objects/vehicle/cursor.json"
    yield CUSTOM_OBJECT_RECORDS, cursor_export(path), CustomObject.records_key


@pytest.mark.parametrize(("stream", "endpoint", "key"), list(endpoints()))
def test_simulated_records_fit(
    account: Simulator, stream: str, endpoint: Endpoint, key: str
) -> None:
    records = fetch(account, endpoint, key)
    assert records
    check(stream, records)


@pytest.mark.parametrize("stream", LISTED_CHILDREN, ids=lambda stream: stream.name)
def test_simulated_lists_of_children_fit(
    account: Simulator, stream: type[ListedChildStream]
) -> None:
    parent = str(vars(stream.parent_stream_type)["name"])
    found = []
    parents = account.store.records[parent].values()
    for parent_id in {record[stream.parent_id] for record in parents}:
        path = stream.listing.path.format(id=parent_id)
        records = fetch(account, replace(stream.listing, path=path), stream.list_key)
        found += [{**record, stream.parent_key: parent_id} for record in records]
    assert found
    check(stream.name, found)


def test_simulated_tickets_fit_with_their_sideloads(account: Simulator) -> None:
    include = ",".join(["metric_sets", *Tickets.sideloads.values()])
    tickets = fetch(account, Tickets.cursor, "tickets", include=include)
    check("ticket_metrics", [ticket.pop("metric_set") for ticket in tickets])
    check("tickets", tickets)
    assert all(Tickets.sideloads.keys() <= ticket.keys() for ticket in tickets)


def test_simulated_comments_fit(account: Simulator) -> None:
    events = fetch(account, TicketEvents.time, "ticket_events", include="comment_events")
    check("ticket_events", events)
    comments = [
        {
            "ticket_id": event["ticket_id"],
            "event_id": event["id"],
            "timestamp": event["timestamp"],
            **child,
        }
        for event in events
        for child in event["child_events"]
        if "body" in child
    ]
    assert comments
    check("ticket_comments", comments)


def test_simulated_identities_fit(account: Simulator) -> None:
    identities = fetch(account, Users.cursor, "identities", include="identities")
    assert identities
    check("user_identities", identities)
