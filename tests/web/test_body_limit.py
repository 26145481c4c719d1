"""F27: a large body is refused before it is buffered."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def web() -> Iterator[tuple[int, int]]:
    """Run daphne; yield its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["-b", "127.0.0.1", "-p", str(port), "energy.asgi:application"]
    process = subprocess.Popen(
        [sys.executable, "-m", "daphne", *arguments], env=os.environ, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            time.sleep(0.05)
    yield port, process.pid
    process.terminate()
    process.wait(60)


def memory_mib(pid: int) -> float:
    """Return the largest resident memory of a process so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def send(port: int, head: str, chunk: bytes, total: int) -> tuple[bytes, int]:
    """Send a body until it is complete or the server ends it; return answer and bytes sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(head.encode())
        try:
            while sent < total:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        connection.settimeout(60)
        try:
            return connection.recv(4096), sent
        except OSError:
            return b"", sent


def test_a_declared_length_is_refused_with_the_reason(web):
    port, _ = web
    head = "POST /api/v1/telemetry/query HTTP/1.1\r\nHost: localhost\r\n"

    answer, _ = send(port, f"{head}Content-Length: 209715200\r\n\r\n", b"", 0)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer
    assert b"at most 5 MB" in answer


@pytest.mark.parametrize("declared", [True, False])
def test_two_hundred_mebibytes_cost_no_memory(web, declared):
    port, pid = web
    send(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", 0)
    before = memory_mib(pid)
    length = "Content-Length: 209715200" if declared else "Transfer-Encoding: chunked"
    head = f"POST /healthz HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
    chunk = bytes(MEBIBYTE)
    if not declared:
        chunk = b"%x\r\n%s\r\n" % (len(chunk), chunk)

    _, sent = send(port, head, chunk, 200 * MEBIBYTE)

    assert sent < 200 * MEBIBYTE
    assert memory_mib(pid) - before <= 32
    answer, _ = send(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", 0)
    assert answer.startswith(b"HTTP/1.1 200")
