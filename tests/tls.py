"""A server in front of the simulator that speaks TLS, and can break its connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .simulator import Simulator

ANSWERS = {
    "eof": b"",
    "alert": b"\x15\x03\x03\x00\x02\x02\x50",  # internal error
    "plain": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
_BYTES = 1 << 16


def certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """Make a self-signed certificate.

    Args:
        folder: the folder for its files.
        host: the name of the host.

    Returns:
        The files of the certificate and its key.
    """
    files = folder / f"{host}.pem", folder / f"{host}.key"
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN={host} "
        f"-addext subjectAltName=DNS:{host} -out {files[0]} -keyout {files[1]}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    return files


@contextlib.contextmanager
def tls_in_front_of(
    zendesk: Simulator, files: tuple[Path, Path], mishaps: Sequence[str] = ()
) -> Iterator[str]:
    """Serve a simulator over TLS, one connection after another.

    Args:
        zendesk: the simulator.
        files: the files of the certificate and its key.
        mishaps: the faults that the first connections hit, one each: "eof", "alert" or "plain" in
            place of the handshake, "bad record" or "drip" in the middle of a response.

    Yields:
        The address of the TLS server.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    waiting = list(mishaps)

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:  # the end of the test
                return
            mishap = waiting.pop(0) if waiting else ""
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                if mishap not in ANSWERS:
                    _pass_on(connection, context, zendesk, mishap)
                    continue
                connection.recv(_BYTES)
                connection.sendall(ANSWERS[mishap])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def _pass_on(
    connection: socket.socket, context: ssl.SSLContext, zendesk: Simulator, mishap: str
) -> None:
    """Forward a request and its response; a mishap damages or slows the last TLS record."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    request = b""
    while b"\r\n\r\n" not in request:
        try:
            tls.do_handshake()
            request += tls.read(_BYTES)
        except ssl.SSLWantReadError:  # noqa: PERF203 (a loop over what comes in)
            connection.sendall(outgoing.read())
            data = connection.recv(_BYTES)
            if not data:
                return
            incoming.write(data)
    with socket.create_connection(("127.0.0.1", zendesk.port), timeout=10) as upstream:
        upstream.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
        answer = b""
        while data := upstream.recv(_BYTES):
            answer += data
    answer = answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    tls.write(answer[: len(answer) // 2])
    connection.sendall(outgoing.read())
    tls.write(answer[len(answer) // 2 :])
    record = bytearray(outgoing.read())
    if mishap == "drip":
        for byte in record:
            connection.sendall(bytes([byte]))
            time.sleep(0.3)
    record[-1] ^= bool(mishap)
    connection.sendall(record)
