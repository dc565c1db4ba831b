"""The simulator behaves like Zendesk's export API, so that other tests can rely on it."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import requests

from .simulator.client import BASIC, TICKETS, Json, get, pages
from .simulator.store import epoch

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator


@pytest.mark.parametrize("per_page", [1, 7, 50, 1000])
def test_cursor_export_serves_everything_once_in_order(
    zendesk_shared: Simulator, per_page: int
) -> None:
    found = list(pages(zendesk_shared, TICKETS, per_page=per_page))
    tickets = [ticket for page in found for ticket in page["tickets"]]
    assert tickets == sorted(tickets, key=lambda t: (t["generated_timestamp"], t["id"]))
    assert {t["id"]: t for t in tickets} == dict(zendesk_shared.store.records["tickets"])
    assert len(tickets) == 50
    assert len(found) == -(-50 // per_page)


@pytest.mark.parametrize("per_page", [1, 7, 50, 1000])
@pytest.mark.parametrize("resource", ["tickets", "ticket_events", "users", "organizations"])
def test_time_export_repeats_a_shared_second(
    zendesk_shared: Simulator, resource: str, per_page: int
) -> None:
    table = zendesk_shared.store.records[resource]
    found = list(pages(zendesk_shared, f"incremental/{resource}", per_page=per_page))
    records = [record for page in found for record in page[resource]]
    assert {record["id"]: record for record in records} == dict(table)
    for page, following in pairwise(found):
        seconds = [epoch(record[table.resource.time_field]) for record in page[resource]]
        assert seconds == sorted(seconds)
        assert page["count"] == len(seconds) >= per_page
        whole = len(set(seconds)) == 1
        assert page["end_time"] == seconds[-1] + whole
        assert whole or len(seconds) == per_page
        assert epoch(following[resource][0][table.resource.time_field]) >= page["end_time"]


def test_records_of_one_second_are_extended_cut_or_repeated(zendesk: Simulator) -> None:
    second = 1_695_052_663
    zendesk.store.fill("tickets", [second] * 12 + [second + 5])
    page = get(zendesk, "incremental/tickets", start_time=0, per_page=5).json()
    assert (page["count"], page["end_time"], page["end_of_stream"]) == (12, second + 1, False)
    ids = [ticket["id"] for ticket in page["tickets"]]
    assert ids != sorted(ids)
    zendesk.settings.extend_pages = False
    page = get(zendesk, "incremental/tickets", start_time=second, per_page=5).json()
    assert (page["count"], page["end_time"], page["end_of_stream"]) == (12, second, False)
    zendesk.settings.stuck_pages = "cut"
    page = get(zendesk, "incremental/tickets", start_time=second, per_page=5).json()
    assert (page["count"], page["end_time"], page["end_of_stream"]) == (5, second, False)


def test_pages_look_like_recorded_pages(zendesk: Simulator, recordings: Path) -> None:
    for path in recordings.glob("*.json.gz"):
        recording = json.loads(gzip.decompress(path.read_bytes()))
        recorded = recording["body"]
        page = get(zendesk, recording["request"].removeprefix("/api/v2/")).json()
        assert page.keys() == recorded.keys()
        (key,) = [name for name, value in page.items() if isinstance(value, list)]
        assert recorded[key][0].keys() <= page[key][0].keys()
        assert {name: type(page[name]) for name in page if "after" in name or "end" in name} == {
            name: type(recorded[name]) for name in page if "after" in name or "end" in name
        }


def test_a_cursor_at_the_end_serves_only_changes(zendesk: Simulator) -> None:
    *_, last = pages(zendesk, TICKETS)
    cursor = last["after_cursor"]
    again = get(zendesk, TICKETS, cursor=cursor).json()
    assert (again["tickets"], again["end_of_stream"]) == ([], True)
    assert again["after_cursor"] == cursor
    changed, quiet, deleted = sorted(zendesk.store.records["tickets"])[1:4]
    before = zendesk.store.records["tickets"][quiet]
    zendesk.store.update("tickets", changed, subject="changed")
    zendesk.store.system_update(quiet)
    zendesk.store.delete("tickets", deleted)
    new = zendesk.store.create("tickets", subject="new")
    tickets = get(zendesk, TICKETS, cursor=cursor).json()["tickets"]
    assert [ticket["id"] for ticket in tickets] == [changed, quiet, deleted, new["id"]]
    assert tickets[0]["subject"] == "changed"
    assert tickets[1]["updated_at"] == before["updated_at"]
    assert tickets[1]["generated_timestamp"] > before["generated_timestamp"]
    assert tickets[2]["status"] == "deleted"
    assert tickets[3] == new


def test_deletions_look_different_in_each_resource(zendesk: Simulator) -> None:
    user, organization, ticket = (
        next(iter(zendesk.store.records[name])) for name in ("users", "organizations", "tickets")
    )
    assert zendesk.store.delete("users", user)["active"] is False
    assert zendesk.store.delete("organizations", organization)["deleted_at"]
    zendesk.store.delete("tickets", ticket)
    assert zendesk.store.delete("tickets", ticket)["subject"] == "SCRUBBED"
    kept = get(zendesk, TICKETS, start_time=0, exclude_deleted="true").json()["tickets"]
    assert ticket not in {t["id"] for t in kept}
    assert len(kept) < 50


def test_the_newest_minute_is_withheld(zendesk: Simulator) -> None:
    now = int(time.time())
    zendesk.settings.withheld_seconds = 3600
    hidden = zendesk.store.create("users", at=now - 10)
    shown = zendesk.store.create("users", at=now - 3610)
    *_, last = pages(zendesk, "incremental/users")
    ids = [user["id"] for user in last["users"]]
    assert shown["id"] in ids
    assert hidden["id"] not in ids


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        (TICKETS, {"start_time": 1 << 33}, 422),
        (TICKETS, {}, 400),
        (TICKETS, {"start_time": "yesterday"}, 400),
        (TICKETS, {"start_time": 0, "per_page": 1001}, 400),
        (TICKETS, {"cursor": "bm9uc2Vuc2U="}, 400),
        (TICKETS, {"start_time": 0, "include": "last_audits"}, 400),
        ("incremental/tickets", {"start_time": 0, "support_type_scope": "x"}, 400),
        ("incremental/widgets.json", {"start_time": 0}, 404),
        ("incremental/custom_objects/ship/cursor", {"start_time": 0}, 404),
        ("exports/tickets.json", {"start_time": 0}, 404),
    ],
)
def test_bad_requests_are_refused(
    zendesk_shared: Simulator, path: str, params: Json, status: int
) -> None:
    response = get(zendesk_shared, path, **params)
    assert response.status_code == status
    assert response.json().keys() & {"error", "errors"}


def test_urls_have_another_host_and_the_same_parameters(zendesk_shared: Simulator) -> None:
    page = get(zendesk_shared, "incremental/users.json", start_time=0, per_page=1).json()
    canonical = "https://z3n-simulator.zendesk.com/api/v2/incremental/users.json"
    assert page["next_page"] == f"{canonical}?per_page=1&start_time={page['end_time']}"
    assert get(zendesk_shared, TICKETS, start_time=0).json()["after_url"].startswith("https://z3n")


def test_fields_and_pages_can_be_left_out_or_empty(zendesk: Simulator) -> None:
    zendesk.settings.empty_pages = 2
    counts = [len(page["tickets"]) for page in pages(zendesk, TICKETS, per_page=30)]
    assert counts == [30, 0, 0, 20]
    ids = {
        t["id"] for p in pages(zendesk, "incremental/tickets", per_page=30) for t in p["tickets"]
    }
    assert len(ids) == 50
    zendesk.settings.end_of_stream = False
    assert "end_of_stream" not in get(zendesk, "incremental/tickets", start_time=0).json()


def test_gzip_only_where_accepted(zendesk_shared: Simulator) -> None:
    url = f"{zendesk_shared.url}/api/v2/{TICKETS}?start_time=0"
    plain = requests.get(url, auth=BASIC, headers={"Accept-Encoding": "identity"}, timeout=10)
    packed = requests.get(url, auth=BASIC, timeout=10)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert "\u2028" in plain.content.decode()
    assert 2000 < len(plain.content) / 50 < 4000


def test_sideloads(zendesk_shared: Simulator) -> None:
    include = "metric_sets,dates,comment_count,incident_counts,metric_events,slas"
    ticket = get(zendesk_shared, TICKETS, start_time=0, include=include).json()["tickets"][0]
    inside = {"dates", "comment_count", "incident_count", "metric_events", "slas", "metric_set"}
    assert inside <= ticket.keys()
    assert ticket["metric_set"]["ticket_id"] == ticket["id"]
    page = get(zendesk_shared, "incremental/users", start_time=0, include="identities").json()
    assert {i["user_id"] for i in page["identities"]} <= {user["id"] for user in page["users"]}
    path = "incremental/ticket_events"
    events = get(zendesk_shared, path, start_time=0, include="comment_events").json()
    children = [c for event in events["ticket_events"] for c in event["child_events"]]
    comments = [c for c in children if c["event_type"] == "Comment"]
    assert comments
    assert all(comment["body"] and isinstance(comment["via"], dict) for comment in comments)


def test_other_resources(zendesk: Simulator) -> None:
    for path, key in [
        ("incremental/ticket_metric_events", "ticket_metric_events"),
        ("help_center/incremental/articles.json", "articles"),
        ("incremental/custom_objects/vehicle/cursor.json", "custom_object_records"),
    ]:
        found = [r["id"] for p in pages(zendesk, path, per_page=10) for r in p[key]]
        assert len(set(found)) == 25
    assert len(get(zendesk, "incremental/ticket_events/sample", start_time=0).json()) == 5
    page = get(zendesk, "incremental/routing/attributes.json").json()
    assert page.keys() == {"attributes", "count", "end_time", "next_page"}
    cursor = page["next_page"].partition("cursor=")[2].replace("%3D", "=")
    assert get(zendesk, "incremental/routing/attributes.json", cursor=cursor).json()["count"] == 0
    zendesk.settings.routing_pages = "cursor"
    assert get(zendesk, "incremental/routing/attributes.json").json()["end_of_stream"] is True
    zendesk.settings.ticket_exports = True
    rows = get(zendesk, "exports/tickets.json", start_time=0).json()
    assert rows["results"][0].keys() == rows["field_headers"].keys()
    assert "end_of_stream" not in rows
    zendesk.settings.denied = {"articles": 404, "user_fields": 403}
    assert get(zendesk, "help_center/incremental/articles", start_time=0).status_code == 404
    assert get(zendesk, "user_fields").status_code == 403


def test_definitions_come_in_pages(zendesk_shared: Simulator) -> None:
    params: Json = {"page[size]": 4}
    keys = []
    while True:
        page = get(zendesk_shared, "user_fields.json", **params).json()
        keys += [field["key"] for field in page["user_fields"]]
        if not page["meta"]["has_more"]:
            break
        params["page[after]"] = page["meta"]["after_cursor"]
    assert (
        set(keys)
        == next(iter(zendesk_shared.store.records["users"].values()))["user_fields"].keys()
    )
    objects = get(zendesk_shared, "custom_objects").json()["custom_objects"]
    fields = get(zendesk_shared, f"custom_objects/{objects[0]['key']}/fields.json").json()
    assert fields["custom_object_fields"]


def test_the_data_is_as_awkward_as_that_of_a_real_account(zendesk_shared: Simulator) -> None:
    tickets = list(zendesk_shared.store.records["tickets"].values())
    seconds = [ticket["generated_timestamp"] for ticket in tickets]
    assert len(set(seconds)) < len(seconds)
    assert all(ticket["id"] > 1 << 32 and len(ticket) == 39 for ticket in tickets)
    assert any(ticket["status"] == "deleted" for ticket in tickets)
    assert any(epoch(t["updated_at"]) < t["generated_timestamp"] for t in tickets)
    kinds = {type(field["value"]) for ticket in tickets for field in ticket["custom_fields"]}
    assert kinds == {str, int, bool, list, type(None)}
    users = list(zendesk_shared.store.records["users"].values())
    assert all(len(user) == 40 for user in users)
    assert {type(user["photo"]) for user in users} == {dict, type(None)}


def test_tickets_of_ai_agents_are_left_out_unless_requested(zendesk: Simulator) -> None:
    ticket = zendesk.store.create("tickets", support_type="ai_agent")
    for scope, count in (("agent", 50), ("ai_agent", 1), ("all", 51)):
        page = get(zendesk, TICKETS, start_time=0, support_type_scope=scope).json()
        assert len(page["tickets"]) == count
        assert (ticket in page["tickets"]) == (scope != "agent")
