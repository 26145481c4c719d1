"""A serial line with a device that answers late, twice, damaged, for others or not at all.

Its registers hold where they are: unit, function and address, see `value_of`.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import tty
from collections import Counter
from collections.abc import Callable

from devices.modbus.frames import crc16, rtu_frame

NOISE = bytes(range(256))


def value_of(unit: int, function: int, address: int) -> int:
    """Return what a register holds; no other has the same."""
    return (unit & 3) << 14 | (function & 1) << 13 | address & 0x1FFF


class FaultyLine:
    """The device's end of a line: of a pty, whose other end is at `path`, or of a socket.

    faults: weights of outcomes by name; the names are those of the methods. latest: seconds.
    usual: seconds that an answer in time may take.
    """

    def __init__(
        self, faults: dict[str, int], *, seed: int = 1, latest: float = 5.0, usual: float = 0.0,
        end: socket.socket | None = None,
        on_request: Callable[[bytes], list[tuple[float, bytes]]] | None = None,
    ) -> None:  # fmt: skip
        self._random = random.Random(seed)
        self._latest, self._usual = latest, usual
        self._outcomes, self._weights = list(faults), list(faults.values())
        if end is None:
            self._fd, self._slave = os.openpty()
            tty.setraw(self._fd)
            tty.setraw(self._slave)
            self.path = os.ttyname(self._slave)
        else:
            self._fd, self._slave = end.detach(), -1
        os.set_blocking(self._fd, False)
        self.seen: Counter[str] = Counter()
        self.requests: list[bytes] = []
        self._on_request = on_request
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
        if self._slave >= 0:
            os.close(self._slave)

    def say(self, data: bytes, after: float = 0.0) -> None:
        """Put bytes on the line."""
        if after:
            self._loop.call_later(after, self.say, data)
        elif self._fd >= 0:
            try:
                os.write(self._fd, data)
            except BlockingIOError:  # nobody reads; as on a real line the bytes are gone
                self.seen["overrun"] += 1

    def _readable(self) -> None:
        self._buffer += os.read(self._fd, 4096)
        while len(self._buffer) >= 8:
            request = bytes(self._buffer[:8])
            del self._buffer[:8]
            assert crc16(request) == 0, request
            self._take(request)

    def _take(self, request: bytes) -> None:
        self.requests.append(request)
        del self.requests[:-100]
        if self._on_request:
            for after, data in self._on_request(request):
                self.say(data, after)
            return
        outcome = self._random.choices(self._outcomes, self._weights)[0]
        self.seen[outcome] += 1
        getattr(self, outcome)(request)

    def answer(self, request: bytes) -> bytes:
        """Return the right answer."""
        unit, function = request[:2]
        address, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        words = [value_of(unit, function, at) for at in range(address, address + count)]
        data = b"".join(word.to_bytes(2, "big") for word in words)
        return rtu_frame(unit, bytes((function, len(data))) + data)

    def right(self, request: bytes) -> None:
        self.say(self.answer(request), self._usual * self._random.random())

    def late(self, request: bytes) -> None:
        self.say(self.answer(request), self._some_time())

    def lost(self, request: bytes) -> None:
        pass

    def doubled(self, request: bytes) -> None:
        self.right(request)
        self.late(request)

    def cut(self, request: bytes) -> None:
        """The answer breaks off; the rest comes at some time, or never."""
        frame = self.answer(request)
        at = self._random.randrange(1, len(frame))
        self.say(frame[:at])
        if self._random.random() < 0.5:
            self.say(frame[at:], self._some_time())

    def wrong_unit(self, request: bytes) -> None:
        """Another unit answers in its place, with its own registers, at some time."""
        other = bytes((request[0] % 3 + 1,)) + request[1:]
        self.say(self.answer(other), self._random.choice((0.0, self._some_time())))

    def wrong_checksum(self, request: bytes) -> None:
        frame = bytearray(self.answer(request))
        frame[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(8)
        self.say(bytes(frame))

    def exception(self, request: bytes) -> None:
        frame = rtu_frame(request[0], bytes((request[1] | 0x80, self._random.choice((4, 6, 11)))))
        self.say(frame, self._random.choice((0.0, self._some_time())))

    def noise(self, request: bytes) -> None:
        """Bytes of nobody around the right answer."""
        self.say(self._random.randbytes(self._random.randrange(1, 40)))
        self.right(request)
        self.say(self._random.randbytes(self._random.randrange(1, 40)))

    def pieces(self, request: bytes) -> None:
        frame = self.answer(request)
        for at in range(0, len(frame), 7):
            self.say(frame[at : at + 7])

    def _some_time(self) -> float:
        """From less than a timeout to many, all magnitudes alike."""
        return 0.001 * (self._latest / 0.001) ** self._random.random()
