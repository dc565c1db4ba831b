"""How the simulated account behaves. Every field can be changed while the account runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Settings:
    """Behaviour of the account. The defaults are those of a healthy account without limits.

    Attributes:
        limit: export requests per window for the account. It stands for Zendesk's 10 a minute, and
            the other limits of endpoints scale with it (see `limits.py`). None: no such limits, and
            no headers for them.
        window: the length of a rate-limit window in seconds; it starts with its first request.
        account_limit: requests of any kind per window. None: no limit, but the headers are sent.
        limit_headers: whether successful responses have rate-limit headers at all.
        page_delay: the seconds it takes to make a page, except one of definitions.
        extend_pages: whether a full page of one second is extended to hold all of that second, with
            an `end_time` one second later. If not, `end_time` stays, and the page can repeat for
            ever.
        stuck_pages: without `extend_pages`, whether such a page still holds the "whole" second,
            or is "cut" at `per_page`.
        cap: the most records on a page, whatever the client requests. A page of one second is cut
            there, too, and is not extended.
        end_of_stream: whether pages have that field, in the exports that have it.
        meta: whether pages of lists by cursor have that field in addition to `links`.
        last_end_time: the `end_time` of a last page: correct ("true"), "null", or in the "future".
        empty_pages: the number of empty pages, each with a new cursor, before the last page of a
            cursor export or list. In a time export, any number but 0 puts an empty page into every
            gap between seconds.
        cycle_pages: whether the last page of a cursor export or list leads back to the first.
        ids: whether records have an `id`. None: it is null.
        newest_first_lists: whether ticket audits and audit logs come newest first without `sort`,
            as Zendesk documents. If not, they come oldest first.
        late_seconds: how long after its time an event is served if Zendesk writes it late (a breach
            among ticket metric events).
        token_lifetime: the real lifetime of a new OAuth token in seconds. None: the lifetime that
            the response states.
        token_lag: seconds until all servers know a new OAuth token; it is refused until then.
        ticket_exports: whether the ticket export of 2012 is served (404 otherwise).
        routing_pages: the form of skill routing pages: as in Zendesk's reference ("documented":
            `count`, `end_time` and a `next_page` with the cursor, an empty page at the end), or
            like those of other cursor exports ("cursor").
        chat_start_id: whether the exports of Chat use `start_id`. If not, each page begins with the
            records of the second in which the page before it ended.
        denied: the status (402, 403 or 404) that the endpoints of a resource return, by the name of
            the resource (`articles`, `user_fields`, …).
        closed_exports: the status (401, 403, 404 or 410) that all incremental exports return, as
            for third parties from December 2026. None: they are open.
        withheld_seconds: how many of the newest seconds are never served.
        canonical_host: the host in the URLs of responses, which is not the host that serves them.
    """

    limit: int | None = None
    window: float = 60.0
    account_limit: int | None = None
    limit_headers: bool = True
    page_delay: float = 0.0
    extend_pages: bool = True
    stuck_pages: Literal["whole", "cut"] = "whole"
    cap: int | None = None
    end_of_stream: bool = True
    meta: bool = True
    last_end_time: Literal["true", "null", "future"] = "true"
    empty_pages: int = 0
    cycle_pages: bool = False
    ids: bool | None = True
    newest_first_lists: bool = True
    late_seconds: int = 0
    token_lifetime: float | None = None
    token_lag: float = 0.0
    ticket_exports: bool = False
    routing_pages: Literal["documented", "cursor"] = "documented"
    chat_start_id: bool = True
    denied: dict[str, int] = field(default_factory=dict)
    closed_exports: int | None = None
    withheld_seconds: int = 60
    canonical_host: str = "https://z3n-simulator.zendesk.com"
