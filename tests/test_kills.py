"""However the tap is stopped, no record is lost and no line is cut."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import struct
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .processes import TICKETS, FastTap, check_complete, pages_asked
from .running import TIMEOUT_SECONDS, Run, command_for, config_for, select, start
from .torture import FETCHED_AGAIN_AT_MOST, MANY, STREAMS_OF, Ordeal

if TYPE_CHECKING:
    from subprocess import Popen

    from .simulator import Simulator

SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]


@pytest.mark.parametrize("method", ["cursor", "list", "many"])
def test_killed_at_random_moments(zendesk: Simulator, tmp_path: Path, method: str) -> None:
    tap = FastTap(zendesk, tmp_path, *STREAMS_OF.get(method, MANY))
    ordeal = Ordeal(tap, seed=1, method=method)
    ordeal.kill(times=15)
    assert ordeal.kills >= 15
    assert ordeal.lost == 0
    assert ordeal.foreign == 0
    assert ordeal.written_again_at_most <= 1
    assert max(ordeal.fetched_again_at_most.values(), default=0) <= FETCHED_AGAIN_AT_MOST
    assert ordeal.fetched_again_too_often == 0


def check_ended(run: Run, zendesk: Simulator, code: int, pages: int) -> None:
    """Assert that a run stopped cleanly after some pages of ten, and left a usable state."""
    assert run.exit_code == code
    assert run.stdout.endswith(b"\n")
    assert "Traceback" not in run.stderr
    assert "Exception" not in run.stderr
    assert not run.log("CRITICAL")
    assert run.messages[-1]["type"] == "STATE"
    assert len(run.records["tickets"]) == 10 * pages
    asked = pages_asked(zendesk)
    assert (
        run.messages[-1]["value"]["bookmarks"]["tickets"]["cursor"]
        == (asked[pages].params["cursor"])
    )


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_a_page_is_awaited(
    zendesk: Simulator, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    tap = FastTap(zendesk, tmp_path, plain=True)
    zendesk.faults.add("hang", seconds=3600.0, after=2, path=TICKETS)
    with tap.started(per_page=10) as process:
        tap.wait_for(process, b'"STATE"', 2)
        tap.wait_until(process, lambda: len(pages_asked(zendesk)) == 3)
        os.kill(process.pid or 0, number)
        run = tap.finished(process)
    check_ended(run, zendesk, code, pages=2)
    again = tap.run(state=run.state)
    check_complete([run, again], zendesk, once=True)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_between_two_tries(
    zendesk: Simulator, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    tap = FastTap(zendesk, tmp_path, plain=True)
    headers = {"Retry-After": "600"}
    zendesk.faults.add("status", code=429, headers=headers, after=3, path=TICKETS)
    with tap.started(per_page=10) as process:
        tap.wait_for(process, b'"STATE"', 3)
        tap.wait_until(process, lambda: len(pages_asked(zendesk)) == 4)
        os.kill(process.pid or 0, number)
        run = tap.finished(process)
    check_ended(run, zendesk, code, pages=3)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_at_random_moments_of_many_streams(
    zendesk: Simulator, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    zendesk.settings.page_delay = 0.01
    tap = FastTap(zendesk, tmp_path, *MANY)
    chance = random.Random(1)
    for _ in range(5):
        zendesk.faults.add("hang", seconds=3600.0, after=9, path=TICKETS)  # never ends by itself
        with tap.started(per_page=5, debug=True) as process:
            tap.wait_for(process, b"SCHEMA")
            process.join(chance.uniform(0, 0.3))
            os.kill(process.pid or 0, number)
            run = tap.finished(process)
        zendesk.clear()
        assert run.exit_code == code
        assert run.stdout.endswith(b"\n")
        for word in ("CRITICAL", "Fatal", "Exception", "Error"):
            assert word not in run.stderr
        again = tap.run(per_page=5, state=run.state)
        assert again.exit_code == 0
        check_complete([run, again], zendesk, *MANY, once=False)


def test_an_interrupt_before_the_settings_are_read(tmp_path: Path) -> None:
    """The tap has not installed its signal handlers yet."""
    pipe = tmp_path / "config"
    os.mkfifo(pipe)
    command = command_for(tmp_path, config=None)
    with start([*command, "--config", str(pipe)]) as process:
        writing = os.open(pipe, os.O_WRONLY)  # returns as soon as the tap opens the file
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        os.close(writing)
    assert process.returncode == 128 + signal.SIGINT
    assert not output
    assert not Run(process.returncode, output, errors.decode()).log("CRITICAL")
    assert b"Traceback" not in errors


def fill_pipe(process: Popen[bytes]) -> None:
    """Wait until the process's output pipe (64 kB) is full, so that the process blocks."""
    assert process.stdout
    before, unread = 0, 0
    while unread < 32_768 or unread > before or not sleeps(process):
        assert process.poll() is None
        time.sleep(0.1)
        before = unread
        (unread,) = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4))


def sleeps(process: Popen[bytes]) -> bool:
    """Return whether the main thread sleeps. True where `/proc` does not exist."""
    status = Path(f"/proc/{process.pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_the_reader_is_slow(
    zendesk: Simulator, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = command_for(tmp_path, config=config_for(zendesk), catalog=select("tickets"))
    with start(command) as process:
        fill_pipe(process)
        process.send_signal(number)
        time.sleep(0.1)
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    run = Run(process.returncode, output, errors.decode())
    assert run.exit_code == code
    assert output.endswith(b"\n")
    assert run.messages
    assert "Traceback" not in run.stderr
    tap = FastTap(zendesk, tmp_path)
    again = tap.run(state=run.state)
    check_complete([run, again], zendesk, once=False)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_second_signal_does_not_wait_for_a_reader(
    zendesk: Simulator, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = command_for(tmp_path, config=config_for(zendesk), catalog=select("tickets"))
    with start(command) as process:
        fill_pipe(process)
        process.send_signal(number)
        time.sleep(0.3)
        assert process.poll() is None  # it would finish its lines first
        process.send_signal(number)
        assert process.wait(timeout=TIMEOUT_SECONDS) == code


def test_a_target_that_dies(zendesk: Simulator, tmp_path: Path) -> None:
    command = command_for(tmp_path, config=config_for(zendesk, per_page=10))
    with start(command) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr
        errors = process.stderr.read().decode()
    assert process.returncode == 1
    run = Run(process.returncode, b"", errors)
    (line,) = run.log("ERROR")
    assert "The target has ended" in line
    for word in ("Traceback", "Exception", "BrokenPipe"):
        assert word not in errors
