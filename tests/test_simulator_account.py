"""The simulated account's logins, limits, faults and control behave as other tests rely on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from .simulator import Simulator, credentials
from .simulator.client import TICKETS, get

CLIENT = {"client_id": credentials.CLIENT_ID, "client_secret": credentials.CLIENT_SECRET}
DROPPED: list[tuple[str, dict[str, Any]]] = [
    ("reset", {}),
    ("cut", {}),
    ("hang", {"seconds": 0.1}),
]
INTACT: list[tuple[str, dict[str, Any]]] = [("pretty", {}), ("slow_body", {"seconds": 0.05})]


def ask_token(zendesk: Simulator, **request: object) -> requests.Response:
    """Request an OAuth token."""
    return requests.post(f"{zendesk.url}/oauth/tokens", json=request, timeout=60)


def with_token(zendesk: Simulator, token: str) -> int:
    """Return the status of a request with a Bearer token."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{zendesk.url}/api/v2/{TICKETS}?start_time=0"
    return requests.get(url, headers=headers, timeout=60).status_code


def test_limits_are_counted_apart_and_end_with_their_window(zendesk: Simulator) -> None:
    assert (
        "zendesk-ratelimit-incremental-exports" not in get(zendesk, TICKETS, start_time=0).headers
    )
    zendesk.settings.limit, zendesk.settings.window = 2, 3600.0
    remaining = []
    for path in (TICKETS, "incremental/users"):
        value = get(zendesk, path, start_time=0).headers["zendesk-ratelimit-incremental-exports"]
        remaining.append(value.partition("; resets=")[0])
        assert 3500 < int(value.rpartition("=")[2]) <= 3600
    assert remaining == ["total=2; remaining=1", "total=2; remaining=0"]
    refused = get(zendesk, TICKETS, start_time=0)
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.json()["error"] == "APIRateLimitExceeded"
    users = get(zendesk, "incremental/users/cursor.json", start_time=0)
    assert users.headers["zendesk-ratelimit-incremental-exports-cursor"].startswith("total=4; ")
    zendesk.settings.window = 0.0
    assert get(zendesk, TICKETS, start_time=0).status_code == 200


def test_logins_are_checked_on_every_request(zendesk: Simulator) -> None:
    url = f"{zendesk.url}/api/v2/{TICKETS}?start_time=0"
    password = (credentials.EMAIL, credentials.PASSWORD)
    assert requests.get(url, auth=password, timeout=60).status_code == 200
    assert with_token(zendesk, credentials.ACCESS_TOKEN) == 200
    for refused in (None, (credentials.EMAIL, "wrong")):
        response = requests.get(url, auth=refused, timeout=60)
        assert response.status_code == 401
        assert response.json() == {"error": "Couldn't authenticate you"}


def test_client_credentials_and_scopes(zendesk: Simulator) -> None:
    grant = {"grant_type": "client_credentials", **CLIENT, "scope": "read", "expires_in": 300}
    granted = ask_token(zendesk, **grant).json()
    assert (granted["scope"], granted["expires_in"]) == ("read", 300)
    assert with_token(zendesk, granted["access_token"]) == 200
    zendesk.expire_tokens()
    assert with_token(zendesk, granted["access_token"]) == 401
    zendesk.settings.token_lifetime = 0.0
    assert with_token(zendesk, ask_token(zendesk, **grant).json()["access_token"]) == 401
    zendesk.settings.token_lifetime = None
    unknown = ask_token(zendesk, **(grant | {"scope": "raed"})).json()
    assert unknown["scope"] == "raed"
    assert with_token(zendesk, unknown["access_token"]) == 403
    assert ask_token(zendesk, **(grant | {"client_secret": "wrong"})).status_code == 401
    assert ask_token(zendesk, **(grant | {"expires_in": 60})).status_code == 400
    public = grant | {"client_id": credentials.PUBLIC_CLIENT_ID}
    assert ask_token(zendesk, **public).status_code == 400


def test_refresh_voids_the_old_pair(zendesk: Simulator) -> None:
    grant = {"grant_type": "refresh_token", "refresh_token": credentials.REFRESH_TOKEN, **CLIENT}
    granted = ask_token(zendesk, **grant).json()
    assert with_token(zendesk, granted["access_token"]) == 200
    assert with_token(zendesk, credentials.ACCESS_TOKEN) == 401
    assert ask_token(zendesk, **grant).json()["error"] == "invalid_grant"
    again = ask_token(zendesk, **(grant | {"refresh_token": granted["refresh_token"]}))
    assert again.json()["refresh_token"] != granted["refresh_token"]
    public = {"client_id": credentials.PUBLIC_CLIENT_ID, "grant_type": "refresh_token"}
    public["refresh_token"] = credentials.PUBLIC_REFRESH_TOKEN
    assert ask_token(zendesk, **public).status_code == 200


