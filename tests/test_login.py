"""Every login, with the installed command and an account that checks it."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

import pytest

from tap_zendesk_incremental.auth.login import login_problem

from .running import STREAMS, config_for, run_tap, select
from .simulator import credentials as known

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator

Json = dict[str, Any]
TOKENS = "/oauth/tokens"


def logins_of(zendesk: Simulator) -> set[str]:
    """Return the Authorization headers of all requests for data."""
    return {r.headers["authorization"] for r in zendesk.requests if r.method == "GET"}


def basic(user: str, secret: str) -> str:
    """Return the header of Basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ({"access_token": known.ACCESS_TOKEN}, f"Bearer {known.ACCESS_TOKEN}"),
        (
            {"email": known.EMAIL, "api_token": known.API_TOKEN},
            basic(f"{known.EMAIL}/token", known.API_TOKEN),
        ),
        ({"email": known.EMAIL, "password": known.PASSWORD}, basic(known.EMAIL, known.PASSWORD)),
        # A token path without a refresh token does no harm.
        (
            {"access_token": known.ACCESS_TOKEN, "oauth_token_path": "nowhere"},
            f"Bearer {known.ACCESS_TOKEN}",
        ),
    ],
)
def test_ready_credentials(zendesk: Simulator, tmp_path: Path, login: Json, header: str) -> None:
    run = run_tap(tmp_path, config_for(zendesk, **login), catalog=select(*STREAMS))
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == 50
    assert logins_of(zendesk) == {header}
    assert not [r for r in zendesk.requests if r.path == TOKENS]
    warnings = run.log("WARNING")
    assert len(warnings) == ("api_token" in login)
    assert all("2027-04-30" in line and "OAuth" in line for line in warnings)


def test_client_credentials(zendesk: Simulator, tmp_path: Path) -> None:
    login = {"client_id": known.CLIENT_ID, "client_secret": known.CLIENT_SECRET}
    run = run_tap(tmp_path, config_for(zendesk, **login), catalog=select(*STREAMS))
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == 50
    assert [r.path for r in zendesk.requests].count(TOKENS) == 1
    (header,) = logins_of(zendesk)
    (token,) = [t for t in zendesk.api.auth.tokens if header == f"Bearer {t.access_token}"]
    assert token.scope == "read"
    assert run.log("WARNING") == []


@pytest.mark.parametrize(
    ("client", "token"),
    [
        (
            {"client_id": known.CLIENT_ID, "client_secret": known.CLIENT_SECRET},
            known.REFRESH_TOKEN,
        ),
        ({"client_id": known.PUBLIC_CLIENT_ID}, known.PUBLIC_REFRESH_TOKEN),
    ],
)
def test_refresh_token_across_runs(
    zendesk: Simulator, tmp_path: Path, client: Json, token: str
) -> None:
    path = tmp_path / "tokens.json"
    config = config_for(zendesk, refresh_token=token, oauth_token_path=str(path), **client)
    first = run_tap(tmp_path, config)
    assert first.exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_bytes()
    # The access token is still valid, so the second run uses it.
    second = run_tap(tmp_path, config, state=first.state)
    assert second.exit_code == 0
    assert [r.path for r in zendesk.requests].count(TOKENS) == 1
    assert path.read_bytes() == kept
    # It expires, so the third run exchanges the refresh token that the first run was given.
    zendesk.expire_tokens()
    third = run_tap(tmp_path, config, state=first.state)
    assert third.exit_code == 0
    assert [r.path for r in zendesk.requests].count(TOKENS) == 2
    assert path.read_bytes() != kept
    assert token not in path.read_text()


def test_a_token_that_expires_during_a_run_is_renewed(zendesk: Simulator, tmp_path: Path) -> None:
    login = {"client_id": known.CLIENT_ID, "client_secret": known.CLIENT_SECRET}
    zendesk.faults.add("status", code=401, shape="plain", path="tickets/cursor", after=2)
    run = run_tap(tmp_path, config_for(zendesk, per_page=10, **login))
    assert run.exit_code == 0
    assert len(run.records["tickets"]) == 50
    assert [r.path for r in zendesk.requests].count(TOKENS) == 2


@pytest.mark.parametrize(
    ("login", "advice"),
    [
        ({"access_token": "no-such-token"}, "HTTP 401, Couldn't authenticate you"),
        ({"email": known.EMAIL, "password": "wrong-password"}, "HTTP 401, Couldn't authenticate"),
        ({"client_id": known.CLIENT_ID, "client_secret": "wrong-secret"}, "check client_id"),
    ],
)
def test_wrong_credentials_end_the_run_with_one_line(
    zendesk: Simulator, tmp_path: Path, login: Json, advice: str
) -> None:
    run = run_tap(tmp_path, config_for(zendesk, **login), catalog=select(*STREAMS))
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert advice in line
    assert "check" in line
    assert not run.records
    assert not [value for value in ("no-such-token", "wrong-") if value in run.stderr]


def test_a_login_beyond_ascii(zendesk: Simulator, tmp_path: Path) -> None:
    """The header is in UTF-8, as RFC 7617 recommends."""
    zendesk.api.auth.basic.add("größe@例.com:пароль")
    login = {"email": "größe@例.com", "password": "пароль"}
    run = run_tap(tmp_path, config_for(zendesk, **login), catalog=select("tickets"))
    assert run.exit_code == 0
    assert logins_of(zendesk) == {basic("größe@例.com", "пароль")}


@pytest.mark.parametrize(
    "login",
    [
        {"EMAIL": b"m\xfcller@example.com", "PASSWORD": b"caf\xe9-secret"},
        {"EMAIL": b"me@example.com", "API_TOKEN": b"\xff\xfesecret"},
        {"ACCESS_TOKEN": b"caf\xe9-token"},
        {"CLIENT_ID": b"caf\xe9", "REFRESH_TOKEN": b"caf\xe9-secret", "OAUTH_TOKEN_PATH": b"x"},
    ],
)
def test_a_login_that_is_not_utf8(
    zendesk: Simulator, tmp_path: Path, login: dict[str, Any]
) -> None:
    """It may come from a shell with another encoding. The error names no codec."""
    variables = {f"TAP_ZENDESK_INCREMENTAL_{key}": os.fsdecode(login[key]) for key in login}
    config = config_for(zendesk, access_token=None)
    run = run_tap(tmp_path, config, "--config=ENV", env=variables)
    assert run.exit_code == 1
    lines = run.log("ERROR")
    assert "not UTF-8 text; copy it again" in lines[0]
    assert all(key.lower() in lines[0] for key in login if b"\xe9" in login[key])
    assert "codec" not in run.stderr
    assert "-secret" not in run.stderr
    assert not zendesk.requests


def test_which_settings_make_a_complete_login() -> None:
    assert login_problem({"access_token": "t", "email": "e"}) is not None
    assert login_problem({"access_token": "t", "client_secret": ""}) is None
    assert login_problem({"client_id": "c", "client_secret": "s", "oauth_token_path": "p"}) is None
    problem = login_problem({"client_id": "c", "client_secret": "s", "access_token": "t"})
    assert problem is not None
    assert problem.startswith("access_token, client_id, client_secret belong to several ways")
    problem = login_problem({"client_id": "c", "refresh_token": "r"})
    assert problem is not None
    assert problem.startswith("refresh_token needs oauth_token_path")
    assert str(login_problem({})).startswith("No credentials: set one of these: client_id + client")
