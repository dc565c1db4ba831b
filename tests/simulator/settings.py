"""How the simulated account behaves: every field can be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Settings:
    """Behaviour of the account; the defaults are those of a healthy one without limits.

    Attributes:
        limit: export requests per window for the account; users' cursor export gets double that,
            counted apart. None: no limit, and no export rate-limit headers.
        window: seconds a rate-limit window lasts; it starts with its first request.
        account_limit: requests of any kind per window. None: unlimited, headers still sent.
        limit_headers: whether good responses carry rate-limit headers at all.
        page_delay: seconds an export page takes to make.
        extend_pages: whether a full page of one second is extended to hold all of it, with an
            `end_time` one second on. If not, its `end_time` stays, which can repeat for ever.
        stuck_pages: without `extend_pages`, whether such a page still holds the "whole" second,
            or is "cut" at `per_page`.
        end_of_stream: whether pages have that field.
        empty_pages: empty pages put before the last page of a cursor export; in a time export, any
            number but 0 puts an empty page into every gap between seconds.
        token_lifetime: seconds a new OAuth token really lasts, whatever it says. None: as it says.
        token_lag: seconds until all servers know a new OAuth token; it is refused until then.
        ticket_exports: whether the ticket export of 2012 is served (404 otherwise).
        routing_pages: skill routing pages as in Zendesk's reference ("documented": `count`,
            `end_time` and a `next_page` that holds the cursor, an empty page at the end), or in the
            form of other cursor exports ("cursor").
        denied: resource name (`articles`, `user_fields`, …) to the status, 403 or 404, it answers.
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
    end_of_stream: bool = True
    empty_pages: int = 0
    token_lifetime: float | None = None
    token_lag: float = 0.0
    ticket_exports: bool = False
    routing_pages: Literal["documented", "cursor"] = "documented"
    denied: dict[str, int] = field(default_factory=dict)
    withheld_seconds: int = 60
    canonical_host: str = "https://z3n-simulator.zendesk.com"
