"""A Modbus server for simulated units: TCP, RTU over TCP and RTU on a pseudo-terminal.

Small on purpose: one process answers thousands of requests a second, so that it is never what
a test of a poller measures. It misbehaves when told to.
"""

from __future__ import annotations

import asyncio
import os
import struct
import termios
import tty
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_MBAP = struct.Struct(">HHHB")
_ASKED = struct.Struct(">BHH")
READS_BITS, READS_WORDS = (1, 2), (3, 4)
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, GATEWAY_TARGET = 1, 2, 3, 11
MOST_WORDS = 125


class Illegal(Exception):
    """The request gets an exception; `code` says which."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Unit(Protocol):
    """What a server asks of a simulated unit; addresses are zero-based."""

    def words(self, function: int, address: int, count: int) -> bytes:
        """Return registers as they stand on the wire. Raises: Illegal."""

    def bits(self, function: int, address: int, count: int) -> list[bool]:
        """Return coils or inputs. Raises: Illegal."""

    def write_words(self, address: int, data: bytes) -> None:
        """Store registers. Raises: Illegal."""

    def write_bits(self, address: int, bits: list[bool]) -> None:
        """Store coils. Raises: Illegal."""


@dataclass(slots=True)
class Faults:
    """How a server misbehaves, from the next request on.

    late_seconds: answers come late. exception: the code of every answer. wrong_unit: answers
    name another unit. is_silent: it takes requests and never answers. broken: answers are cut
    after so many bytes. silent_units: units that are dead while others of the bus answer.
    """

    late_seconds: float = 0.0
    exception: int = 0
    wrong_unit: bool = False
    is_silent: bool = False
    cut_at: int = 0
    silent_units: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Seen:
    """What a server was asked, for those who look at it. `writes`: (unit, function, data)."""

    requests: int = 0
    connections: int = 0
    writes: list[tuple[int, int, bytes]] = field(default_factory=list)


class Bus:
    """Units by number, and how they misbehave together."""

    def __init__(self, units: Mapping[int, Unit], *, answers_for_missing: bool = False) -> None:
        self.units = dict(units)
        self.faults = Faults()
        self.seen = Seen()
        self._answers_for_missing = answers_for_missing

    def answer(self, unit: int, request: bytes) -> bytes | None:
        """Return the answer to a PDU; None for silence."""
        self.seen.requests += 1
        faults, function = self.faults, request[0]
        if function in (5, 6, 15, 16):
            self.seen.writes.append((unit, function, request[1:]))
        if faults.is_silent or unit in faults.silent_units:
            return None
        found = self.units.get(unit)
        if unit == 0 and found is None:  # a broadcast is obeyed and never answered
            return None
        if found is None:
            return bytes((function | 0x80, GATEWAY_TARGET)) if self._answers_for_missing else None
        if faults.exception:
            return bytes((function | 0x80, faults.exception))
        try:
            return _answer(found, function, request)
        except Illegal as error:
            return bytes((function | 0x80, error.code))


def _answer(unit: Unit, function: int, request: bytes) -> bytes:
    if len(request) < 5:
        raise Illegal(ILLEGAL_VALUE)
    _function, address, count = _ASKED.unpack_from(request)
    if function in READS_WORDS:
        if not 1 <= count <= MOST_WORDS:
            raise Illegal(ILLEGAL_VALUE)
        data = unit.words(function, address, count)
        return bytes((function, len(data))) + data
    if function in READS_BITS:
        packed = _pack_bits(unit.bits(function, address, count))
        return bytes((function, len(packed))) + packed
    if function == 5:
        unit.write_bits(address, [count == 0xFF00])
        return request[:5]
    if function == 6:
        unit.write_words(address, request[3:5])
        return request[:5]
    if function in (15, 16) and len(request) == 6 + request[5]:
        if function == 16:
            unit.write_words(address, request[6:])
        else:
            unit.write_bits(address, _unpack_bits(request[6:], count))
        return request[:5]
    raise Illegal(ILLEGAL_FUNCTION)


def _pack_bits(bits: list[bool]) -> bytes:
    packed = bytearray((len(bits) + 7) // 8)
    for at, bit in enumerate(bits):
        packed[at // 8] |= bit << at % 8
    return bytes(packed)


def _unpack_bits(data: bytes, count: int) -> list[bool]:
    return [bool(data[at // 8] >> at % 8 & 1) for at in range(count)]


class TcpSession(asyncio.Protocol):
    """A connection with MBAP headers; several requests may wait, answers keep their order."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who asks."""
        self._transport = transport  # type: ignore[assignment]
        self._bus.seen.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        data = self._rest + data if self._rest else data
        while len(data) >= 8:
            number, _protocol, length, unit = _MBAP.unpack_from(data)
            if len(data) < 6 + length:
                break
            self._reply(number, unit, self._bus.answer(unit, data[7 : 6 + length]))
            data = data[6 + length :]
        self._rest = data

    def _reply(self, number: int, unit: int, answer: bytes | None) -> None:
        if answer is None:
            return
        named = unit + 1 if self._bus.faults.wrong_unit else unit
        _send(self._transport, self._bus, _MBAP.pack(number, 0, len(answer) + 1, named) + answer)


