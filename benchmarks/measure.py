"""Runs a command as a process and measures it from outside: time, CPU and memory.

Memory is the largest resident size that the kernel reports. A child starts as a copy of its
parent, so this process must stay smaller than the measured one. Therefore it does not import the
SDK.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

KIB_PER_MB = 1000 * 1000 / 1024
CHUNK_BYTES = 64 * 1024


class BenchmarkError(Exception):
    """A measured command failed or wrote the wrong output."""


@dataclass(frozen=True)
class Usage:
    """What a process took.

    Attributes:
        seconds: The time from its start to its end.
        cpu_seconds: The CPU time of all its threads, in user and kernel mode.
        peak_mb: The largest resident memory, in MB of 10⁶ bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


@contextmanager
def serving(resource: str, pages: int, latency_seconds: float = 0.0) -> Generator[str, None, None]:
    """Run a server in its own process.

    Args:
        resource: The resource to serve.
        pages: The length of the export.
        latency_seconds: How long the server waits before each page.

    Yields:
        The address of the server.
    """
    arguments = [resource, str(pages), "--latency", str(latency_seconds)]
    command = [sys.executable, "-m", "benchmarks.server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            if not url:
                msg = "The server did not start"
                raise BenchmarkError(msg)
            yield url
        finally:
            server.terminate()


def whole(command: Sequence[str]) -> Usage:
    """Measure a command from start to end, and discard its output.

    Raises:
        BenchmarkError: The command failed.
    """
    with _started(command, subprocess.DEVNULL) as process:
        began = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / KIB_PER_MB)


def cpu_at(command: Sequence[str], marker: bytes, counts: Sequence[int]) -> list[float]:
    """Measure the CPU time that a command has taken when it has written given numbers of lines.

    All figures come from one run, so they share its start-up.

    Args:
        command: The command.
        marker: What a line must contain to count.
        counts: The numbers of lines, in order. The last one is the number of all lines. It gets no
            figure, because the process may have ended by then.

    Returns:
        The CPU seconds at each count but the last.

    Raises:
        BenchmarkError: The command failed, or wrote another number of lines.
    """
    seconds = []
    with _started(command, subprocess.PIPE) as process:
        threads = Path(f"/proc/{process.pid}/task")
        count = 0
        for line in process.stdout or ():
            if marker in line:
                count += 1
                if count in counts[:-1]:
                    stats = [(thread / "schedstat").read_text() for thread in threads.iterdir()]
                    seconds.append(sum(int(stat.split()[0]) for stat in stats) / 1e9)
    if count != counts[-1]:
        msg = f"{command} wrote {count} records of {counts[-1]}"
        raise BenchmarkError(msg)
    return seconds


def written(command: Sequence[str], marker: bytes) -> tuple[int, int]:
    """Count the lines of a command's output that contain a marker.

    Returns:
        The number of these lines, and their bytes.

    Raises:
        BenchmarkError: The command failed.
    """
    with _started(command, subprocess.PIPE) as process:
        lengths = [len(line) for line in process.stdout or () if marker in line]
    return len(lengths), sum(lengths)


def until(command: Sequence[str], marker: bytes) -> float:
    """Measure the seconds from a command's start to the end of the first line with a marker.

    Raises:
        BenchmarkError: The command failed, or wrote no such line.
    """
    began = time.perf_counter()
    found = None
    with _started(command, subprocess.PIPE) as process:
        for line in process.stdout or ():
            if found is None and marker in line:
                found = time.perf_counter() - began
    if found is None:
        msg = f"{command[0]} wrote no {marker.decode()}"
        raise BenchmarkError(msg)
    return found


def paced(command: Sequence[str], page_bytes: int, seconds_per_page: float) -> float:
    """Read a command's output as slowly as a target that works on each page for some time.

    Args:
        command: The command.
        page_bytes: The length of a page in the command's output.
        seconds_per_page: How long the reader works on a page. Time that it has to wait for output
            does not count as work.

    Returns:
        The seconds from the end of the first page to the end of the output, without the start-up.

    Raises:
        BenchmarkError: The command failed.
    """
    read, first_page_at, due_seconds = 0, 0.0, 0.0
    with _started(command, subprocess.PIPE) as process:
        while chunk := os.read(process.stdout.fileno(), CHUNK_BYTES) if process.stdout else b"":
            read += len(chunk)
            due_seconds += len(chunk) / page_bytes * seconds_per_page
            began = time.perf_counter()
            time.sleep(max(0.0, due_seconds))
            ended = time.perf_counter()
            due_seconds -= ended - began  # the next sleep makes up for one that was too long
            first_page_at = first_page_at or (ended if read >= page_bytes else 0.0)
        return time.perf_counter() - first_page_at


@contextmanager
def _started(command: Sequence[str], stdout: int) -> Generator[subprocess.Popen[bytes], None, None]:
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(command, stdout=stdout, stderr=log) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            log.seek(0)
            msg = f"{command} failed:\n{log.read().decode()}"
            raise BenchmarkError(msg)
