"""The two ways a question goes out and its answer comes back: Modbus TCP and RTU.

Each has at most one question outstanding; `Client` sees to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from devices.modbus.errors import Ambiguous, BadAnswer, NoAnswer, NotConnected, Refused
from devices.modbus.frames import (
    EXCEPTION,
    MAX_MBAP_LENGTH,
    MBAP_LENGTH,
    check_written,
    crc16,
    data_length,
    read_answer,
    read_request,
    rtu_frame,
    tcp_frame,
    tcp_header,
)
from devices.modbus.lengths import Lengths, Read

MOST_OPEN = 1000
QUIET_SECONDS = 0.05
ABOUT_THE_READ = frozenset({1, 2, 3, 4})  # exceptions that another length may not meet


@dataclass(slots=True)
class Counts:
    """What a connection has seen; `ignored` are bytes that answered no question."""

    requests: int = 0
    timeouts: int = 0
    late: int = 0
    bad_checksums: int = 0
    ignored: int = 0
    busy_seconds: float = 0.0


class _Wire(asyncio.Protocol):
    """What both have in common: a transport, a waiting question, and losing the connection."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.on_lost: Callable[[], None] | None = None
        self._waiter: asyncio.Future[bytes] | None = None
        self._buffer = bytearray()

    @property
    def is_connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._fail(NotConnected(f"The connection is gone{f': {error}' if error else ''}."))
        if self.on_lost is not None:
            self.on_lost()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._fail(NotConnected("The connection was closed."))

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _deliver(self, body: bytes) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(body)

    async def _exchange(self, frame: bytes, until: float) -> bytes:
        if self._transport is None or self._transport.is_closing():
            raise NotConnected("There is no connection.")
        loop = self._loop
        began = loop.time()
        waiter: asyncio.Future[bytes] = loop.create_future()
        self._waiter = waiter
        timer = loop.call_at(until, self._time_out)
        self.counts.requests += 1
        try:
            self._transport.write(frame)
            return await waiter
        finally:
            timer.cancel()
            self._waiter = None
            self.counts.busy_seconds += loop.time() - began

    def _time_out(self) -> None:
        self.counts.timeouts += 1
        self._fail(NoAnswer("No answer came in time."))


class TcpWire(_Wire):
    """Modbus TCP. A transaction number is not used again while its answer may still come."""

    def __init__(self) -> None:
        super().__init__()
        self._transaction = 0
        self._unit = 0
        self._open: set[int] = set()

    async def read(self, unit: int, function: int, address: int, count: int, until: float) -> bytes:
        body = await self._ask(unit, read_request(function, address, count), until)
        return read_answer(body, function, data_length(function, count))

    async def write(self, unit: int, request: bytes, until: float) -> None:
        check_written(await self._ask(unit, request, until), request)

    async def _ask(self, unit: int, body: bytes, until: float) -> bytes:
        number = (self._transaction + 1) & 0xFFFF
        while number in self._open:
            number = (number + 1) & 0xFFFF
        self._transaction, self._unit = number, unit
        self._open.add(number)
        if len(self._open) > MOST_OPEN:
            self.close()
            raise NotConnected(f"{MOST_OPEN} questions were never answered; connect anew.")
        return await self._exchange(tcp_frame(number, unit, body), until)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= MBAP_LENGTH:
            number, protocol, length, unit = tcp_header(buffer)
            if protocol != 0 or not 2 < length <= MAX_MBAP_LENGTH:
                self._fail(NotConnected("What came is not Modbus TCP."))
                self.close()
                return
            end = MBAP_LENGTH - 1 + length
            if len(buffer) < end:
                return
            body = bytes(buffer[MBAP_LENGTH:end])
            del buffer[:end]
            self._take(number, unit, body)

    def _take(self, number: int, unit: int, body: bytes) -> None:
        self._open.discard(number)
        if number != self._transaction or self._waiter is None:
            self.counts.late += 1
        elif unit != self._unit:
            self._fail(BadAnswer(f"Unit {self._unit} was asked, unit {unit} answered."))
        else:
            self._deliver(body)


