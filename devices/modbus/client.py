"""A Modbus client for one connection: one question at a time, each with an end.

    client = await connect(BusAddress.tcp("10.0.0.5"), timeout=1.0)
    words = await client.read(unit=1, function=4, address=0, count=80)

It never asks again by itself, never reconnects and never gives an answer to the wrong
question: Modbus TCP has transaction numbers; on a line see `devices.modbus.lengths`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devices.modbus.errors import (
    Ambiguous,
    BadAnswer,
    GatewayRefused,
    ModbusError,
    NoAnswer,
    NotConnected,
    PortBusy,
    Refused,
)
from devices.modbus.frames import BIT_READS, unpack_bits, write_request
from devices.modbus.lengths import Lengths
from devices.modbus.tty import PortTransport, open_port
from devices.modbus.types import unpack_words
from devices.modbus.wires import QUIET_SECONDS, Counts, RtuWire, TcpWire

__all__ = [
    "Ambiguous", "BadAnswer", "BusAddress", "Client", "Counts", "GatewayRefused", "Lengths",
    "ModbusError", "NoAnswer", "NotConnected", "PortBusy", "Refused", "connect",
]  # fmt: skip

TCP, RTU_OVER_TCP, RTU = "tcp", "rtu_tcp", "rtu"
FAST_BAUDRATE, FAST_SILENCE = 19_200, 0.00175


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Where a bus is; `kind` is that of `ModbusBus`: tcp, rtu_tcp or rtu."""

    kind: str
    host: str = ""
    port: int = 502
    serial_port: str = ""
    baudrate: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    def __str__(self) -> str:
        return self.serial_port if self.kind == RTU else f"{self.host}:{self.port}"

    @classmethod
    def tcp(cls, host: str, port: int = 502) -> BusAddress:
        return cls(TCP, host=host, port=port)

    @classmethod
    def rtu_over_tcp(cls, host: str, port: int) -> BusAddress:
        return cls(RTU_OVER_TCP, host=host, port=port)

    @classmethod
    def rtu(
        cls, serial_port: str, baudrate: int = 9600, parity: str = "N", stop_bits: int = 1
    ) -> BusAddress:
        return cls(
            RTU, serial_port=serial_port, baudrate=baudrate, parity=parity, stop_bits=stop_bits
        )

    @property
    def silence(self) -> float:
        """Seconds of 3.5 characters, before which no frame may begin; none over TCP."""
        if self.kind != RTU:
            return 0.0
        return FAST_SILENCE if self.baudrate > FAST_BAUDRATE else 3.5 * 11 / self.baudrate


async def connect(address: BusAddress, *, timeout: float, lengths: Lengths | None = None) -> Client:
    """Connect; `timeout` in seconds holds for this and then for each question.

    Args: lengths: `client.lengths` of the connection to the same line before this one, so that
        answers to its questions are known too.
    Raises: NotConnected, with the reason; PortBusy.
    """
    try:
        async with asyncio.timeout(timeout):
            wire = await _open(address, timeout, lengths)
    except TimeoutError as error:
        raise NotConnected(f"{address}: no connection within {timeout:g} s.") from error
    except OSError as error:
        raise NotConnected(f"{address}: {error.strerror or error}.") from error
    return Client(wire, timeout=timeout)


async def _open(address: BusAddress, timeout: float, lengths: Lengths | None) -> TcpWire | RtuWire:
    loop = asyncio.get_running_loop()
    if address.kind == TCP:
        _, tcp = await loop.create_connection(TcpWire, address.host, address.port)
        return tcp
    quiet = min(QUIET_SECONDS, timeout / 4)
    wire = RtuWire(silence=address.silence, quiet=quiet, lengths=lengths)
    if address.kind == RTU_OVER_TCP:
        await loop.create_connection(lambda: wire, address.host, address.port)
    else:
        PortTransport(open_port(address.serial_port, baudrate=address.baudrate,
                                parity=address.parity, stop_bits=address.stop_bits),
                      wire)  # fmt: skip
    return wire


class Client:
    """Questions to the units behind one connection; they wait for each other.

    All methods raise: NoAnswer: nothing came in time. Refused: the device answered with an
    exception code; GatewayRefused: a gateway did, for a device that it cannot reach.
    BadAnswer: what came is damaged or of another unit. NotConnected: connect anew. After all
    but the last the next question can be asked at once.
    """

    def __init__(self, wire: TcpWire | RtuWire, *, timeout: float) -> None:
        self.timeout = timeout
        self._wire = wire
        self._is_line = isinstance(wire, RtuWire)
        self._lock = asyncio.Lock()

    @property
    def is_connected(self) -> bool:
        return self._wire.is_connected

    def when_lost(self, tell: Callable[[], None]) -> None:
        """Call something once the connection is gone, also while nothing is asked."""
        self._wire.on_lost = tell

    @property
    def counts(self) -> Counts:
        return self._wire.counts

    @property
    def lengths(self) -> Lengths | None:
        """What the next connection to the same line must know; None for Modbus TCP."""
        return self._wire.lengths if isinstance(self._wire, RtuWire) else None

    async def read(
        self, unit: int, function: int, address: int, count: int, *, deadline: float | None = None
    ) -> list[int]:
        """Return registers as words 0 to 65535 (functions 3, 4) or bits 0 and 1 (1, 2).

        Args: deadline: in the loop's time; the question ends then even if the time-out has
            not passed.
        """
        data = await self.read_data(unit, function, address, count, deadline=deadline)
        return unpack_bits(data, count) if function in BIT_READS else unpack_words(data)

    async def read_data(
        self, unit: int, function: int, address: int, count: int, *, deadline: float | None = None
    ) -> bytes:
        """Return what `Block.decode` takes: the bytes of the registers as they came."""
        self._check_unit(unit)
        async with self._lock:
            return await self._wire.read(unit, function, address, count, self._until(deadline))

    async def write(
        self,
        unit: int,
        address: int,
        values: Sequence[int] | Sequence[bool],
        *,
        function: int | None = None,
        deadline: float | None = None,
    ) -> None:
        """Write words or bits (bool), once. NoAnswer does not tell whether they were taken.

        Args: function: 5, 6, 15 or 16; None: 5 or 6 for one value, 15 or 16 for several.
        """
        self._check_unit(unit)
        if function is None:
            several = len(values) > 1
            is_bits = all(isinstance(value, bool) for value in values)
            function = (15 if several else 5) if is_bits else (16 if several else 6)
        request = write_request(function, address, [int(value) for value in values])
        async with self._lock:
            await self._wire.write(unit, request, self._until(deadline))

    async def close(self) -> None:
        """Close; questions that wait end with NotConnected."""
        self._wire.close()
        await asyncio.sleep(0)

    def _until(self, deadline: float | None) -> float:
        until = asyncio.get_running_loop().time() + self.timeout
        return until if deadline is None else min(until, deadline)

    def _check_unit(self, unit: int) -> None:
        if not (1 if self._is_line else 0) <= unit <= 255:
            raise ValueError(f"unit {unit} cannot be asked: 0 on a line means all at once.")