class RtuSession(asyncio.Protocol):
    """RTU frames on a connection; what is not a whole frame with a good sum is thrown away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who asks."""
        self._transport = transport  # type: ignore[assignment]
        self._bus.seen.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        data = self._rest + data
        while (length := _rtu_length(data)) and len(data) >= length:
            frame, data = data[:length], data[length:]
            if crc(frame[:-2]) != frame[-2:]:
                data = b""
            elif (answer := self._bus.answer(frame[0], frame[1:-2])) is not None:
                named = frame[0] + 1 if self._bus.faults.wrong_unit else frame[0]
                reply = bytes((named,)) + answer
                _send(self._transport, self._bus, reply + crc(reply))
        self._rest = data[-260:]


def _rtu_length(data: bytes) -> int:
    """Return the length of the request that begins here; 0 while that is not known."""
    if len(data) < 7:
        return 0
    return 9 + data[6] if data[1] in (15, 16) else 8


def _send(transport: asyncio.Transport | None, bus: Bus, frame: bytes) -> None:
    if transport is None or transport.is_closing():
        return
    faults = bus.faults
    frame = frame[: faults.cut_at] if faults.cut_at else frame
    if faults.late_seconds:
        asyncio.get_running_loop().call_later(faults.late_seconds, transport.write, frame)
    else:
        transport.write(frame)


def crc(data: bytes) -> bytes:
    """Return the sum at the end of an RTU frame."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


async def serve_tcp(bus: Bus, *, port: int = 0, over_tcp: bool = False) -> asyncio.Server:
    """Listen on this machine; `over_tcp`: with RTU frames. The port: `port_of(server)`."""
    loop = asyncio.get_running_loop()
    session = RtuSession if over_tcp else TcpSession
    return await loop.create_server(lambda: session(bus), "127.0.0.1", port, backlog=64)


def port_of(server: asyncio.Server) -> int:
    """Return the port on which a server listens."""
    port: int = server.sockets[0].getsockname()[1]
    return port


class Terminal:
    """A pseudo-terminal with units behind it; `path` is what a poller opens."""

    def __init__(self, bus: Bus, path: Path) -> None:
        self._bus = bus
        self._master, self._slave = os.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.path = path
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._slave))
        self._session = RtuSession(bus)

    def start(self) -> None:
        """Answer from now on, in the running loop."""
        loop = asyncio.get_running_loop()
        self._session.connection_made(_TerminalTransport(self._master))
        loop.add_reader(self._master, self._read)

    def close(self) -> None:
        """End, as if the adapter had been pulled out."""
        asyncio.get_running_loop().remove_reader(self._master)
        for end in (self._master, self._slave):
            os.close(end)
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            self._session.data_received(os.read(self._master, 1024))
        except OSError:  # nobody has the other end open
            pass


class _TerminalTransport(asyncio.Transport):
    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def write(self, data: bytes | bytearray | memoryview) -> None:
        os.write(self._descriptor, data)

    def is_closing(self) -> bool:
        return False