class RtuWire(_Wire):
    """RTU on a serial port or through a converter to TCP.

    silence: seconds without a byte before a question. Which answer is whose: see
    `devices.modbus.lengths`. What was received before a question is never its answer.
    """

    def __init__(self, *, silence: float, quiet: float = QUIET_SECONDS,
                 lengths: Lengths | None = None) -> None:  # fmt: skip
        super().__init__()
        self.lengths = lengths or Lengths()
        self._silence, self._quiet = silence, max(silence, quiet)
        self._heard_at = 0.0
        self._has_failed = False
        self._head, self._exception, self._size = b"", b"", 0
        self._ending: asyncio.TimerHandle | None = None

    async def read(self, unit: int, function: int, address: int, count: int, until: float) -> bytes:
        read_request(function, address, count)  # what nobody could answer is the caller's error
        wanted = Read(unit, function, address, count)
        patience = until - self._loop.time()
        while (read := self.lengths.choose(wanted, self._loop.time())) is not None:
            try:
                data = await self._read(read, wanted, until)
            except Refused as refusal:
                if refusal.code not in ABOUT_THE_READ:
                    raise
                self.lengths.refused(read, wanted)
                if read == wanted:
                    raise
                until = self._loop.time() + patience  # it answers: another length, another try
                continue
            self.lengths.answered(read, wanted)
            return _cut(data, read, wanted)
        raise Ambiguous("An old answer of another address may still come; ask later.")

    async def _read(self, read: Read, wanted: Read, until: float) -> bytes:
        request = read_request(read.function, read.address, read.count)
        head = bytes((read.unit, read.function, read.length))
        is_in_doubt = self.lengths.may_be_late(read.line, self._loop.time())
        try:
            try:
                body = await self._ask(read.unit, request, head, 5 + read.length, until)
                return read_answer(body, read.function, read.length)
            except Refused:
                if not is_in_doubt:
                    raise
            # the exception may be that of an older question: only a second one is believed
            body = await self._ask(read.unit, request, head, 5 + read.length, until)
            return read_answer(body, read.function, read.length)
        except Refused:
            raise
        except BaseException:
            self.lengths.unanswered(read, wanted, self._loop.time())
            raise

    async def write(self, unit: int, request: bytes, until: float) -> None:
        line = unit, request[0]
        is_in_doubt = self.lengths.may_be_late(line, self._loop.time())
        try:
            body = await self._ask(unit, request, bytes((unit,)) + request[:5], 8, until)
            check_written(body, request)
        except Refused as refusal:
            if is_in_doubt:
                raise NoAnswer(f"{refusal}, perhaps to an older write.") from refusal
            raise
        except BaseException:
            self.lengths.note_unanswered(line, self._loop.time())
            raise

    async def _ask(self, unit: int, request: bytes, head: bytes, size: int, until: float) -> bytes:
        await self._wait_for_silence(until)
        self.counts.ignored += len(self._buffer)
        self._buffer.clear()
        self._head, self._size = head, size
        self._exception = bytes((unit, request[0] | EXCEPTION))
        self._has_failed = True
        try:
            body = await self._exchange(rtu_frame(unit, request), until)
        finally:
            self._head = b""
            if self._ending is not None:
                self._ending.cancel()
                self._ending = None
        self._has_failed = False
        return body

    async def _wait_for_silence(self, until: float) -> None:
        """Wait until the line is quiet; longer when the last question has no answer yet."""
        pause = self._quiet if self._has_failed else self._silence
        while (wait := self._heard_at + pause - self._loop.time()) > 0:
            if self._loop.time() + wait >= until:
                raise NoAnswer("The line was never silent.")
            await asyncio.sleep(wait)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if not self._head:
            self.counts.ignored += len(data)
            return
        self._buffer += data
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._find_answer() and self._waiter is not None:
            # the whole length came with a wrong checksum: nothing more will, if it stays silent
            self._ending = self._loop.call_later(self._quiet, self._end_badly)

    def _find_answer(self) -> bool:
        """Deliver the answer if it is there; tell whether a frame with a wrong checksum is."""
        buffer, at, keep, is_bad = self._buffer, -1, len(self._buffer), False
        while (at := buffer.find(self._head[:1], at + 1)) >= 0:
            size = self._size_at(at)
            if size is None:
                continue
            if at + size > len(buffer):
                keep = min(keep, at)
                continue
            frame = bytes(buffer[at : at + size])
            if crc16(frame) == 0:
                buffer.clear()
                self._deliver(frame[1:-2])
                return False
            is_bad = True
            self.counts.bad_checksums += 1
        self.counts.ignored += keep
        del buffer[:keep]
        return is_bad

    def _size_at(self, at: int) -> int | None:
        """Return the size of the answer that could begin here; None if none can."""
        buffer = self._buffer
        if buffer.startswith(self._head[: len(buffer) - at], at):
            return self._size
        if buffer.startswith(self._exception[: len(buffer) - at], at):
            return 5
        return None

    def _end_badly(self) -> None:
        self._fail(BadAnswer("The checksum of the answer is wrong."))


def _cut(data: bytes, read: Read, wanted: Read) -> bytes:
    """Return the wanted part of what was read."""
    skip = wanted.address - read.address
    if wanted.function not in {1, 2}:
        return data[2 * skip : 2 * (skip + wanted.count)]
    if read == wanted:
        return data
    number = int.from_bytes(data, "little") >> skip
    return (number & (1 << wanted.count) - 1).to_bytes(wanted.length, "little")
