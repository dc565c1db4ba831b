"""Secrets stay inside, and requests go only to the configured host, whatever it answers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import shortened_waits as fast
from .processes import FastTap, check_complete, secrets_in
from .running import Run, command_for, config_for, run, run_tap, select, start
from .simulator import Simulator, credentials

if TYPE_CHECKING:
    from .running import Json

OAUTH: Json = {"client_id": credentials.CLIENT_ID, "client_secret": credentials.CLIENT_SECRET}
REFRESH: Json = {**OAUTH, "refresh_token": credentials.REFRESH_TOKEN}
LOGINS: dict[str, Json] = {
    "client credentials": OAUTH,
    "refresh token": REFRESH,
    "access token": {"access_token": credentials.ACCESS_TOKEN},
    "API token": {"email": credentials.EMAIL, "api_token": credentials.API_TOKEN},
    "password": {"email": credentials.EMAIL, "password": credentials.PASSWORD},
}
SECRETS = {
    "client credentials": credentials.CLIENT_SECRET,
    "refresh token": credentials.REFRESH_TOKEN,
    "access token": credentials.ACCESS_TOKEN,
    "API token": base64.b64encode(
        f"{credentials.EMAIL}/token:{credentials.API_TOKEN}".encode()
    ).decode(),
    "password": base64.b64encode(f"{credentials.EMAIL}:{credentials.PASSWORD}".encode()).decode(),
}


@pytest.fixture
def tap(zendesk: Simulator, tmp_path: Path) -> FastTap:
    """The tap with an account of its own."""
    return FastTap(zendesk, tmp_path)


def settings_for(login: str, folder: Path) -> Json:
    """Return the settings of a login, with a token file if it needs one."""
    path = {"oauth_token_path": str(folder / "token.json")} if "refresh" in login else {}
    return {**LOGINS[login], **path}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize(
    "fault",
    [
        None,
        {"kind": "status", "code": 401, "times": 9},
        {"kind": "status", "code": 403, "shape": "errors"},
        {"kind": "status", "code": 500, "times": 99, "shape": "description"},
        {"kind": "status", "code": 500, "times": 99, "shape": "html"},
        {"kind": "status", "code": 500, "times": 99, "path": "oauth"},
        {"kind": "status", "code": 400, "path": "oauth", "shape": "plain"},
        {"kind": "empty", "times": 99, "path": "oauth"},
        {"kind": "reset", "times": 99},
        {"kind": "html", "times": 99},
        {"kind": "redirect"},
    ],
    ids=lambda fault: "-".join(map(str, (fault or {}).values())) or "none",
)
def test_no_secret_is_written(tap: FastTap, login: str, fault: Json | None) -> None:
    """That holds even if the server repeats a secret and the tap cuts its message in the middle."""
    secret = SECRETS[login]
    if fault:
        said: Json = {"title": f"Bearer {secret}", "message": f"{'x' * 240} {secret} {secret}"}
        tap.zendesk.faults.add(**(said if fault["kind"] == "status" else {}), **fault)
    run = tap.run(debug=True, **settings_for(login, tap.folder))
    assert (run.exit_code == 0) == (fault is None or not tap.zendesk.faults.met)
    written = run.stdout + run.stderr.encode()
    assert not secrets_in([written], tap.zendesk)
    assert secret[:12].encode() not in written
    assert b"DEBUG" in written


def test_no_secret_in_about_and_discovery(tap: FastTap) -> None:
    settings = {**settings_for("refresh token", tap.folder), "api_token": credentials.API_TOKEN}
    for arguments in (["--about"], ["--about", "--format=json"], ["--discover"], []):
        config = config_for(tap.zendesk, **settings, email=credentials.EMAIL)
        run = run_tap(tap.folder, config, *arguments, env={"LOGLEVEL": "DEBUG"})
        assert not secrets_in([run.stdout, run.stderr.encode()], tap.zendesk)
        assert run.stdout or run.exit_code
    environment = {
        f"TAP_ZENDESK_INCREMENTAL_{name.upper()}": str(value)
        for name, value in {**settings, "subdomain": "no such name", "email": "x"}.items()
    }
    run = run_tap(tap.folder, None, "--config=ENV", env={"LOGLEVEL": "DEBUG", **environment})
    assert run.exit_code == 1
    assert not secrets_in([run.stdout, run.stderr.encode()], tap.zendesk)


def test_no_secret_in_errors_about_settings(tap: FastTap) -> None:
    run = tap.run(debug=True, access_token=[credentials.ACCESS_TOKEN], per_page="many")
    assert run.exit_code == 1
    errors = "".join(run.log("ERROR"))
    assert "access_token must be of type string" in errors
    assert "per_page: 'many' is not" in errors


@pytest.mark.parametrize("password", ["S3cr3t#Pa55", "S3cr3t/Pa55", "S3cr3t[Pa55", "S3cr3t%2FPa55"])
def test_no_password_of_a_proxy_is_written(tap: FastTap, password: str) -> None:
    config = {"subdomain": "example", "access_token": credentials.ACCESS_TOKEN}
    env = {"HTTPS_PROXY": f"http://somebody:{password}@127.0.0.1:9", "LOGLEVEL": "DEBUG"}
    command = command_for(tap.folder, config=config, catalog=tap.catalog)
    # The handler belongs to one logger, so the handlers of the root logger do not see it.
    own = {"class": "logging.FileHandler", "filename": str(tap.folder / "own.log")}
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"own": own},
        "loggers": {"tap-zendesk-incremental": {"handlers": ["own"]}},
    }
    file = tap.folder / "logging.json"
    file.write_text(json.dumps(logging), encoding="utf-8")
    env["SINGER_SDK_LOG_CONFIG"] = str(file)
    ended = run([sys.executable, str(Path(fast.__file__)), *command[1:]], env)
    assert ended.exit_code == 1
    for log in (ended.stderr, (tap.folder / "own.log").read_text(encoding="utf-8")):
        assert "Traceback" in log
        assert "S3cr3t" not in log
        assert "Pa55" not in log


def test_no_proxy_sees_plain_http(tap: FastTap) -> None:
    """Plain HTTP is for local addresses, so the API and the token endpoint are reached directly."""
    config = config_for(tap.zendesk, **OAUTH)
    env = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    ended = run_tap(tap.folder, config, catalog=tap.catalog, env=env)
    assert ended.exit_code == 0, ended.stderr
    assert not ended.log("WARNING")


@pytest.mark.parametrize("path", ["incremental", "oauth"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(tap: FastTap, path: str, code: int) -> None:
    with Simulator() as other:
        tap.zendesk.faults.add("redirect", path=path, code=code, to=f"{other.url}/api/v2")
        run = tap.run(**OAUTH)
        assert not other.requests
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert f"HTTP {code}" in line
    assert not run.records["tickets"]


@pytest.mark.parametrize("method", ["cursor", "time"])
def test_addresses_in_responses_are_not_used(tap: FastTap, method: str) -> None:
    with Simulator() as other:
        tap.zendesk.settings.canonical_host = other.url
        run = tap.run(per_page=10, export_method=method)
        assert not other.requests
    check_complete([run], tap.zendesk, once=True)


def test_no_credentials_of_other_programs_are_used(tap: FastTap) -> None:
    netrc = tap.folder / ".netrc"
    netrc.write_text("default login someone password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    assert tap.run(**OAUTH).exit_code == 0
    sent = [request.headers.get("authorization", "") for request in tap.zendesk.requests]
    assert [header.partition(" ")[0] for header in sent] == ["", "Bearer"]


def test_a_page_that_is_too_large_fails_its_stream(tap: FastTap) -> None:
    """One megabyte unpacks to one gigabyte, and the tap stops at half of that."""
    tap.zendesk.faults.add("bomb", size=1 << 30, path="incremental/tickets")
    catalog = select("tickets", "users")
    command = command_for(tap.folder, config=config_for(tap.zendesk), catalog=catalog)
    with start(command) as process:
        assert process.stdout
        assert process.stderr
        output, errors = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    run = Run(process.returncode, output, errors.decode())
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "512 MiB" in line
    assert "per_page" in line
    assert usage.ru_maxrss < 800 * 1024
    assert [request.path for request in tap.zendesk.requests if "tickets" in request.path] == [
        "/api/v2/incremental/tickets/cursor.json"
    ]
    assert {user["id"] for user in run.records["users"]} == set(tap.zendesk.store.records["users"])


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_certificates_are_always_verified(tap: FastTap) -> None:
    """The tap does not retry, and no setting turns verification off."""
    key, certificate = tap.folder / "key.pem", tap.folder / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_address[1]}"
    settings = {"verify": False, "verify_ssl": False, "ssl_verify": False, "insecure": True}
    run = tap.run(api_url=url, **settings)
    server.shutdown()
    server.server_close()
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "certificate" in line
    assert len(run.log("WARNING")) == len(settings)  # unknown settings, and no retry
    assert not heard
