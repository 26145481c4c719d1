"""The line of a simulated controller: a pseudo terminal or a socket, and what goes wrong on it."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import tty
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

READ_BYTES = 4096


class Wire(Protocol):
    """Bytes both ways; none is waited for."""

    def read(self) -> bytes:
        """Return what has come."""

    def write(self, data: bytes) -> None:
        """Send; what nobody takes is lost, as on a real line."""

    def close(self) -> None:
        """Unplug it."""


class PtyWire:
    """A pseudo terminal whose other end has a name that stays: `link`."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        # the name appears once everything is ready, also over one that was left behind
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(link)
        os.close(slave)  # kept open it would keep the lock of who opens it

    def read(self) -> bytes:
        """Return what has come; nothing while nobody has the other end open."""
        with contextlib.suppress(OSError):
            return os.read(self._master, READ_BYTES)
        return b""

    def write(self, data: bytes) -> None:
        """Send; lost while nobody reads."""
        with contextlib.suppress(OSError):
            os.write(self._master, data)

    def close(self) -> None:
        """Unplug it: who has it open gets an error."""
        with contextlib.suppress(OSError):
            self._link.unlink()
        os.close(self._master)


class TcpWire:
    """A server that takes one connection at a time, as converters do."""

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.setblocking(False)
        self._peer: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.getsockname()[1])

    def read(self) -> bytes:
        """Return what has come."""
        if self._peer is None:
            with contextlib.suppress(BlockingIOError):
                self._peer, _ = self._server.accept()
                self._peer.setblocking(False)
        if self._peer is None:
            return b""
        try:
            data = self._peer.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def write(self, data: bytes) -> None:
        """Send; lost without a connection."""
        if self._peer is not None:
            try:
                self._peer.sendall(data)
            except OSError:
                self._hang_up()

    def close(self) -> None:
        """Stop listening."""
        self._hang_up()
        self._server.close()

    def _hang_up(self) -> None:
        if self._peer is not None:
            self._peer.close()
        self._peer = None


@dataclass(slots=True)
class LineFaults:
    """What goes wrong on the line, by chance where a probability is given.

    split: frames arrive in pieces. noise: bytes that nobody sent, before a frame. lose, twice,
    swap: frames that are lost, come twice or after the next one. `lost_acks`: how many answers
    to commands are still to be swallowed.
    """

    split: float = 0.0
    noise: float = 0.0
    lose: float = 0.0
    twice: float = 0.0
    swap: float = 0.0
    lost_acks: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311
    _held: bytes = b""

    def spoil(self, frame: bytes) -> list[bytes]:
        """Return what of a frame goes out, in pieces."""
        if self.lost_acks and b"ACK" in frame and b"READSTAT" not in frame:
            self.lost_acks -= 1
            return []
        frames = [frame]
        if self.chance.random() < self.lose:
            frames = []
        elif self.chance.random() < self.twice:
            frames = [frame, frame]
        if self._held:
            frames, self._held = [*frames, self._held], b""
        elif frames and self.chance.random() < self.swap:
            self._held = frames.pop()
        return [piece for one in frames for piece in self._pieces(one)]

    def _pieces(self, frame: bytes) -> list[bytes]:
        if self.chance.random() < self.noise:
            junk = self.chance.randbytes(self.chance.randint(1, 40))
            frame = junk.replace(b"<", b"").replace(b"~", b"") + frame
        if self.chance.random() >= self.split or len(frame) < 2:
            return [frame]
        cut = self.chance.randint(1, len(frame) - 1)
        return [frame[:cut], frame[cut:]]


@dataclass(slots=True)
class Line:
    """A wire with faults; pieces of one frame go out in different rounds."""

    wire: Wire | None
    faults: LineFaults = field(default_factory=LineFaults)
    _going_out: deque[bytes] = field(default_factory=lambda: deque(maxlen=1000))

    def send(self, data: bytes) -> None:
        """Send what a controller says, one frame or line at a time."""
        self._going_out.extend(self.faults.spoil(data))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._going_out.append(data)

    def run(self) -> bytes:
        """Write the next piece of everything; return what came in."""
        if self.wire is None:
            self._going_out.clear()
            return b""
        is_first = True
        while self._going_out and (is_first or not self.faults.split):
            self.wire.write(self._going_out.popleft())
            is_first = False
        return self.wire.read()

    def unplug(self) -> None:
        """Take the wire away."""
        if self.wire is not None:
            self.wire.close()
        self.wire = None
        self._going_out.clear()
