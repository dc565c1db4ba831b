"""OAuth at the token endpoint: when tokens are requested and renewed, and what is refused."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import requests
from singer_sdk.exceptions import FatalAPIError

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.auth.oauth import RefreshTokenAuthenticator, RenewingAuthenticator
from tap_zendesk_incremental.auth.token_file import Slots, TokenFile, fingerprint

from .simulator import Simulator
from .simulator import credentials as known
from .simulator.auth import Token
from .test_token_file import full_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zendesk_incremental.auth.token_file import TokenPair

CLIENT = {"client_id": known.CLIENT_ID, "client_secret": known.CLIENT_SECRET}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """The session of the requests for tokens."""
    with requests.Session() as session:
        yield session


def authorized(authenticator: RenewingAuthenticator) -> str:
    """Return the Authorization header of a new request."""
    request = requests.Request("GET", "http://127.0.0.1/").prepare()
    return str(authenticator.authenticate_request(request).headers["Authorization"])


def answered(
    authenticator: RenewingAuthenticator, header: str, status: int, times: int = 1
) -> float | None:
    """Report a status for this header, and return the seconds to wait before resending, or None."""
    response = requests.Response()
    response.status_code = status
    response.request = requests.Request(
        "GET", "http://127.0.0.1/", {"Authorization": header}
    ).prepare()
    return authenticator.wait_before_resending(response, times)


def refused(authenticator: RenewingAuthenticator, header: str, times: int) -> float | None:
    """Report a 401 for this header, and return the seconds to wait before resending, or None."""
    return answered(authenticator, header, 401, times)


def test_one_token_serves_many_requests(zendesk: Simulator, session: requests.Session) -> None:
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    assert zendesk.requests == []
    header = authorized(authenticator)
    assert authorized(authenticator) == header
    zendesk.api.auth.check(header)
    assert len(zendesk.requests) == 1
    assert authenticator.expires_in == 172_800
    assert refused(authenticator, header, 1) == 0
    assert authorized(authenticator) != header
    assert len(zendesk.requests) == 2


def test_a_new_token_that_is_refused_is_given_time(
    zendesk: Simulator, session: requests.Session
) -> None:
    """It is not renewed again, because Zendesk's servers would know a newer one even later."""
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    header = authorized(authenticator)
    waits: list[float] = []
    while (wait := refused(authenticator, header, len(waits) + 1)) is not None:
        waits.append(wait)
        header = authorized(authenticator)
    assert waits == [0, 1, 2, 4, 8]
    assert len(zendesk.requests) == 2


def test_a_token_that_another_thread_has_renewed_is_not_renewed_again(
    zendesk: Simulator, session: requests.Session
) -> None:
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    header = authorized(authenticator)
    assert refused(authenticator, header, 1) == 0
    renewed = authorized(authenticator)
    assert refused(authenticator, header, 1) == 0
    assert authorized(authenticator) == renewed
    assert len(zendesk.requests) == 2


def test_a_new_token_that_several_threads_see_refused_is_not_renewed_again(
    zendesk: Simulator, session: requests.Session
) -> None:
    """Only a token that Zendesk has accepted before can have expired."""
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    assert refused(authenticator, authorized(authenticator), 1) == 0
    renewed = authorized(authenticator)
    for _ in range(3):
        assert refused(authenticator, renewed, 1) == 0
        assert authorized(authenticator) == renewed
    assert answered(authenticator, renewed, 200) is None
    assert refused(authenticator, renewed, 1) == 0
    assert authorized(authenticator) != renewed
    assert len(zendesk.requests) == 3


def test_threads_share_one_token(zendesk: Simulator, session: requests.Session) -> None:
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    zendesk.faults.add("slow_body", path="oauth", seconds=0.2, pieces=2)
    with ThreadPoolExecutor(4) as pool:
        headers = {
            future.result() for future in [pool.submit(authorized, authenticator) for _ in range(4)]
        }
    assert len(headers) == 1
    assert len(zendesk.requests) == 1


def test_a_token_is_renewed_before_it_expires(
    zendesk: Simulator, session: requests.Session
) -> None:
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    header = authorized(authenticator)
    assert authenticator.last_refreshed is not None
    authenticator.expires_in = 300  # the last 30 seconds of it do not count
    assert authorized(authenticator) == header
    authenticator.expires_in = 0  # a token that never expires
    assert authorized(authenticator) == header
    authenticator.expires_in = 300
    authenticator.last_refreshed -= timedelta(seconds=271)
    assert authorized(authenticator) != header


