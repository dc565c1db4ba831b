"""How the simulated account behaves: every field can be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Settings:
    """Behaviour of the account; the defaults are those of a healthy one without limits.

    Attributes:
        limit: export requests per window for the account; it stands for Zendesk's 10 a minute, and
            every other limit that an endpoint has is larger or smaller with it (see `limits.py`).
            None: no such limits, and no headers of them.
        window: seconds a rate-limit window lasts; it starts with its first request.
        account_limit: requests of any kind per window. None: unlimited, headers still sent.
        limit_headers: whether good responses carry rate-limit headers at all.
        page_delay: seconds a page takes to make, except one of definitions.
        extend_pages: whether a full page of one second is extended to hold all of it, with an
            `end_time` one second on. If not, its `end_time` stays, which can repeat for ever.
        stuck_pages: without `extend_pages`, whether such a page still holds the "whole" second,
            or is "cut" at `per_page`.
        cap: the most records on a page, whatever is asked for; a page of one second is cut there,
            too, and is not extended.
        end_of_stream: whether pages have that field, in the exports that have it.
        meta: whether pages of lists by cursor have that field beside `links`.
        last_end_time: `end_time` of a last page: as it is ("true"), "null", or in the "future".
        empty_pages: empty pages, each with a new cursor, put before the last page of a cursor
            export or list; in a time export, any number but 0 puts an empty page into every gap
            between seconds.
        cycle_pages: whether the last page of a cursor export or list leads back to the first.
        ids: whether records have an `id`; None: it is null.
        newest_first_lists: whether ticket audits and audit logs come newest first without `sort`,
            as Zendesk documents, or ascending.
        late_seconds: how long after its time an event is served that Zendesk writes late (a breach
            among ticket metric events).
        token_lifetime: seconds a new OAuth token really lasts, whatever it says. None: as it says.
        token_lag: seconds until all servers know a new OAuth token; it is refused until then.
        ticket_exports: whether the ticket export of 2012 is served (404 otherwise).
        routing_pages: skill routing pages as in Zendesk's reference ("documented": `count`,
            `end_time` and a `next_page` that holds the cursor, an empty page at the end), or in the
            form of other cursor exports ("cursor").
        chat_start_id: whether the exports of Chat heed `start_id`; if not, each page begins with
            the records of the second that the page before it ended in.
        denied: resource name (`articles`, `user_fields`, …) to the status, 402, 403 or 404, that
            its endpoints answer.
        closed_exports: the status, 401, 403, 404 or 410, that all incremental exports answer, as
            for third parties from December 2026. None: they are open.
        withheld_seconds: the newest seconds, which are never served.
        canonical_host: the host named by URLs in responses, which is not the host that serves.
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
