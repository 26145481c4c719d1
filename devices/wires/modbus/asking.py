"""Frames on a bus, with the pauses that it needs, and counted."""

from __future__ import annotations

import asyncio
import time

from devices.modbus.client import Client
from devices.modbus.errors import (
    Ambiguous,
    BadAnswer,
    ModbusError,
    NoAnswer,
    NotConnected,
    Refused,
)
from devices.modbus.writes import WireWrite
from devices.wires.modbus.config import LineConfig
from devices.wires.modbus.counters import Counters


class Asker:
    """Asks over one connection. One caller at a time: the task of the bus."""

    def __init__(self, client: Client, line: LineConfig, counters: Counters) -> None:
        self.client = client
        self._line = line
        self._counters = counters
        self._unit, self._ended_at = -1, 0.0

    async def read_data(
        self, unit: int, function: int, address: int, count: int, *, retries: int
    ) -> bytes:
        """Return what `Block.decode` takes; asks again where no good answer came.

        Raises: ModbusError.
        """
        while True:
            try:
                return await self._read_once(unit, function, address, count)
            except Ambiguous:
                raise
            except (NoAnswer, BadAnswer):
                if retries <= 0:
                    raise
                retries -= 1

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        """Return words or bits, asked once. Raises: ModbusError."""
        await self._pause(unit)
        self._counters.requests += 1
        began = time.perf_counter()
        try:
            return await self.client.read(unit, function, address, count)
        except ModbusError as error:
            self._count(error)
            raise
        finally:
            self._end(began)

    async def write(self, unit: int, write: WireWrite) -> None:
        """Write once. Raises: ModbusError."""
        await self._pause(unit)
        self._counters.requests += 1
        self._counters.writes += 1
        began = time.perf_counter()
        try:
            await self.client.write(unit, write.address, write.values, function=write.function)
        except ModbusError as error:
            self._count(error)
            raise
        finally:
            self._end(began)

    async def _read_once(self, unit: int, function: int, address: int, count: int) -> bytes:
        await self._pause(unit)
        self._counters.requests += 1
        began = time.perf_counter()
        try:
            data = await self.client.read_data(unit, function, address, count)
        except ModbusError as error:
            self._count(error)
            self._end(began)
            raise
        self._counters.rtt_seconds += self._end(began)
        return data

    async def _pause(self, unit: int) -> None:
        line = self._line
        gap = line.request_gap_seconds
        if unit != self._unit:
            gap, self._unit = max(gap, line.unit_gap_seconds), unit
        if gap and (wait := self._ended_at + gap - time.perf_counter()) > 0:
            await asyncio.sleep(wait)

    def _end(self, began: float) -> float:
        self._ended_at = time.perf_counter()
        taken = self._ended_at - began
        self._counters.busy_seconds += taken
        return taken

    def _count(self, error: ModbusError) -> None:
        if isinstance(error, Refused):
            self._counters.exceptions += 1
        elif isinstance(error, BadAnswer):
            self._counters.bad_answers += 1
        elif isinstance(error, NoAnswer) and not isinstance(error, NotConnected):
            self._counters.timeouts += 1
