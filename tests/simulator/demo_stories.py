"""The stories of the demo account's tickets: what happens at a plain support desk.

A customer writes, a trigger assigns, and agents answer in office hours. Some tickets are escalated,
reopened or late, and an automation closes the solved ones. A story depends only on the seed and the
ticket's number, so it can be told again at any time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Record

MINUTE, HOUR, DAY = 60, 3600, 86_400
OPENS, CLOSES = 9 * HOUR, 17 * HOUR
MOST_STEPS = 16
SYSTEM = -1
PRIORITIES = {"low": 1440, "normal": 480, "high": 120, "urgent": 30}
"""Each priority, and the minutes in which its policy demands a first reply."""
_WEIGHTS = (25, 50, 20, 5)
_TOPICS = (
    ("Cannot log in", "Since this morning the page says that my password is wrong."),
    ("Question about my invoice", "The amount is not what we agreed on. Can you check it?"),
    ("Where is my order?", "The parcel should have been here last week."),
    ("Export fails", "The CSV stops after 500 rows, see the screenshot."),
    ("Please delete my account", "We do not use the product any more."),
    ("Feature request: dark mode", "My eyes would thank you."),
    ("Wrong address on the delivery note", "The old address is still on it."),
    ("API returns 500", "It happens every few minutes since the last release."),
)
_REPLIES = (
    "Thank you for writing. Could you send me a screenshot, please?",
    "I have looked into it and found the cause. Please try again.",
    "This is known to us. A correction comes with the next release.",
)
_ANSWERS = ("Here it is.", "It still does not work.", "Thanks, I will try that.")
_SOLUTIONS = ("This is done now. Is there anything else?", "The correction is live. All good?")


@dataclass(frozen=True)
class Desk:
    """The size of the account and its people.

    Attributes:
        seed: the same seed gives the same stories.
        tickets: the number of tickets.
        customers: the user ids of end users.
        agents: the user ids of agents.
        groups: the group ids; number 1 is the second line.
        oldest: epoch second of the first ticket.
        newest: epoch second at which all stories stop, finished or not.
    """

    seed: int
    tickets: int
    customers: tuple[int, ...]
    agents: tuple[int, ...]
    groups: tuple[int, ...]
    oldest: int
    newest: int


@dataclass(frozen=True)
class Step:
    """An update of a ticket.

    Attributes:
        second: epoch second of the update.
        author: a user id, or `SYSTEM`.
        changes: properties and their new values.
        comment: the author's comment, if any.
        public: whether the customer can read the comment.
    """

    second: int
    author: int
    changes: Record = field(default_factory=dict)
    comment: str = ""
    public: bool = True


@dataclass(frozen=True)
class Story:
    """A ticket's life so far.

    Attributes:
        steps: the ticket's updates; the first creates it.
        requester: the customer's user id.
        subject: the ticket's subject.
        due: epoch second until which the policy demands a first reply.
        first_reply: epoch second of the first public answer, if there is one.
        reopens: how often the customer reopened the ticket.
        rating: "good", "bad", or "" if the customer did not rate the ticket.
    """

    steps: tuple[Step, ...]
    requester: int
    subject: str
    due: int
    first_reply: int | None
    reopens: int
    rating: str

    def properties(self, steps: int | None = None) -> Record:
        """Return the ticket's properties after a number of steps, or after all of them."""
        found: Record = {}
        for step in self.steps[:steps]:
            found |= step.changes
        return found

    def replies(self) -> int:
        """Count the public comments of agents."""
        return sum(bool(s.comment and s.public and s.author != self.requester) for s in self.steps)


def in_office_hours(second: int) -> int:
    """Return a second that is in office hours (Monday to Friday, UTC), or else the next opening."""
    day, clock = divmod(second, DAY)
    if clock >= CLOSES:
        day, clock = day + 1, 0
    # 1970-01-01 was a Thursday: day 2 was a Saturday.
    while day % 7 in {2, 3}:
        day, clock = day + 1, 0
    return day * DAY + max(clock, OPENS)


def after_office_time(second: int, seconds: int) -> int:
    """Return the second at which a number of office-hour seconds have passed."""
    while True:
        second = in_office_hours(second)
        left = second // DAY * DAY + CLOSES - second
        if seconds < left:
            return second + seconds
        seconds -= left
        second += left


def office_minutes(first: int, last: int) -> int:
    """Count the office-hour minutes between two seconds."""
    seconds, first = 0, in_office_hours(first)
    while first < last:
        closing = first // DAY * DAY + CLOSES
        seconds += min(closing, last) - first
        first = in_office_hours(closing)
    return seconds // MINUTE


@lru_cache(maxsize=4096)
def story(desk: Desk, n: int) -> Story:
    """Tell the story of ticket number n."""
    chance = random.Random(f"{desk.seed} {n}")
    span = desk.newest - HOUR - desk.oldest
    created = desk.oldest + int((n + chance.random()) * span / desk.tickets)
    requester = chance.choice(desk.customers)
    subject, text = chance.choice(_TOPICS)
    [priority] = chance.choices(list(PRIORITIES), _WEIGHTS)
    first_line = [n for n in range(len(desk.groups)) if n != 1]
    group = desk.groups[chance.choice(first_line)]
    agent = chance.choice(desk.agents)
    asked = {"status": "new", "priority": priority}
    steps = [Step(created, requester, asked, text)]
    assigned = {"group_id": group, "assignee_id": agent}
    steps.append(Step(created + chance.randint(1, 20), SYSTEM, assigned))
    wait = PRIORITIES[priority] * MINUTE * 0.4

    def work(author: int, comment: str, *, public: bool = True, **changes: object) -> None:
        spent = int(chance.expovariate(1 / wait)) + MINUTE
        second = after_office_time(steps[-1].second, spent)
        steps.append(Step(second, author, changes, comment, public))

    def answer(comment: str) -> None:
        second = steps[-1].second + int(chance.expovariate(1 / (8 * HOUR))) + 5 * MINUTE
        steps.append(Step(second, requester, {"status": "open"}, comment))

    for _ in range(chance.choices((0, 1, 2), (40, 40, 20))[0]):
        work(agent, chance.choice(_REPLIES), status="pending")
        answer(chance.choice(_ANSWERS))
    if chance.random() < 0.12:
        expert = chance.choice(desk.agents)
        moved = {"group_id": desk.groups[1], "assignee_id": expert, "status": "open"}
        work(agent, "Escalated: needs someone of the second line.", public=False, **moved)
        agent = expert
    work(agent, chance.choice(_SOLUTIONS), status="solved")
    if chance.random() < 0.1:
        answer("Sorry, it is back again.")
        work(agent, chance.choice(_SOLUTIONS), status="solved")
    steps.append(Step(steps[-1].second + 4 * DAY, SYSTEM, {"status": "closed"}))
    # A ticket that a test adds starts after all others.
    told = tuple(step for step in steps if step.second <= desk.newest) or (steps[0],)
    replies = (s.second for s in told if s.comment and s.public and s.author != requester)
    due = after_office_time(created, PRIORITIES[priority] * MINUTE)
    statuses = [step.changes["status"] for step in told if "status" in step.changes]
    reopens = sum(pair == ("solved", "open") for pair in pairwise(statuses))
    first_reply = next(replies, None)
    is_unhappy = reopens or (first_reply is not None and first_reply > due)
    liked = chance.random() < (0.5 if is_unhappy else 0.93)
    rates = chance.random() < 0.3 and statuses[-1] in {"solved", "closed"}
    rating = ("good" if liked else "bad") if rates else ""
    return Story(told, requester, subject, due, first_reply, reopens, rating)