BAD_TOKENS: tuple[object, ...] = (
    None,
    "",
    1,
    True,
    [],
    ["a-token"],
    {},
    "two words",
    "line\nfeed",
    "中文",
    "x" * 9999,
)


@pytest.mark.parametrize("token", BAD_TOKENS, ids=lambda token: repr(token)[:12])
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_an_invalid_token_is_not_used(  # noqa: PLR0913, PLR0917 (fixtures)
    zendesk: Simulator,
    session: requests.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    token: object,
) -> None:
    """The next try gets a valid pair. Without a refresh token in it, the old one stays valid."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    answer = {"access_token": "good-access", "refresh_token": "good-refresh", name: token}
    body = msgspec.json.encode(answer).decode()
    zendesk.faults.add("status", code=200, body=body, path="oauth")
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    authenticator = RefreshTokenAuthenticator(config, zendesk.url, session, file)
    header = authorized(authenticator)
    with file.locked() as slots:
        pair = slots.read()
    assert pair is not None
    if name == "refresh_token" and token is None:
        assert (header, pair.refresh_token) == ("Bearer good-access", known.REFRESH_TOKEN)
        assert len(zendesk.requests) == 1
    else:
        zendesk.api.auth.check(header)
        assert pair.refresh_token == zendesk.api.auth.tokens[-1].refresh_token
        assert len(zendesk.requests) == 2


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        (None, None), (0, None), ("", None), (3600, 3600), ("3600", 3600), (90.5, 90),
        (-1, 300), ("soon", 300), ([1], 300), ({"a": 1}, 300), (True, 300), (1e300, 172_800),
        (10**30, 172_800), ("nan", 300), ("inf", 300),
    ],
)  # fmt: skip
def test_token_lifetimes(
    zendesk: Simulator, session: requests.Session, life: object, seconds: int | None
) -> None:
    answer = {"access_token": "a", "expires_in": life, "scope": ["not", "text"]}
    zendesk.faults.add("status", code=200, body=json.dumps(answer), path="oauth")
    authenticator = RenewingAuthenticator(CLIENT, zendesk.url, session)
    assert authorized(authenticator) == "Bearer a"
    assert authenticator.expires_in == seconds


@pytest.mark.parametrize("kind", ["reset", "not_json", "empty", "html", "no_token", "busy"])
def test_a_fault_of_the_token_endpoint_is_retried(
    zendesk: Simulator, session: requests.Session, kind: str
) -> None:
    args: dict[str, Any] = {
        "no_token": {"code": 200, "body": "{}"},
        "busy": {"code": 503, "headers": {"Retry-After": "0"}},
    }.get(kind, {})
    zendesk.faults.add("status" if args else kind, path="oauth", **args)
    zendesk.api.auth.check(authorized(RenewingAuthenticator(CLIENT, zendesk.url, session)))
    assert len(zendesk.requests) == 2


NO_ACCOUNT = '{"error": {"title": "No help desk at acme.zendesk.com", "message": "Check it"}}'


@pytest.mark.parametrize(
    ("code", "body", "match"),
    [
        (200, '{"access_token": "scoped-token-1", "scope": "tickets:write"}', "'tickets:write'"),
        (401, '{"error": "invalid_client"}', "HTTP 401 invalid_client; check client_id"),
        (404, NO_ACCOUNT, r"HTTP 404 No help desk at acme.*\); check subdomain \(or api_url\)$"),
        (404, "<html>", r"HTTP 404\); check subdomain"),
        (302, "", r"HTTP 302\); check subdomain"),
    ],
)
def test_refused_token_requests_are_final(
    zendesk: Simulator, session: requests.Session, code: int, body: str, match: str
) -> None:
    headers = {"Location": "http://127.0.0.1:9/"} if code == 302 else {}
    zendesk.faults.add("status", path="oauth", code=code, body=body, headers=headers)
    with pytest.raises(FatalAPIError, match=match):
        authorized(RenewingAuthenticator(CLIENT, zendesk.url, session))
    assert len(zendesk.requests) == 1


def test_the_error_about_a_void_refresh_token_says_what_to_do(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": "used-long-ago"}
    with pytest.raises(FatalAPIError, match="a used or expired one needs a new authorization"):
        authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file))
    with file.locked() as slots:
        assert slots.read() is None


def test_an_unusable_token_path_is_found_before_the_refresh_token_is_used(
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


def test_each_account_and_client_needs_a_file_of_its_own(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    """Tokens are neither sent to another account nor overwritten by it."""
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    header = authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file))
    content = file.path.read_bytes()
    with Simulator() as other:
        with pytest.raises(FatalAPIError, match=rf"holds the tokens of {zendesk.url}; give each"):
            authorized(RefreshTokenAuthenticator(config, other.url, session, file))
        assert not other.requests
    public = {"client_id": known.PUBLIC_CLIENT_ID, "refresh_token": known.PUBLIC_REFRESH_TOKEN}
    with pytest.raises(FatalAPIError, match="holds the tokens of another OAuth client; give each"):
        authorized(RefreshTokenAuthenticator(public, zendesk.url, session, file))
    assert len(zendesk.requests) == 1
    assert file.path.read_bytes() == content
    assert authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file)) == header
    # A new authorization of the same client replaces the pair.
    zendesk.api.auth.tokens.append(Token(known.CLIENT_ID, "read", "access-anew", "refresh-anew"))
    anew = config | {"refresh_token": "refresh-anew"}
    zendesk.api.auth.check(authorized(RefreshTokenAuthenticator(anew, zendesk.url, session, file)))
    assert file.path.read_bytes() != content


def test_a_file_from_an_earlier_version_still_works(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    """The file names no account until the next pair is saved."""
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": "used-up"}
    old = {"access_token": known.ACCESS_TOKEN, "refresh_token": known.REFRESH_TOKEN}
    old |= {"seed": fingerprint("used-up")}
    file.path.write_text(json.dumps(old | {"expires_at": time.time() + 900}))
    authenticator = RefreshTokenAuthenticator(config, zendesk.url, session, file)
    assert authorized(authenticator) == f"Bearer {known.ACCESS_TOKEN}"
    assert not zendesk.requests
    file.path.write_text(json.dumps(old | {"expires_at": time.time()}))
    authenticator = RefreshTokenAuthenticator(config, zendesk.url, session, file)
    zendesk.api.auth.check(authorized(authenticator))
    with file.locked() as slots:
        pair = slots.read()
    assert pair is not None
    assert (pair.account, pair.client) == (zendesk.url, fingerprint(known.CLIENT_ID))
    assert pair.refresh_token == zendesk.api.auth.tokens[-1].refresh_token


def test_a_full_disk_is_found_before_the_refresh_token_is_used(
    zendesk: Simulator, session: requests.Session, tmp_path: Path
) -> None:
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    authenticator = RefreshTokenAuthenticator(config, zendesk.url, session, file)
    with full_disk(), pytest.raises(FatalAPIError, match=r"cannot be used: .* No space left"):
        authorized(authenticator)
    assert not zendesk.requests
    zendesk.api.auth.check(authorized(authenticator))


def test_a_signal_between_the_answer_and_the_file(
    zendesk: Simulator,
    session: requests.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signal waits until the pair is saved, however long that takes, and then ends the run."""
    write = Slots.write

    def write_late(slots: Slots, pair: TokenPair) -> None:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.3)
        write(slots, pair)

    monkeypatch.setattr(Slots, "write", write_late)
    monkeypatch.setattr(shutdown, "MAX_ANSWER_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(shutdown, "_pending", [])
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    before = signal.signal(signal.SIGTERM, lambda number, _: shutdown.end(number))
    try:
        with pytest.raises(SystemExit, match="143"):
            authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file))
    finally:
        signal.signal(signal.SIGTERM, before)
    with file.locked() as slots:
        pair = slots.read()
    assert pair is not None
    assert pair.refresh_token == zendesk.api.auth.tokens[-1].refresh_token


def test_a_disk_that_fails_during_the_write(
    zendesk: Simulator,
    session: requests.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In that case the error does not say that the old token is valid."""

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Slots, "write", fail)
    file = TokenFile(str(tmp_path / "tokens.json"))
    config = CLIENT | {"refresh_token": known.REFRESH_TOKEN}
    with pytest.raises(FatalAPIError, match=r"could not be saved .* a new authorization is needed"):
        authorized(RefreshTokenAuthenticator(config, zendesk.url, session, file))


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
    # One renews the token. The pair of the other is void, so it takes the new one from the file.
    refused(one, first, 1)
    renewed = authorized(one)
    assert renewed != first
    refused(two, first, 1)
    assert authorized(two) == renewed
    assert len(zendesk.requests) == 2
