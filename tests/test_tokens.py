"""OAuth tokens during runs: renewed in time, saved before use, and shared between runs."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from tap_zendesk_incremental.auth.token_file import TokenFile

from .processes import TICKETS, FastTap, check_complete
from .running import TIMEOUT_SECONDS, command_for, config_for, run, run_tap, select, start
from .simulator import Simulator, credentials

if TYPE_CHECKING:
    from pathlib import Path

    from tap_zendesk_incremental.auth.token_file import TokenPair

    from .running import Json

OAUTH: Json = {"client_id": credentials.CLIENT_ID, "client_secret": credentials.CLIENT_SECRET}

UNSHARE = shutil.which("unshare")


@pytest.fixture
def tap(zendesk: Simulator, tmp_path: Path) -> FastTap:
    """The tap with an account of its own."""
    return FastTap(zendesk, tmp_path)


def refresh(folder: Path) -> Json:
    """Return the settings of a login with a refresh token, and a token file."""
    token = credentials.REFRESH_TOKEN
    return {**OAUTH, "refresh_token": token, "oauth_token_path": str(folder / "token.json")}


def kept_pair(path: Path) -> TokenPair:
    """Return the pair in a token file."""
    with TokenFile(str(path)).locked() as slots:
        pair = slots.read()
    assert pair is not None
    return pair


def posts(zendesk: Simulator) -> list[int]:
    """Return the status of every request for a token."""
    return [request.status for request in zendesk.requests if request.method == "POST"]


def test_requests_for_tokens_and_pages_have_the_same_user_agent(tap: FastTap) -> None:
    run = tap.run(user_agent="acme/1.0", **refresh(tap.folder))
    assert run.exit_code == 0, run.stderr
    assert {request.method for request in tap.zendesk.requests} == {"GET", "POST"}
    assert {request.headers["user-agent"] for request in tap.zendesk.requests} == {"acme/1.0"}


def test_a_token_that_expires_in_the_middle_is_renewed_once(tap: FastTap) -> None:
    tap.zendesk.faults.add("hold", path=TICKETS, after=3)
    with tap.started(per_page=5, **OAUTH) as process:
        tap.wait_until(process, lambda: tap.zendesk.faults.met == ["hold"])
        tap.zendesk.expire_tokens()
        tap.zendesk.faults.release()
        run = tap.finished(process)
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    assert posts(tap.zendesk) == [200, 200]
    assert [request.status for request in tap.zendesk.requests].count(401) == 1
    assert not tap.secrets


def test_a_new_token_that_is_refused_ends_the_run(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=401, times=9, path="incremental")
    run = tap.run(**OAUTH)
    assert run.exit_code == 1
    assert posts(tap.zendesk) == [200, 200]
    (line,) = run.log("ERROR")
    assert "HTTP 401" in line


def test_a_run_survives_several_refusals_in_the_middle(tap: FastTap) -> None:
    tap.zendesk.faults.add("status", code=401, times=5, after=2, path="incremental")
    run = tap.run(per_page=10, **refresh(tap.folder))
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    assert posts(tap.zendesk) == [200, 200]
    assert len(run.log("WARNING")) == 4


def test_a_token_that_not_every_server_knows_yet(zendesk: Simulator, tmp_path: Path) -> None:
    zendesk.settings.token_lag = 2.9  # the tap waits for 1 s, then for 2 s
    ended = run_tap(tmp_path, config_for(zendesk, **OAUTH), catalog=select("tickets"))
    assert ended.exit_code == 0
    check_complete([ended], zendesk, once=True)
    assert posts(zendesk) == [200, 200]
    assert ["just issued" in line for line in ended.log("WARNING")] == [True, True]


def test_tokens_are_renewed_before_they_expire(tap: FastTap) -> None:
    """Tokens live for 1 s and are renewed after 0.9, so none is refused. Pages share them."""
    answer = {"access_token": credentials.ACCESS_TOKEN, "scope": "read", "expires_in": 1}
    body = msgspec.json.encode(answer).decode()
    tap.zendesk.faults.add("status", code=200, body=body, times=99, path="oauth")
    tap.zendesk.settings.page_delay = 0.1  # for each of ten pages
    began = time.monotonic()
    run = tap.run(per_page=5, **OAUTH)
    took_seconds = time.monotonic() - began
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    assert 2 <= len(posts(tap.zendesk)) <= took_seconds / 0.9 + 1
    assert {request.status for request in tap.zendesk.requests} == {200}


@pytest.mark.parametrize("kept", [False, True])
def test_a_scope_that_cannot_read_is_an_error_at_once(
    tap: FastTap,
    kept: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    answer = {
        "access_token": credentials.ACCESS_TOKEN,
        "refresh_token": "the-next-refresh-token",
        "scope": "hc:write tickets:write",
    }
    body = msgspec.json.encode(answer).decode()
    tap.zendesk.faults.add("status", code=200, body=body, path="oauth")
    run = tap.run(**refresh(tap.folder) if kept else OAUTH)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "hc:write tickets:write" in line
    assert len(tap.zendesk.requests) == 1
    if kept:  # the old refresh token is void even so
        assert "the-next-refresh-token" in (tap.folder / "token.json").read_text(encoding="utf-8")


def test_a_pair_is_saved_before_it_is_used(tap: FastTap) -> None:
    """A run that dies at its first page leaves a valid pair, which only its owner can read."""
    tap.zendesk.faults.add("hang", seconds=9.0, path="tickets")
    with tap.started(**refresh(tap.folder)) as process:
        while len(tap.zendesk.requests) < 2:
            assert process.is_alive()
    path = tap.folder / "token.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = kept_pair(path)
    assert tap.zendesk.api.auth.tokens[-1].refresh_token == first.refresh_token
    tap.zendesk.clear()
    tap.zendesk.expire_tokens()
    run = tap.run(**refresh(tap.folder))
    assert run.exit_code == 0
    check_complete([run], tap.zendesk, once=True)
    assert first.refresh_token != kept_pair(path).refresh_token
    assert [file.name for file in tap.folder.iterdir() if "token" in file.name] == ["token.json"]


def test_a_pair_is_saved_even_if_the_target_ends(tmp_path: Path) -> None:
    """The tap fetches the next page, and a new pair for it, while it writes the last one."""
    with Simulator(tickets=2000) as zendesk:
        zendesk.faults.add("status", code=401, path="tickets/cursor", after=1)
        zendesk.faults.add("slow_body", path="oauth", after=1, seconds=1.0, pieces=4)
        config = config_for(zendesk, per_page=400, **refresh(tmp_path))
        command = command_for(tmp_path, config=config, catalog=select("tickets"))
        with start(command) as process:
            while len(posts(zendesk)) < 2:
                assert process.poll() is None
                time.sleep(0.01)
            assert process.stdout
            process.stdout.close()
            assert process.stderr
            process.stderr.read()
        assert process.returncode == 1
        kept = kept_pair(tmp_path / "token.json")
        assert zendesk.api.auth.tokens[-1].refresh_token == kept.refresh_token
        assert run(command).exit_code == 0


@pytest.mark.parametrize("kind", ["a folder", "in no folder", "below a file", "damaged"])
def test_an_unusable_path_is_found_before_the_refresh_token_is_used(
    tap: FastTap, kind: str
) -> None:
    (tap.folder / "file").write_text("something else", encoding="utf-8")
    path = {
        "a folder": tap.folder,
        "in no folder": tap.folder / "nowhere" / "token.json",
        "below a file": tap.folder / "file" / "token.json",
        "damaged": tap.folder / "file",
    }[kind]
    run = tap.run(**{**refresh(tap.folder), "oauth_token_path": str(path)})
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert f"oauth_token_path {path}" in line
    assert not tap.zendesk.requests


@pytest.mark.skipif(
    sys.platform != "linux" or not UNSHARE or os.geteuid() != 0,
    reason="needs root, and unshare of Linux, to mount a file",
)
@pytest.mark.parametrize("folder", ["writable", "read-only"])
@pytest.mark.parametrize("content", ["empty", "kept"])
def test_a_mounted_token_file(
    zendesk: Simulator, tmp_path: Path, folder: str, content: str
) -> None:
    """Containers mount files like this one, which cannot be replaced."""
    behind, mounted = tmp_path / "volume.json", tmp_path / "mount" / "token.json"
    mounted.parent.mkdir()
    mounted.touch()
    behind.touch()
    settings = {**refresh(tmp_path), "oauth_token_path": str(behind)}
    if content == "kept":
        config = config_for(zendesk, **settings)
        assert run_tap(tmp_path, config, catalog=select("tickets")).exit_code == 0
        zendesk.expire_tokens()
    config = config_for(zendesk, **settings | {"oauth_token_path": str(mounted)})
    command = command_for(tmp_path, config=config, catalog=select("tickets"))
    read_only = "mount --bind -o ro $2 $2 &&" if folder == "read-only" else ""
    script = f'{read_only} mount --bind "$1" "$2/token.json" && shift 2 && exec "$@"'
    mount = ["sh", "-c", script, "sh", str(behind), str(mounted.parent)]
    apart = [str(UNSHARE), "-m", *mount]
    if subprocess.run([*apart, "true"], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    ended = run([*apart, *command])
    assert ended.exit_code == 0, ended.stderr
    assert zendesk.api.auth.tokens[-1].refresh_token == kept_pair(behind).refresh_token
    assert not mounted.read_bytes()
    zendesk.expire_tokens()
    assert run([*apart, *command]).exit_code == 0


def test_a_kill_during_the_exchange(tap: FastTap) -> None:
    """The token file survives, and the next run succeeds."""
    tap.zendesk.faults.add("hang", seconds=9.0, path="oauth")
    with tap.started(**refresh(tap.folder)) as process:
        while not posts(tap.zendesk):
            assert process.is_alive()
    assert [file.name for file in tap.folder.iterdir() if "token" in file.name] == ["token.json"]
    run = tap.run(**refresh(tap.folder))
    assert run.exit_code == 0
    kept = kept_pair(tap.folder / "token.json")
    assert tap.zendesk.api.auth.tokens[-1].refresh_token == kept.refresh_token


WAITING = """
import sys
from tap_zendesk_incremental import cli, shutdown
shutdown.MAX_ANSWER_WAIT_SECONDS = int(sys.argv.pop(1))
cli.main()
"""


@pytest.mark.parametrize("thread", ["main", "background"])
@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_waits_for_a_token_but_not_forever(
    tmp_path: Path, thread: str, signals: int
) -> None:
    """The tap gives up on an answer that takes an hour, and keeps one that takes half a second."""
    with Simulator(tickets=600) as zendesk:
        after = 0 if thread == "main" else 1
        if after:
            zendesk.faults.add("status", code=401, path="tickets/cursor", after=1)
        for seconds, wait_seconds in ((3600.0, 1), (0.5, 60)):
            zendesk.faults.add("slow_body", path="oauth", after=after, seconds=seconds, pieces=40)
            config = config_for(zendesk, per_page=100, **refresh(tmp_path))
            _, *arguments = command_for(tmp_path, config=config, catalog=select("tickets"))
            with start([sys.executable, "-c", WAITING, str(wait_seconds), *arguments]) as process:
                while len(posts(zendesk)) < after + 1:
                    assert process.poll() is None
                    time.sleep(0.01)
                begin = time.monotonic()
                for _ in range(signals):
                    process.send_signal(signal.SIGTERM)
                    time.sleep(0.1)
                output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            assert process.returncode == 143
            assert output == b"" or output.endswith(b"\n")
            if seconds == 3600.0:  # the new pair is lost, so continue with a known one
                assert time.monotonic() - begin > 0.9
                zendesk.api.auth.tokens[-1].refresh_token = credentials.REFRESH_TOKEN
                (tmp_path / "token.json").unlink()
                zendesk.clear()
                if after:
                    zendesk.faults.add("status", code=401, path="tickets/cursor", after=1)
        kept = kept_pair(tmp_path / "token.json")
        assert zendesk.api.auth.tokens[-1].refresh_token == kept.refresh_token


def test_two_runs_at_once(zendesk: Simulator, tmp_path: Path) -> None:
    """They share tokens from the start, and when the token expires in the middle."""
    folders = [tmp_path / name for name in "ab"]
    taps = []
    for folder in folders:
        folder.mkdir()
        taps.append(FastTap(zendesk, folder))
    one, other = taps
    zendesk.faults.add("hold", path=f"{TICKETS}.*cursor=", times=2)  # the second page of each
    with (
        one.started(per_page=5, **refresh(tmp_path)) as process,
        other.started(per_page=5, **refresh(tmp_path)) as beside,
    ):
        for tap, running in ((one, process), (other, beside)):
            tap.wait_for(running, b'"STATE"')
            tap.wait_until(running, lambda: zendesk.faults.met == ["hold", "hold"])
        zendesk.expire_tokens()
        zendesk.faults.release()
        runs = one.finished(process), other.finished(beside)
    assert [run.exit_code for run in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    for ended in runs:
        check_complete([ended], zendesk, once=True)
    assert posts(zendesk) == [200, 200]
    assert not one.secrets + other.secrets
