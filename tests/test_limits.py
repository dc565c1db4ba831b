"""The tap paces itself by Zendesk's rate-limit headers, and waits as long as a 429 says."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from .processes import TICKETS, FastTap, check_complete
from .running import command_for, config_for, run, select

if TYPE_CHECKING:
    from pathlib import Path

    from .running import Json
    from .simulator import Simulator

LIMIT_REACHED = r"Zendesk's limit is reached; waiting (\d+) s"
TOO_MANY = r"Zendesk says 429, too many requests; waiting (\d+) s"


def statuses(zendesk: Simulator) -> list[int]:
    """Return the status of every response so far."""
    return [request.status for request in zendesk.requests]


def test_pacing_by_the_limit_of_the_exports(zendesk: Simulator, tmp_path: Path) -> None:
    """Two limits are counted separately, and no request gets a 429."""
    zendesk.settings.limit, zendesk.settings.window = 1, 1.0
    streams = ("tickets", "users", "organizations")
    run = FastTap(zendesk, tmp_path, *streams, plain=True).run(per_page=20)
    assert run.exit_code == 0
    check_complete([run], zendesk, *streams, once=False)
    assert statuses(zendesk) == [200] * (3 + 2 + 1)
    waits = re.findall(LIMIT_REACHED, run.stderr)
    # On a busy machine, a request alone can take longer than the window.
    assert 1 <= len(waits) <= 3
    assert set(waits) <= {"0", "1"}


def test_pacing_by_the_limit_of_the_account(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.account_limit, zendesk.settings.window = 3, 1.0
    streams = ("tickets", "users")
    run = FastTap(zendesk, tmp_path, *streams, plain=True).run(per_page=10)
    assert run.exit_code == 0
    check_complete([run], zendesk, *streams, once=True)
    assert statuses(zendesk) == [200] * (5 + 3)
    assert re.findall(LIMIT_REACHED, run.stderr)


def test_retries_are_paced_too(zendesk: Simulator, tmp_path: Path) -> None:
    """The retry after a fault on the last request of a window does not cause a 429."""
    zendesk.settings.limit, zendesk.settings.window = 2, 2.0
    for kind in ("cut", "no_records"):
        zendesk.faults.add(kind, path=TICKETS, after=1)
    run = FastTap(zendesk, tmp_path, plain=True).run(per_page=25)
    assert run.exit_code == 0
    check_complete([run], zendesk, once=True)
    assert statuses(zendesk) == [200, 200, 200, 200]


def test_limits_without_headers_are_waited_out(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.limit, zendesk.settings.window = 1, 1.0
    zendesk.settings.limit_headers = False
    run = FastTap(zendesk, tmp_path, plain=True).run(per_page=20)
    assert run.exit_code == 0
    check_complete([run], zendesk, once=True)
    refused = statuses(zendesk).count(429)
    assert refused
    assert len(re.findall(TOO_MANY, run.stderr)) == refused
    assert not run.log("WARNING")


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [("7", range(7, 8)), (None, range(60, 61)), ("soon", range(60, 61)), ("0", range(1, 2))],
)
def test_429s_do_not_count_as_tries(
    zendesk: Simulator, tmp_path: Path, retry_after: str | None, waits: range
) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    zendesk.faults.add("status", code=429, times=40, path=TICKETS, headers=headers)
    run = FastTap(zendesk, tmp_path).run()
    assert run.exit_code == 0
    check_complete([run], zendesk, once=True)
    found = [int(wait) for wait in re.findall(TOO_MANY, run.stderr)]
    assert len(found) == 40
    assert set(found) <= set(waits)


@pytest.mark.parametrize(("minutes", "waits"), [(10, range(400, 601)), (-10, range(1, 2))])
def test_429_until_a_date(zendesk: Simulator, tmp_path: Path, minutes: int, waits: range) -> None:
    until = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=minutes), usegmt=True)
    zendesk.faults.add("status", code=429, path=TICKETS, headers={"Retry-After": until})
    run = FastTap(zendesk, tmp_path).run()
    assert run.exit_code == 0
    (wait,) = re.findall(TOO_MANY, run.stderr)
    assert int(wait) in waits


@pytest.mark.parametrize(
    ("option", "path"), [("--test", "tickets/sample"), ("--discover", "user_fields")]
)
@pytest.mark.parametrize(
    ("fault", "waits", "says"),
    [
        ({"code": 429, "headers": {"Retry-After": "60"}}, 2, "has to wait 60 s. Run again later"),
        ({"code": 429, "headers": {"Retry-After": "1100"}}, 0, "has to wait 1100 s. Run again"),
        (
            {"code": 503, "headers": {"zendesk-ratelimit-other": "remaining=0; resets=1100"}},
            0,
            "limit is reached, and the next request has to wait 1100 s. Run again later",
        ),
        ({"code": 503, "headers": {"Retry-After": "1100"}}, 0, "HTTP 503"),
    ],
)
def test_limits_are_not_waited_out_while_someone_waits(  # noqa: PLR0913 (all by name)
    *,
    zendesk: Simulator,
    tmp_path: Path,
    option: str,
    path: str,
    fault: Json,
    waits: int,
    says: str,
) -> None:
    zendesk.faults.add("status", times=99, path=path, **fault)
    catalog = select("tickets") if option == "--test" else None
    command = command_for(tmp_path, config=config_for(zendesk), catalog=catalog)
    done = run([sys.executable, "-m", "tests.shortened_waits", *command[1:], option])
    assert len(zendesk.faults.met) == waits + 1
    # Discovery goes on without the definitions if Zendesk does not answer.
    goes_on = option == "--discover" and says == "HTTP 503"
    assert done.exit_code == (not goes_on)
    assert says in done.log("WARNING" if goes_on else "ERROR")[-1]


def test_an_unknown_limit_applies_to_the_stream_that_received_it(
    zendesk: Simulator, tmp_path: Path
) -> None:
    """Only requests of the stream that received the header wait."""
    headers = {"zendesk-ratelimit-brand-new": "total=10; remaining=0; resets=37"}
    body = b'{"user_fields": [{"id": 1}], "meta": {"has_more": true, "after_cursor": "1"}}'
    zendesk.faults.add("status", code=200, path="user_fields", headers=headers, body=body)
    zendesk.faults.add("status", code=503, path=TICKETS, headers=headers)
    run = FastTap(zendesk, tmp_path, "user_fields", "tickets", "ticket_fields").run()
    assert run.exit_code == 0, run.stderr
    waits = re.findall(r"(\w+): Zendesk's limit is reached; waiting (\d+) s", run.stderr)
    assert sorted(waits) == [("tickets", "37"), ("user_fields", "37")]


def test_429s_between_faults(zendesk: Simulator, tmp_path: Path) -> None:
    """Twenty faults and twenty 429s on one page do not make the tap give up."""
    for _ in range(20):
        zendesk.faults.add("status", code=500, path=TICKETS)
        zendesk.faults.add("status", code=429, path=TICKETS, headers={"Retry-After": "3"})
    run = FastTap(zendesk, tmp_path).run()
    assert run.exit_code == 0
    check_complete([run], zendesk, once=True)


def test_a_429_of_the_token_endpoint_is_waited_out(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.faults.add(
        "status", code=429, times=2, path="oauth/tokens", headers={"Retry-After": "11"}
    )
    run = FastTap(zendesk, tmp_path).run(
        client_id="simulated_confidential_client", client_secret="simulated-client-secret-51aa0c"
    )
    assert run.exit_code == 0
    assert run.stderr.count("next try in 11.0 s") == 2