def test_faults_are_met_in_order(zendesk: Simulator) -> None:
    faults = zendesk.faults
    faults.add("status", after=1, code=503, shape="errors", headers={"Retry-After": "3"})
    assert get(zendesk, TICKETS, start_time=0).status_code == 200
    refused = get(zendesk, TICKETS, start_time=0)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    for kind, args in DROPPED:
        faults.add(kind, path="tickets", **args)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            get(zendesk, TICKETS, start_time=0)
    faults.add("hold")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(get, zendesk, TICKETS, start_time=0)
        while faults.met[-1] != "hold":
            time.sleep(0.01)
        assert len(zendesk.requests) == 5  # no answer yet
        faults.release()
        assert held.result().status_code == 200
    for kind, text in [("not_json", '{"tickets": [{'), ("html", "<!DOCTYPE"), ("empty", "")]:
        faults.add(kind)
        assert get(zendesk, TICKETS, start_time=0).text[:14].startswith(text)
    faults.add("no_records")
    assert "tickets" not in get(zendesk, TICKETS, start_time=0).json()
    faults.add("redirect", to="http://127.0.0.1:9/")
    assert get(zendesk, TICKETS, start_time=0).headers["Location"] == "http://127.0.0.1:9/"
    faults.add("stuck_cursor", times=2)
    stuck = get(zendesk, TICKETS, start_time=0).json()["after_cursor"]
    assert get(zendesk, TICKETS, cursor=stuck).json()["after_cursor"] == stuck
    good = get(zendesk, TICKETS, start_time=0).json()
    for kind, args in INTACT:
        faults.add(kind, **args)
        assert get(zendesk, TICKETS, start_time=0).json() == good
    faults.add("unknown_field", name="shiny")
    assert all("shiny" in t for t in get(zendesk, TICKETS, start_time=0).json()["tickets"])
    assert not faults.waiting
    with pytest.raises(ValueError, match="no such fault"):
        faults.add("flood")


def test_bomb_inflates_to_json_of_its_size(zendesk: Simulator) -> None:
    zendesk.faults.add("bomb", size=5 << 20)
    response = get(zendesk, TICKETS, start_time=0)
    assert len(response.content) > 5 << 20
    assert int(response.headers["Content-Length"]) < 50_000
    assert response.json() == {"count": 0, "tickets": []}


def test_refusing_connections_ends(zendesk: Simulator) -> None:
    url = zendesk.url
    zendesk.refuse(3600.0)
    with pytest.raises(requests.ConnectionError):
        get(zendesk, TICKETS, start_time=0)
    zendesk.refuse(0.0)
    status, end = 0, time.monotonic() + 60
    while not status and time.monotonic() < end:
        with contextlib.suppress(requests.ConnectionError):
            status = get(zendesk, TICKETS, start_time=0).status_code
    assert status == 200
    assert zendesk.url == url


def test_the_log_knows_every_request(zendesk: Simulator) -> None:
    get(zendesk, TICKETS, start_time=0, per_page=7)
    (request,) = zendesk.requests
    assert (request.path, request.params["per_page"]) == (f"/api/v2/{TICKETS}", "7")
    assert (request.status, request.records) == (200, 7)
    assert request.headers["authorization"].startswith("Basic ")
    zendesk.clear()
    assert not zendesk.requests


def test_as_a_process_it_is_controlled_over_http() -> None:
    command = [sys.executable, "-m", "tests.simulator", "--port", "0", "--tickets", "60"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            ready = process.stdout.readline()
            assert ready.startswith("Zendesk simulator on http://127.0.0.1:")
            control = f"{ready.split()[-1]}/_control"
            tickets = requests.get(f"{control}/records/tickets", timeout=60).json()
            assert len(tickets) == 60
            change = {"resource": "tickets", "id": tickets[0]["id"], "changes": {"subject": "new"}}
            changed = requests.post(f"{control}/update", json=change, timeout=60).json()
            summary = requests.get(f"{control}/summary", timeout=60).json()["tickets"]
            assert summary == {"count": 60, "newest": changed["generated_timestamp"]}
            faults = [{"kind": "status", "code": 418}]
            assert requests.post(f"{control}/faults", json=faults, timeout=60).status_code == 200
            url = f"{ready.split()[-1]}/api/v2/{TICKETS}"
            assert requests.get(url, timeout=60).status_code == 418
            assert requests.get(f"{control}/requests", timeout=60).json()[0]["status"] == 418
            assert requests.post(f"{control}/nonsense", json={}, timeout=60).status_code == 400
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert process.stdout.read() == ""
        finally:
            process.kill()
