"""The account of `python -m tests.simulator`: one that a support manager would believe.

The tickets and their events, metrics, ratings and audits all come from the same story, so they
agree with each other, and every id in them exists. The other resources are the same as in tests.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import Simulator, data
from . import records_products as products
from . import records_support as support
from .account import YEARS, open_account
from .demo_metrics import METRIC_BASE, METRIC_STEP, POLICY, POLICY_ID, Metrics
from .demo_records import EVENT_BASE, EVENT_STEP, RATING_BASE, Records
from .demo_stories import CLOSES, DAY, HOUR, MINUTE, MOST_STEPS, OPENS, PRIORITIES, Desk, story
from .resources import RESOURCES
from .store import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .exports import Key, RecordId
    from .store import Make, Record, Store

TICKETS_A_DAY = 25
"""The average, unless that many tickets would take more than three years."""
WEEK = 7 * DAY
_GROUPS = (
    "Support",
    "Second line",
    "Billing",
    "Shipping",
    "Onboarding",
    "Partners",
    "Enterprise",
    "Community",
    "Returns",
    "Security",
)


def _keys(desk: Desk, metrics: Metrics) -> dict[str, list[Key]]:
    """Return the second and id of each record that the stories contain, by resource."""
    found: dict[str, list[Key]] = {
        name: []
        for name in ("tickets", "ticket_events", "satisfaction_ratings", "ticket_metric_events")
    }
    for n in range(desk.tickets):
        told = story(desk, n)
        steps = enumerate(told.steps)
        first = EVENT_BASE + EVENT_STEP * MOST_STEPS * n
        found["tickets"].append((told.steps[-1].second, products.ticket_id(n)))
        found["ticket_events"] += [(s.second, first + EVENT_STEP * k) for k, s in steps]
        measured = enumerate(metrics.metric_events(n))
        at = METRIC_BASE + METRIC_STEP * n
        found["ticket_metric_events"] += [(second, at + k) for k, (second, _) in measured]
        if told.rating:
            solved = max(s.second for s in told.steps if s.changes.get("status") == "solved")
            found["satisfaction_ratings"].append((solved + HOUR, RATING_BASE + n))
    found["ticket_audits"] = found["ticket_events"]
    return found


def _group(n: int, record_id: RecordId, second: int) -> Record:
    own = {"name": _GROUPS[n % len(_GROUPS)], "description": "", "deleted": False}
    return support.group(n, record_id, second) | own


def _policy(n: int, record_id: RecordId, second: int) -> Record:
    targets = [
        {
            "priority": priority,
            "metric": "first_reply_time",
            "target": minutes,
            "target_in_seconds": minutes * MINUTE,
            "business_hours": True,
        }
        for priority, minutes in PRIORITIES.items()
    ]
    return support.sla_policy(n, record_id, second) | POLICY | {"policy_metrics": targets}


def _schedule(n: int, record_id: RecordId, second: int) -> Record:
    hours = [
        {
            "start_time": day * DAY // MINUTE + OPENS // MINUTE,
            "end_time": day * DAY // MINUTE + CLOSES // MINUTE,
        }
        for day in range(1, 6)
    ]
    own = {"name": "Office hours", "time_zone": "UTC", "intervals": hours}
    return support.schedule(n, record_id, second) | own


def _holiday(n: int, record_id: RecordId, second: int) -> Record:
    """Make a holiday in the future, because the agents of the stories work on all past days."""
    day = f"{time.gmtime().tm_year + 1}-01-01"
    own = {"schedule_id": support.schedule_id(0), "start_date": day, "end_date": day}
    return support.schedule_holiday(n, record_id, second) | own


def _oldest_keys(ids: Iterable[RecordId], desk: Desk) -> list[Key]:
    return [(desk.oldest - DAY + n, record_id) for n, record_id in enumerate(ids)]


def open_demo_account(counts: Mapping[str, int], extras_count: int, seed: int) -> Store:
    """Make the account's data.

    Args:
        counts: the numbers of tickets, users and organizations.
        extras_count: the number of records of every resource that has no story.
        seed: the same seed gives the same data, relative to six hours before now.

    Returns:
        The data.
    """
    store = open_account(counts, extras_count, seed)
    newest = int(time.time()) // HOUR * HOUR - 6 * HOUR
    users = [data.user_id(n) for n in range(max(counts["users"], 2))]
    desk = Desk(
        seed,
        counts["tickets"],
        tuple(u for n, u in enumerate(users) if n % 12),
        tuple(users[::12]),
        tuple(support.group_id(n) for n in range(len(_GROUPS))),
        newest - min(YEARS, max(WEEK, counts["tickets"] * DAY // TICKETS_A_DAY)),
        newest,
    )
    account, metrics = Records(desk, counts["organizations"]), Metrics(desk)
    memberships = [(agent, n) for n, agent in enumerate(desk.agents)]

    def membership(n: int, record_id: RecordId, second: int) -> Record:
        agent, place = memberships[n % len(memberships)]
        group_id = desk.groups[place % len(desk.groups)]
        own = {"user_id": agent, "group_id": group_id, "default": True}
        return support.group_membership(n, record_id, second) | own

    makers: dict[str, Make] = {
        "tickets": account.ticket,
        "ticket_events": account.ticket_event,
        "ticket_metric_events": metrics.ticket_metric_event,
        "satisfaction_ratings": account.satisfaction_rating,
        "ticket_audits": account.ticket_audit,
        "users": account.user,
        "groups": _group,
        "group_memberships": membership,
        "sla_policies": _policy,
        "schedules": _schedule,
        "schedule_holidays": _holiday,
    }
    kinds = {resource.name: resource for resource in RESOURCES}
    keys: dict[str, list[Key]] = _keys(desk, metrics) | {
        "groups": _oldest_keys(desk.groups, desk),
        "group_memberships": _oldest_keys(
            map(kinds["group_memberships"].id_of, range(len(memberships))), desk
        ),
        "sla_policies": _oldest_keys([POLICY_ID], desk),
        "schedules": _oldest_keys([support.schedule_id(0)], desk),
        "schedule_holidays": _oldest_keys([kinds["schedule_holidays"].id_of(0)], desk),
        "users": [(desk.oldest - DAY + n % DAY, user) for n, user in enumerate(users)],
    }
    for name, make in makers.items():
        store.records[name] = Table(kinds[name], make, keys[name])
    store.sideloads = {
        ("tickets", "metric_sets"): metrics.metric_set,
        ("tickets", "metric_events"): metrics.by_metric,
        ("tickets", "comment_count"): metrics.comment_count,
        ("tickets", "incident_counts"): lambda _ticket: 0,
        ("tickets", "slas"): metrics.slas,
        ("ticket_events", "comment_events"): account.with_comments,
    }
    return store


class DemoSimulator(Simulator):
    """A simulated account whose tickets have stories."""

    open_account = staticmethod(open_demo_account)
