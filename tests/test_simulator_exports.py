"""The simulator's special cases: exports with their own rules, and hostile servers."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import requests

from .simulator.client import TICKETS, get, pages
from .simulator.exports import FUTURE
from .simulator.resources import RESOURCES
from .simulator.store import epoch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .simulator import Simulator
    from .simulator.client import Json

CALLS = "channels/voice/stats/incremental/calls"
LEGS = "channels/voice/stats/incremental/legs"
EVENTS = "tickets/side_conversations/events"
SECOND = 1_695_052_663


def time_pages(zendesk: Simulator, path: str, **params: object) -> Iterator[Json]:
    """Yield the pages of an export without `end_of_stream`, until its `end_time` stays the same."""
    params = {"start_time": 0} | params
    while True:
        page = get(zendesk, path, **params).json()
        yield page
        if page["end_time"] == params["start_time"] or not page["next_page"]:
            return
        params["start_time"] = page["end_time"]


@pytest.mark.parametrize(("path", "resource"), [(CALLS, "talk_calls"), (LEGS, "talk_call_legs")])
def test_talk_does_not_announce_its_end(zendesk: Simulator, path: str, resource: str) -> None:
    zendesk.store.fill(resource, [SECOND + n // 3 for n in range(90)])
    found = list(time_pages(zendesk, path, per_page=10))
    legs = [record for page in found for record in page[path.rpartition("/")[2]]]
    assert {record["id"]: record for record in legs} == dict(zendesk.store.records[resource])
    assert all("end_of_stream" not in page and page["next_page"] for page in found)
    assert len({page["count"] for page in found[:-2]}) > 2
    assert found[-1]["end_time"] in {SECOND + 29, SECOND + 30}


def test_talk_has_a_limit_without_headers(zendesk: Simulator) -> None:
    zendesk.settings.limit = 2
    first = get(zendesk, CALLS, start_time=0)
    assert not any("zendesk-ratelimit" in name for name in first.headers)
    assert get(zendesk, LEGS, start_time=0).status_code == 200
    assert get(zendesk, CALLS, start_time=0).status_code == 429
    assert get(zendesk, TICKETS, start_time=0).status_code == 200


def test_the_last_end_time_of_side_conversation_events_is_much_later(zendesk: Simulator) -> None:
    found = list(time_pages(zendesk, EVENTS, per_page=10))
    events = [event for page in found for event in page["events"]]
    table = zendesk.store.records["side_conversation_events"]
    assert {event["id"]: event for event in events} == dict(table)
    assert all(event["created_at"][-5] == "." for event in events)
    assert all(isinstance(event["id"], str) for event in events)
    assert all(page["next_page"] for page in found[:-1])
    assert found[-1]["next_page"] is None
    assert found[-1]["end_time"] > table.index[-1][0] + 3600
    assert get(zendesk, EVENTS).status_code == 400
    changed = zendesk.store.create("side_conversation_events", at=table.index[-1][0] + 1)
    assert changed["created_at"][-5] == "."
    later = get(zendesk, EVENTS, start_time=table.index[-1][0]).json()["events"]
    assert changed in later


def test_breaches_appear_late(zendesk: Simulator) -> None:
    zendesk.settings.late_seconds = 1800
    now = int(time.time())
    breach = zendesk.store.create("ticket_metric_events", at=now - 900, type="breach")
    other = zendesk.store.create("ticket_metric_events", at=now - 300, type="fulfill")
    path = "incremental/ticket_metric_events"
    found = get(zendesk, path, start_time=0).json()["ticket_metric_events"]
    assert other in found
    assert breach not in found
    zendesk.settings.late_seconds = 600
    found = get(zendesk, path, start_time=0).json()["ticket_metric_events"]
    assert found.index(breach) == found.index(other) - 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_lists_stay_open_when_incremental_exports_are_closed(
    zendesk: Simulator, status: int
) -> None:
    zendesk.settings.closed_exports = status
    closed = [TICKETS, "incremental/users", "incremental/custom_objects/vehicle/cursor"]
    closed += ["incremental/tickets/sample", "help_center/incremental/articles", CALLS, LEGS]
    for path in closed:
        response = get(zendesk, path, start_time=0)
        assert response.status_code == status
        assert response.json()["error"]
    for path in ("tickets", "users", "groups", "user_fields", EVENTS):
        assert get(zendesk, path, start_time=0).status_code == 200


def test_a_cap_cuts_a_page_inside_a_second(zendesk: Simulator) -> None:
    zendesk.store.fill("tickets", [SECOND] * 1000 + [SECOND + 5])
    zendesk.settings.cap = 400
    for size in (1000, 500):
        page = get(zendesk, "incremental/tickets", start_time=0, per_page=size).json()
        assert (page["count"], page["end_time"], page["end_of_stream"]) == (400, SECOND, False)
    page = get(zendesk, "incremental/tickets", start_time=SECOND, per_page=300).json()
    assert (page["count"], page["end_time"]) == (300, SECOND)
    found = [len(page["tickets"]) for page in pages(zendesk, TICKETS)]
    assert found == [400, 400, 201]
    zendesk.settings.cap = 20
    assert len(get(zendesk, "groups", exclude_deleted="false").json()["groups"]) == 20


def test_records_that_are_left_out_shorten_the_pages(zendesk: Simulator) -> None:
    zendesk.store.fill("tickets", [SECOND] * 30)
    zendesk.settings.extend_pages = False
    zendesk.settings.stuck_pages = "cut"
    asked = {"start_time": SECOND, "per_page": 20}
    page = get(zendesk, "incremental/tickets", **asked, exclude_deleted="true").json()
    assert page["count"] == len(page["tickets"]) < 20
    assert (page["end_time"], page["end_of_stream"]) == (SECOND, False)
    assert get(zendesk, "incremental/tickets", **asked).json()["count"] == 20


def test_end_time_of_the_last_page(zendesk: Simulator) -> None:
    zendesk.settings.last_end_time = "null"
    *_, before, last = pages(zendesk, "incremental/users", per_page=10)
    assert before["end_time"]
    assert (last["end_time"], last["next_page"], last["end_of_stream"]) == (None, None, True)
    assert last["users"]
    zendesk.settings.last_end_time = "future"
    *_, last = pages(zendesk, "incremental/users", per_page=10)
    assert last["end_time"] == FUTURE


def test_records_can_come_without_ids(zendesk: Simulator) -> None:
    assert "id" in get(zendesk, TICKETS, start_time=0).json()["tickets"][0]
    zendesk.settings.ids = False
    for path, key in ((TICKETS, "tickets"), ("groups", "groups")):
        found = get(zendesk, path, start_time=0).json()[key]
        assert found
        assert not any("id" in record for record in found)


def test_cursors_of_exports_can_cycle_or_never_end(zendesk: Simulator) -> None:
    zendesk.settings.cycle_pages = True
    walk = pages(zendesk, TICKETS, per_page=25)
    found = [next(walk) for _ in range(5)]
    cursors = [page["after_cursor"] for page in found]
    assert cursors[0] == cursors[2] == cursors[4] != cursors[1] == cursors[3]
    assert not any(page["end_of_stream"] for page in found)
    zendesk.settings.cycle_pages = False
    zendesk.settings.empty_pages = 1 << 30
    walk = pages(zendesk, TICKETS)
    found = [next(walk) for _ in range(9)]
    assert len({page["after_cursor"] for page in found}) == 9
    assert not any(page["tickets"] or page["end_of_stream"] for page in found)


def test_the_place_of_a_record_can_differ_from_its_time(zendesk: Simulator) -> None:
    table = zendesk.store.records["users"]
    first, newest = table.index[0][1], table.index[-1][0]
    user = zendesk.store.update("users", first, at=newest + 10)
    zendesk.store.place("users", first, newest - 1000)
    found = [page["users"] for page in pages(zendesk, "incremental/users", per_page=5)]
    order = [u["id"] for page in found for u in page]
    assert order.index(first) < len(order) - 1
    assert user in [u for page in found for u in page]
    times = [epoch(u["updated_at"]) for page in found for u in page]
    assert any(later < earlier for earlier, later in pairwise(times))


def test_no_resource_is_served_without_a_login(zendesk_shared: Simulator) -> None:
    for resource in RESOURCES:
        for endpoint in resource.endpoints:
            if not resource.parent:
                url = f"{zendesk_shared.url}/api/v2/{endpoint.path}"
                assert requests.get(url, timeout=10).status_code == 401, endpoint.path
