"""The two kinds of clients of the live bench: those who read, and those who stall."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import secrets
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import websockets
from numpy.typing import NDArray

from tools.web_session import WebSession

OPEN_AT_ONCE = 20
OPEN_SECONDS = 180.0
GIVE_UP_SECONDS = 90.0
RECEIVE_BYTES = 4096
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Crowd:
    """Sockets of one person in a thread of their own; each watches one device and acknowledges."""

    def __init__(self, url: str, session: WebSession, devices: Sequence[str], sockets: int) -> None:
        self._url = url
        self._headers = {"Cookie": session.cookie_header()}
        self._devices = devices
        self._sockets = sockets
        self._loop = asyncio.new_event_loop()
        self._open: list[Any] = []
        self._ages: list[float] = []
        self._frames = 0
        self._is_measuring = False
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def open(self) -> None:
        """Open all and subscribe."""
        asyncio.run_coroutine_threadsafe(self._open_all(), self._loop).result(OPEN_SECONDS)

    def watch(self, seconds: float) -> tuple[NDArray[np.float64], int]:
        """Return the ages of the points of all frames within some seconds, and how many frames."""
        return self.watch_while(lambda: time.sleep(seconds))

    def watch_while(self, work: Callable[[], None]) -> tuple[NDArray[np.float64], int]:
        """Likewise while something else is done."""
        self._ages, self._frames = [], 0
        self._is_measuring = True
        work()
        self._is_measuring = False
        return np.array(self._ages), self._frames

    def count_open(self) -> int:
        """Return how many are open."""
        return sum(one.close_code is None for one in self._open)

    def close(self) -> None:
        """Close all."""
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _open_all(self) -> None:
        turns = asyncio.Semaphore(OPEN_AT_ONCE)
        await asyncio.gather(*(self._open_one(n, turns) for n in range(self._sockets)))

    async def _open_one(self, number: int, turns: asyncio.Semaphore) -> None:
        target = self._url.replace("http", "ws", 1) + "/ws/v1/live"
        async with turns:
            one = await websockets.connect(
                target, origin=websockets.Origin(self._url), additional_headers=self._headers,
                compression=None, open_timeout=60, ping_interval=None,
            )  # fmt: skip
            device = self._devices[number % len(self._devices)]
            await one.send(json.dumps({"type": "sub", "id": 1, "devices": [device]}))
        self._open.append(one)
        self._loop.create_task(self._read(one))

    async def _read(self, one: Any) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):  # at the end of the bench
            async for text in one:
                await self._take(one, text)

    async def _take(self, one: Any, text: str | bytes) -> None:
        arrived = time.time() * 1000
        frame = orjson.loads(text)
        if "seq" not in frame:
            return
        await one.send(f'{{"type":"ack","n":{frame["seq"]}}}')
        if self._is_measuring and frame["type"] == "data":
            self._frames += 1
            self._ages.extend(arrived - point[2] for point in frame["points"])

    async def _close_all(self) -> None:
        await asyncio.gather(*(one.close() for one in self._open), return_exceptions=True)


class Stalled:
    """Sockets with a small buffer that subscribe to everything and never read."""

    def __init__(self, url: str, session: WebSession, number: int) -> None:
        self._address = urlsplit(url)
        self._origin = url
        self._cookie = session.cookie_header()
        self._number = number
        self._sockets: list[socket.socket] = []
        self.peak_mib = 0.0
        self.closed_after_seconds: float | None = None

    def open(self) -> None:
        """Open and subscribe all."""
        self._sockets = [self._open_one() for _ in range(self._number)]
        self._began = time.monotonic()

    def wait_until_closed(self, pid: int, url: str, crowd: Crowd) -> None:
        """Watch the memory of the web process until it has closed all of them."""
        while time.monotonic() - self._began < GIVE_UP_SECONDS:
            self.peak_mib = max(self.peak_mib, self.resident_mib(pid))
            if read_sockets(url) <= crowd.count_open():
                self.closed_after_seconds = round(time.monotonic() - self._began, 1)
                return
            time.sleep(0.5)

    def close(self) -> None:
        """Let go."""
        for one in self._sockets:
            one.close()

    @staticmethod
    def resident_mib(pid: int) -> float:
        """Return the resident memory of a process, now."""
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20

    def _open_one(self) -> socket.socket:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        one.settimeout(30)
        one.connect((self._address.hostname, self._address.port))
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        one.sendall(
            (
                f"GET /ws/v1/live HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
                f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                f"Sec-WebSocket-Version: 13\r\nOrigin: {self._origin}\r\n"
                f"Cookie: {self._cookie}\r\n\r\n"
            ).encode()
        )
        if b"101" not in one.recv(64):
            raise OSError("the server did not open a WebSocket")
        one.sendall(_text_frame('{"type":"sub","id":1,"tenant":true,"rate_ms":100}'))
        return one


def read_sockets(url: str) -> float:
    """Return how many sockets the web process says it has."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        found = re.search(r"^energy_live_sockets (\S+)", answer.read().decode(), re.MULTILINE)
    if found is None:
        raise OSError("/metrics does not tell energy_live_sockets")
    return float(found[1])


def _text_frame(text: str) -> bytes:
    """Return a masked text frame of less than 126 bytes."""
    mask = secrets.token_bytes(4)
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text.encode()))
    return bytes([0x81, 0x80 | len(body)]) + mask + body
