"""The load: a process that publishes readings of a whole fleet, cheaply.

Started with the `spawn` method: it imports neither Django nor the platform.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any

from bench.packets import PacketBlock, connect_packet, publish_packet

BLOCK = 50  # devices whose messages are written at once
CONNECTIONS = 4
IDLE_SECONDS = 0.002
ACK_PATIENCE_SECONDS = 20.0
# Per connection; ids are taken in turn, so one is free again long before its next use.
MAX_UNACKNOWLEDGED = 30_000
_LAST_ID = 65_000
_CONNACK_BYTES = 4
_PUBACK_BYTES = 4

# places in the memory that bench and generator share
_SENT, _TURNS, _COMMITTED, _STOP, _POISON, _UNACKNOWLEDGED = range(6)

_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Load:
    """What is published.

    rate: messages a second, 0 for as many as the window lets. window: messages that may
    be published and not committed. limit: messages in all, 0 for endless. poison: topics
    and payloads that must be rejected, spread over the messages.
    """

    host: str
    port: int
    username: str
    password: str
    topics: Sequence[str]
    metrics: Sequence[str]
    rate: float = 0.0
    window: int = 24_000
    limit: int = 0
    poison: Sequence[tuple[str, bytes]] = ()
    seed: int = 0


class _Connection:
    """A publisher's socket that counts PUBACKs and does not look at them otherwise."""

    def __init__(self, load: Load, number: int) -> None:
        self.socket = socket.create_connection((load.host, load.port), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"bench-{os.getpid()}-{number}"
        self.socket.sendall(connect_packet(name, load.username, load.password))
        answer = self.socket.recv(_CONNACK_BYTES, socket.MSG_WAITALL)
        if answer[3:] != b"\0":
            raise ConnectionError(f"the broker refused the generator: {answer!r}")
        self.socket.settimeout(None)  # with a timeout, MSG_DONTWAIT waits all the same
        self.sent = 0
        self._ack_bytes = 0
        self._next_id = 1

    @property
    def unacknowledged(self) -> int:
        return self.sent - self._ack_bytes // _PUBACK_BYTES

    def take_ids(self, count: int) -> int:
        """Return the first of `count` consecutive packet ids."""
        if self._next_id + count > _LAST_ID:
            self._next_id = 1
        first, self._next_id = self._next_id, self._next_id + count
        return first

    def send(self, packets: bytes, count: int) -> None:
        self.socket.sendall(packets)
        self.sent += count

    def read_acknowledgements(self) -> None:
        try:
            data = self.socket.recv(262_144, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("the broker closed the generator's connection")
        self._ack_bytes += len(data)

    def close(self) -> None:
        """Say DISCONNECT."""
        self.socket.sendall(b"\xe0\x00")
        self.socket.close()


class _Publisher:
    """Sends blocks in turn; a device's messages always take the same connection."""

    def __init__(self, load: Load, shared: SynchronizedArray[int]) -> None:
        self._load = load
        self._shared = shared
        self._connections = [_Connection(load, number) for number in range(CONNECTIONS)]
        parts = [load.topics[at : at + BLOCK] for at in range(0, len(load.topics), BLOCK)]
        self._blocks = [
            PacketBlock(part, load.metrics, load.seed + at) for at, part in enumerate(parts)
        ]
        self._turn = 0
        self._sent = 0
        self._poison = list(load.poison)

    def run(self) -> None:
        started = time.monotonic()
        while not self._shared[_STOP] and not self._is_complete():
            for connection in self._connections:
                connection.read_acknowledgements()
            if self._may_send(time.monotonic() - started):
                self._send_block()
            else:
                time.sleep(IDLE_SECONDS)
        while self._poison:
            self._send_poison()
        self._finish()

    def _is_complete(self) -> bool:
        return 0 < self._load.limit <= self._sent

    def _may_send(self, elapsed: float) -> bool:
        load = self._load
        if load.rate and self._sent >= load.rate * elapsed:
            return False
        if self._connections[self._turn % CONNECTIONS].unacknowledged > MAX_UNACKNOWLEDGED:
            return False
        return self._sent - self._shared[_COMMITTED] < load.window

    def _send_block(self) -> None:
        block = self._blocks[self._turn % len(self._blocks)]
        connection = self._connections[self._turn % len(self._blocks) % CONNECTIONS]
        size = len(block.bytes)
        connection.send(block.fill(time.time_ns() // 1_000_000, connection.take_ids(size)), size)
        self._turn += 1
        self._sent += size
        self._shared[_SENT] = self._sent
        self._shared[_TURNS] = self._turn
        if self._poison and self._sent * len(self._load.poison) >= self._load.limit * (
            len(self._load.poison) - len(self._poison) + 1
        ):
            self._send_poison()

    def _send_poison(self) -> None:
        topic, payload = self._poison.pop()
        connection = self._connections[0]
        message_id = connection.take_ids(1).to_bytes(2, "big")
        connection.send(publish_packet(topic, payload, message_id), 1)
        self._shared[_POISON] += 1

    def _finish(self) -> None:
        deadline = time.monotonic() + ACK_PATIENCE_SECONDS
        while any(c.unacknowledged for c in self._connections) and time.monotonic() < deadline:
            for connection in self._connections:
                connection.read_acknowledgements()
            time.sleep(IDLE_SECONDS)
        self._shared[_UNACKNOWLEDGED] = sum(c.unacknowledged for c in self._connections)
        for connection in self._connections:
            connection.close()


def _publish(load: Load, shared: SynchronizedArray[int]) -> None:
    _Publisher(load, shared).run()


@dataclass(slots=True)
class Generator:
    """The bench's handle on a running generator."""

    load: Load
    _shared: Any = field(default_factory=lambda: _context.Array("q", 6, lock=False))
    _process: Any = None

    def start(self) -> None:
        """Start publishing."""
        self._process = _context.Process(
            target=_publish, args=(self.load, self._shared), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The process that publishes."""
        return int(self._process.pid)

    @property
    def sent(self) -> int:
        """Good messages published so far."""
        return int(self._shared[_SENT])

    def sent_of_device(self, number: int) -> int:
        """Good messages published so far for the device with this number."""
        blocks = -(-len(self.load.topics) // BLOCK)
        rounds, rest = divmod(int(self._shared[_TURNS]), blocks)
        return rounds + (number // BLOCK < rest)

    @property
    def poisoned(self) -> int:
        """Poison messages published so far."""
        return int(self._shared[_POISON])

    @property
    def unacknowledged(self) -> int:
        """Messages without a PUBACK, known once it has stopped."""
        return int(self._shared[_UNACKNOWLEDGED])

    def tell_committed(self, messages: int) -> None:
        """Open the window: so many messages of this generator are committed."""
        self._shared[_COMMITTED] = messages

    def stop(self) -> None:
        """Stop publishing and wait for the last PUBACKs."""
        self._shared[_STOP] = 1
        self.wait()

    def wait(self) -> None:
        """Wait until the limit is reached. Raises: RuntimeError: it failed."""
        self._process.join(60)
        if self._process.exitcode != 0:
            raise RuntimeError(f"the load generator ended with {self._process.exitcode}")
