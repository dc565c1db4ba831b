"""The simulator's lists behave like Zendesk's, so that other tests can rely on them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from .simulator import Simulator
from .simulator.client import TICKETS, Json, get, list_pages
from .simulator.resources import RESOURCES
from .simulator.store import epoch, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CURSOR_LISTS = {
    "ticket_audits": "audits",
    "tags": "tags",
    "group_memberships": "group_memberships",
    "dynamic_content/items": "items",
    "help_center/sections": "sections",
    "community/posts": "posts",
    "guide/survey_responses": "survey_responses",
    "deleted_users": "deleted_users",
}
OFFSET_LISTS = {
    "slas/policies": "sla_policies",
    "channels/voice/phone_numbers": "phone_numbers",
}
WHOLE_LISTS = {
    "business_hours/schedules": "schedules",
    "satisfaction_reasons": "reasons",
    "custom_roles": "custom_roles",
    "group_slas/policies": "group_sla_policies",
}
TIME_FILTERS: dict[str, tuple[str, tuple[str, ...], Callable[[int], str]]] = {
    "satisfaction_ratings": ("satisfaction_ratings", ("start_time", "end_time"), str),
    "ticket_skips": ("skips", ("start_time",), str),
    "survey_responses": (
        "guide/survey_responses",
        ("filter[created_at_start]", "filter[created_at_end]"),
        lambda second: f"{second}000",
    ),
    "audit_logs": ("audit_logs", ("filter[created_at][]", "filter[created_at][]"), iso),
}


def in_order_of_change(
    zendesk: Simulator, path: str, size: int = 100, **params: object
) -> list[Json]:
    """Return the records of a list sorted by `updated_at`."""
    return records(zendesk, path, path, size, sort="updated_at", **params)


def records(
    zendesk: Simulator, path: str, key: str, size: int = 100, **params: object
) -> list[Json]:
    """Return the records of all pages of a list with cursors."""
    return [r for page in list_pages(zendesk, path, size, **params) for r in page[key]]


def ids(found: Sequence[Json]) -> list[Any]:
    return [record["id"] for record in found]


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("path", ["tickets", "users", "organizations"])
def test_lists_in_order_of_change_have_each_record_once(
    zendesk_shared: Simulator, path: str, size: int
) -> None:
    found = in_order_of_change(zendesk_shared, path, size)
    times = [(record["updated_at"], record["id"]) for record in found]
    assert times == sorted(times)
    assert {record["id"]: record for record in found} == zendesk_shared.api.shown(path)


def test_archived_and_deleted_records_are_only_in_exports(zendesk: Simulator) -> None:
    tickets = zendesk.store.records["tickets"]
    listed = set(ids(in_order_of_change(zendesk, "tickets")))
    missing = {tickets[i]["status"] for i in tickets.keys() - listed}
    assert missing == {"deleted", "closed"}
    assert any(tickets[i]["status"] == "closed" for i in listed)
    exported = get(zendesk, TICKETS, start_time=0).json()["tickets"]
    assert set(ids(exported)) == tickets.keys()
    for path in ("users", "organizations"):
        gone = in_order_of_change(zendesk, path)[0]["id"]
        zendesk.store.delete(path, gone)
        assert gone not in ids(in_order_of_change(zendesk, path))


def test_a_cursor_stays_valid_and_is_exact_within_a_second(zendesk: Simulator) -> None:
    second = int(time.time())
    new = [zendesk.store.create("tickets", at=second, status="open")["id"] for _ in range(5)]
    *_, last = list_pages(zendesk, "tickets", sort="updated_at")
    cursor = last["meta"]["after_cursor"]
    assert ids(last["tickets"])[-5:] == new  # lists do not withhold the newest minute
    params = {"sort": "updated_at", "page[after]": cursor}
    empty = get(zendesk, "tickets", **params).json()
    assert (empty["tickets"], empty["meta"]["after_cursor"]) == ([], None)
    assert empty["meta"]["has_more"] is False
    same_second = zendesk.store.create("tickets", at=second, status="open")["id"]
    late = zendesk.store.create("tickets", at=second - 1, status="open")["id"]
    moved = zendesk.store.update("tickets", new[0], at=second + 1)["id"]
    assert ids(get(zendesk, "tickets", **params).json()["tickets"]) == [same_second, moved]
    assert late in ids(in_order_of_change(zendesk, "tickets"))
    inside = get(zendesk, "tickets", **params, **{"page[size]": 1}).json()
    params["page[after]"] = inside["meta"]["after_cursor"]
    assert ids(get(zendesk, "tickets", **params).json()["tickets"]) == [moved]


def test_system_updates_do_not_move_a_ticket_in_a_list(zendesk: Simulator) -> None:
    before = in_order_of_change(zendesk, "tickets")
    zendesk.store.system_update(before[0]["id"], at=int(time.time()))
    assert ids(in_order_of_change(zendesk, "tickets")) == ids(before)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("tickets", {"page[size]": 101}),
        ("tickets", {"sort": "subject"}),
        ("tickets", {"sort": "updated_at", "page[after]": "nonsense"}),
        ("deleted_users", {"sort": "updated_at"}),
        ("slas/policies", {"page": 101}),
        ("satisfaction_ratings", {"start_time": "yesterday"}),
    ],
)
def test_bad_parameters_are_refused(zendesk_shared: Simulator, path: str, params: Json) -> None:
    assert get(zendesk_shared, path, **params).status_code == 400


def test_start_time_is_ignored(zendesk_shared: Simulator) -> None:
    found = in_order_of_change(zendesk_shared, "tickets", start_time=int(time.time()))
    assert len(found) == len(zendesk_shared.api.shown("tickets"))


def test_sideloads_of_lists_are_beside_the_records(zendesk_shared: Simulator) -> None:
    page = get(zendesk_shared, "tickets", include="metric_sets,slas").json()
    assert [metrics["ticket_id"] for metrics in page["metric_sets"]] == ids(page["tickets"])
    assert "metric_set" not in page["tickets"][0]
    assert "slas" not in page
    exported = get(zendesk_shared, TICKETS, start_time=0, include="metric_sets").json()
    inside = [ticket["metric_set"] for ticket in exported["tickets"]]
    assert all(metrics in inside for metrics in page["metric_sets"])
    users = get(zendesk_shared, "users", include="identities").json()
    assert {i["user_id"] for i in users["identities"]} <= set(ids(users["users"]))
    assert users["identities"]


def test_deleted_records_have_lists(zendesk: Simulator) -> None:
    second = int(time.time())
    ticket = zendesk.store.delete("tickets", min(zendesk.store.records["tickets"]), at=second)
    user = zendesk.store.delete("users", min(zendesk.store.records["users"]), at=second)
    found = records(zendesk, "deleted_tickets", "deleted_tickets", 10, sort="deleted_at")
    assert [r["deleted_at"] for r in found] == sorted(r["deleted_at"] for r in found)
    assert (found[-1]["id"], found[-1]["deleted_at"]) == (ticket["id"], iso(second))
    assert found[-1]["subject"]
    users = records(zendesk, "deleted_users", "deleted_users", 10)
    assert ids(users) == sorted(ids(users))
    [deleted] = [record for record in users if record["id"] == user["id"]]
    assert (deleted["email"], deleted["updated_at"]) == (user["email"], iso(second))


def test_audits_come_newest_first_unless_a_setting_says_otherwise(zendesk: Simulator) -> None:
    for newest_first in (True, False):
        zendesk.settings.newest_first_lists = newest_first
        found = records(zendesk, "ticket_audits", "audits", 4)
        times = [(record["created_at"], record["id"]) for record in found]
        assert times == sorted(times, reverse=newest_first)
        assert len(times) == len(zendesk.api.shown("ticket_audits")) > 4
    audit = found[0]
    zendesk.store.update("tickets", audit["ticket_id"], status="closed")
    assert audit not in records(zendesk, "ticket_audits", "audits")


@pytest.mark.parametrize("resource", TIME_FILTERS)
def test_lists_with_a_filter_by_time(zendesk: Simulator, resource: str) -> None:
    path, names, write = TIME_FILTERS[resource]
    oldest = 1_700_000_000
    zendesk.store.fill(resource, [oldest + n // 2 for n in range(30)])
    params: dict[str, list[str]] = {}
    for name, second in zip(names, (oldest + 3, oldest + 9), strict=False):
        params.setdefault(name, []).append(write(second))
    found = records(zendesk, path, path.rpartition("/")[2], 3, **params)
    expected = 2 * 7 if len(names) == 2 else 2 * 12
    assert len(set(ids(found))) == len(found) == expected
    kept = {oldest + 3 + n for n in range(expected // 2)}
    index = zendesk.store.records[resource].index
    assert set(ids(found)) == {record_id for second, record_id in index if second in kept}


@pytest.mark.parametrize("size", [4, 100])
@pytest.mark.parametrize("path", CURSOR_LISTS)
def test_cursor_lists_have_each_record_once(
    zendesk_shared: Simulator, path: str, size: int
) -> None:
    found = records(zendesk_shared, path, CURSOR_LISTS[path], size)
    assert len(found) == len(zendesk_shared.api.shown(path)) >= 20
    assert all(record in found for record in zendesk_shared.api.shown(path).values())
    page = get(zendesk_shared, path, **{"page[size]": 4}).json()
    assert page["links"]["next"].startswith("https://z3n-simulator.zendesk.com/api/v2/")


def test_deleted_groups_come_on_request(zendesk: Simulator) -> None:
    shown = records(zendesk, "groups", "groups")
    every = records(zendesk, "groups", "groups", exclude_deleted="false")
    assert {group["deleted"] for group in shown} == {False}
    assert len(every) == len(zendesk.store.records["groups"]) > len(shown)
    zendesk.store.delete("groups", shown[0]["id"])
    assert len(records(zendesk, "groups", "groups")) == len(shown) - 1


@pytest.mark.parametrize("path", OFFSET_LISTS)
def test_offset_lists_link_to_the_next_page(zendesk_shared: Simulator, path: str) -> None:
    found: list[Json] = []
    for number in range(1, 5):
        page = get(zendesk_shared, path, per_page=7, page=number).json()
        found += page[OFFSET_LISTS[path]]
        assert page["count"] == 25
        assert (page["next_page"] is None) == (number == 4)
        assert (page["previous_page"] is None) == (number == 1)
    assert ids(found) == sorted(zendesk_shared.api.shown(path))
    assert "page=2" in get(zendesk_shared, path, per_page=7).json()["next_page"]


@pytest.mark.parametrize("path", WHOLE_LISTS)
def test_short_lists_come_on_one_page(path: str) -> None:
    with Simulator(extras=130) as zendesk:
        page = get(zendesk, path).json()
        assert len(page[WHOLE_LISTS[path]]) == 130
        assert page["next_page"] is None


def test_children_are_listed_by_parent(zendesk: Simulator) -> None:
    for resource in RESOURCES:
        if not resource.parent:
            continue
        [endpoint] = resource.endpoints
        key = resource.records_key or resource.name
        children = zendesk.store.records[resource.name]
        found = []
        for parent in zendesk.store.records[resource.parent]:
            page = get(zendesk, endpoint.path.format(parent=parent)).json()[key]
            assert {children[r["id"]][resource.parent_key] for r in page} <= {parent}
            found += page
        assert sorted(ids(found)) == sorted(children)
        assert get(zendesk, endpoint.path.format(parent=1)).status_code == 404
    schedule = next(iter(zendesk.store.records["schedules"]))
    holidays = f"business_hours/schedules/{schedule}/holidays"
    assert "schedule_id" not in get(zendesk, holidays).json()["holidays"][0]


def test_empty_pages_and_cycles_of_lists(zendesk: Simulator) -> None:
    zendesk.settings.empty_pages = 2
    found = list(list_pages(zendesk, "brands", 20))
    assert [len(page["brands"]) for page in found] == [20, 0, 0, 5]
    assert len({page["meta"]["after_cursor"] for page in found}) == 4
    zendesk.settings.empty_pages = 0
    zendesk.settings.cycle_pages = True
    walk = list_pages(zendesk, "brands", 20)
    cursors = [next(walk)["meta"]["after_cursor"] for _ in range(5)]
    assert cursors[0] == cursors[2] == cursors[4] != cursors[1] == cursors[3]


def test_lists_have_their_own_limits(zendesk: Simulator) -> None:
    zendesk.settings.limit = 1
    tickets = get(zendesk, "tickets").headers
    assert tickets["zendesk-ratelimit-tickets-index"] == "total=10000; remaining=9999; resets=60"
    deleted = get(zendesk, "deleted_tickets")
    assert deleted.headers["zendesk-ratelimit-deleted-tickets-index"].startswith("total=1; ")
    assert get(zendesk, "deleted_tickets").status_code == 429
    assert not any("zendesk-ratelimit" in name for name in get(zendesk, "groups").headers)


def test_every_response_has_a_date(zendesk_shared: Simulator) -> None:
    for path in ("tickets", "nowhere", TICKETS):
        assert get(zendesk_shared, path).headers["Date"].endswith(" GMT")


def test_every_list_can_be_denied(zendesk: Simulator) -> None:
    for resource in RESOURCES:
        for status in (402, 403, 404):
            zendesk.settings.denied = {resource.name: status}
            path = resource.endpoints[0].path.replace("{parent}", _parent(zendesk, resource.parent))
            assert get(zendesk, path, start_time=0).status_code == status


def _parent(zendesk: Simulator, resource: str) -> str:
    return str(next(iter(zendesk.store.records[resource]))) if resource else ""


def test_resources_match_their_records(zendesk_shared: Simulator) -> None:
    for name, table in zendesk_shared.store.records.items():
        second, record_id = table.index[0]
        record = table[record_id]
        assert record[table.resource.id_key] == record_id, name
        if table.resource.time_field in record:
            assert epoch(record[table.resource.time_field]) == second, name
        if table.resource.parent_key:
            assert (
                record[table.resource.parent_key]
                in zendesk_shared.store.records[table.resource.parent]
            ), name
