"""Thousands of devices that connect with certificates of their own, in a process of its own.

Started with the `spawn` method: it imports neither Django nor the platform.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import ssl
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from bench.packets import publish_packet, remaining_length

_CONNACK = b"\x20\x02"
_PUBACK = 0x40
CONNECT_SECONDS = 60.0
ACK_SECONDS = 120.0
_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Member:
    """A device: its account, which is its client id, and its files."""

    username: str
    serial: str
    cert_file: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Herd:
    """All devices, and the broker they come to. `concurrency`: handshakes at once."""

    host: str
    port: int
    ca_file: str
    members: Sequence[Member]
    concurrency: int = 500


@dataclass(slots=True)
class Rush:
    """What happened: seconds from the start until each device was accepted and acknowledged."""

    accepted: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    attempts: int = 0
    failures: dict[str, int] = field(default_factory=dict)


class HerdProcess:
    """The process; `connect` and `drop` return when they are done."""

    def __init__(self, herd: Herd) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=[herd, theirs], daemon=True)
        self._process.start()

    def begin(self, *, round_number: int, readings: int) -> None:
        """Let all devices connect, say that they are there and send readings."""
        self._pipe.send(("connect", round_number, readings))

    def result(self) -> Rush:
        """Wait for the end of what was begun."""
        found: Rush = self._pipe.recv()
        return found

    def drop(self) -> None:
        """Cut all connections at once, without a word."""
        self._pipe.send(("drop", 0, 0))
        self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        self._pipe.send(("stop", 0, 0))
        self._process.join(20)
        if self._process.is_alive():
            self._process.kill()


class _Device:
    def __init__(self, herd: Herd, member: Member) -> None:
        self._herd = herd
        self._member = member
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def connect(self) -> None:
        """TLS, CONNECT with a last will, CONNACK. Raises: OSError, TimeoutError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self._herd.ca_file)
        context.load_cert_chain(self._member.cert_file, self._member.key_file)
        reader, writer = await asyncio.open_connection(
            self._herd.host, self._herd.port, ssl=context, ssl_handshake_timeout=CONNECT_SECONDS
        )
        self._reader, self._writer = reader, writer
        writer.write(connect_packet(self._member.username))
        answer = await asyncio.wait_for(reader.readexactly(4), CONNECT_SECONDS)
        if answer[:2] != _CONNACK or answer[3] != 0:
            raise ConnectionError(f"refused: {answer.hex()}")

    async def talk(self, *, round_number: int, readings: int) -> None:
        """Say online, send what was kept meanwhile, wait for every acknowledgement."""
        assert self._reader is not None and self._writer is not None
        own = f"devices/{self._member.username}"
        status = f'{{"status":"online","cert_serial":"{self._member.serial}"}}'.encode()
        packets = [publish_packet(f"{own}/reported/status", status, b"\0\1")]
        base = int(time.time() * 1000) - readings * 1000
        for number in range(readings):
            payload = f'{{"ts":{base + number * 1000},"value":{round_number * 1000 + number}}}'
            message_id = (number + 2).to_bytes(2, "big")
            packets.append(publish_packet(f"{own}/uptime", payload.encode(), message_id))
        self._writer.write(b"".join(packets))
        missing = set(range(1, readings + 2))
        while missing:
            kind, _length, high, low = await asyncio.wait_for(
                self._reader.readexactly(4), ACK_SECONDS
            )
            if kind == _PUBACK:
                missing.discard(high * 256 + low)

    def drop(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


def connect_packet(username: str) -> bytes:
    """Return a CONNECT of MQTT 3.1.1 with a last will; the certificate tells who it is."""
    will = (f"devices/{username}/reported/status", '{"status":"offline"}')
    fields = b"".join(len(text).to_bytes(2, "big") + text.encode() for text in (username, *will))
    body = b"\x00\x04MQTT\x04\x0e\x00\x00" + fields  # clean session, will with QoS 1
    return b"\x10" + remaining_length(len(body)) + body


async def _rush(
    devices: Sequence[_Device], concurrency: int, round_number: int, readings: int
) -> Rush:
    gate = asyncio.Semaphore(concurrency or len(devices))
    rush, began = Rush(), time.perf_counter()

    async def come(device: _Device) -> None:
        while time.perf_counter() - began < ACK_SECONDS:
            rush.attempts += 1
            try:
                async with gate:
                    await device.connect()
                rush.accepted.append(time.perf_counter() - began)
                await device.talk(round_number=round_number, readings=readings)
                rush.acknowledged.append(time.perf_counter() - began)
                return
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                name = type(error).__name__
                rush.failures[name] = rush.failures.get(name, 0) + 1
                device.drop()
                await asyncio.sleep(1)

    await asyncio.gather(*(come(device) for device in devices))
    return rush


async def _handle(herd: Herd, pipe: Connection) -> None:
    devices = [_Device(herd, member) for member in herd.members]
    loop = asyncio.get_running_loop()
    while True:
        what, round_number, readings = await loop.run_in_executor(None, pipe.recv)
        if what == "stop":
            return
        if what == "drop":
            for device in devices:
                device.drop()
            pipe.send(None)
            continue
        pipe.send(await _rush(devices, herd.concurrency, round_number, readings))


def _serve(herd: Herd, pipe: Connection) -> None:
    served: Coroutine[Any, Any, None] = _handle(herd, pipe)
    with contextlib.suppress(KeyboardInterrupt, EOFError):
        asyncio.run(served)
