"""OAuth against a token endpoint: what is asked, when it is asked again, what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from singer_sdk.exceptions import FatalAPIError

from tap_zendesk_incremental.oauth import RefreshTokenAuthenticator, RenewingAuthenticator
from tap_zendesk_incremental.token_file import TokenFile

from .simulator import credentials as known

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .simulator import Simulator

CLIENT = {"client_id": known.CLIENT_ID, "client_secret": known.CLIENT_SECRET}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """What requests go through."""
    with requests.Session() as session:
        yield session


def authorized(authenticator: RenewingAuthenticator) -> str:
    """The header that a request gets."""
    request = requests.Request("GET", "http://127.0.0.1/").prepare()
    return str(authenticator.authenticate_request(request).headers["Authorization"])


def test_one_token_serves_many_requests(zendesk: Simulator, session: requests.Session) -> None:
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    assert zendesk.requests == []
    header = authorized(authenticator)
    assert authorized(authenticator) == header
    zendesk.api.auth.check(header)
    assert len(zendesk.requests) == 1
    assert authenticator.expires_in == 172_800
    authenticator.renew()
    assert authorized(authenticator) != header
    assert len(zendesk.requests) == 2


def test_a_token_is_renewed_before_it_ends(zendesk: Simulator, session: requests.Session) -> None:
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    header = authorized(authenticator)
    assert authenticator.last_refreshed is not None
    authenticator.expires_in = 300  # of which the last 30 seconds do not count
    assert authorized(authenticator) == header
    authenticator.expires_in = 0  # a token that does not end
    assert authorized(authenticator) == header
    authenticator.expires_in = 300
    authenticator.last_refreshed -= timedelta(seconds=271)
    assert authorized(authenticator) != header


@pytest.mark.parametrize("kind", ["reset", "not_json", "empty", "html", "no_token", "busy"])
def test_a_fault_of_the_token_endpoint_is_tried_again(
    zendesk: Simulator, session: requests.Session, kind: str
) -> None:
    args: dict[str, Any] = {
        "no_token": {"code": 200, "body": "{}"},
        "busy": {"code": 503, "headers": {"Retry-After": "0"}},
    }.get(kind, {})
    zendesk.faults.add("status" if args else kind, path="oauth", **args)
    zendesk.api.auth.check(authorized(RenewingAuthenticator(CLIENT, zendesk.url, session)))
    assert len(zendesk.requests) == 2


@pytest.mark.parametrize(
    ("code", "body", "match"),
    [
        (200, '{"access_token": "scoped-token-1", "scope": "tickets:write"}', "'tickets:write'"),
        (401, '{"error": "invalid_client"}', "HTTP 401 invalid_client; check client_id"),
        (404, "<html>", "HTTP 404"),
        (302, "", "HTTP 302"),
    ],
)
def test_refusals_are_final(
    zendesk: Simulator, session: requests.Session, code: int, body: str, match: str
) -> None:
    headers = {"Location": "http://127.0.0.1:9/"} if code == 302 else {}
    zendesk.faults.add("status", path="oauth", code=code, body=body, headers=headers)
    with pytest.raises(FatalAPIError, match=match):
        authorized(RenewingAuthenticator(CLIENT, zendesk.url, session))
    assert len(zendesk.requests) == 1


def test_a_void_refresh_token_says_what_to_do(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": "used-long-ago"}
    with pytest.raises(FatalAPIError, match="a used or expired one needs a new authorization"):
        authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file))
    assert not file.path.exists()


def test_a_token_path_that_cannot_be_used_is_found_before_the_token_is_spent(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    missing = TokenFile(str(tmp_path / "missing" / "tokens.json"))
    foreign = TokenFile(str(tmp_path / "foreign.json"))
    foreign.path.write_text("not ours")
    for file in (missing, foreign):
        with pytest.raises(FatalAPIError, match=r"^oauth_token_path .* cannot be used"):
            authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file))
    assert zendesk.requests == []
    assert foreign.path.read_text() == "not ours"


def test_two_runs_share_one_pair(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    path = str(tmp_path / "tokens.json")
    one, two = (
        RefreshTokenAuthenticator(config, zendesk.url, session, TokenFile(path)) for _ in range(2)
    )
    first = authorized(one)
    assert authorized(two) == first
    assert len(zendesk.requests) == 1
    # One renews; what the other holds is void, and it takes the new pair from the file.
    one.renew()
    renewed = authorized(one)
    assert renewed != first
    two.renew()
    assert authorized(two) == renewed
    assert len(zendesk.requests) == 2
