"""Simulated buses on this machine, and buses of the poller against them, without a database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec

from devices.modbus.maps import read_map
from devices.modbus.types import encode, pack_words, unpack_words
from devices.simulators.modbus import map_of
from devices.simulators.modbus_meter import Load, Meter
from devices.simulators.modbus_server import ILLEGAL_ADDRESS, Illegal, Unit, port_of, serve_tcp
from devices.simulators.modbus_server import Bus as Answering
from devices.wires.modbus.bus import Bus, Shared
from devices.wires.modbus.config import BusConfig, LineConfig, UnitConfig
from devices.wires.modbus.connecting import Connector
from devices.wires.modbus.outflow import Outflow, Reading

PATIENCE_SECONDS = 30.0
SDM630 = "eastron-sdm630"
MAP = {
    "function": 3,
    "registers": [
        {"metric": "power_active_total", "address": 0, "type": "float32", "unit": "W"},
        {"metric": "voltage_l1", "address": 2, "type": "float32", "unit": "V", "max": 300},
        {"metric": "energy_import", "address": 10, "type": "uint32", "scale": 0.01, "unit": "kWh"},
    ],
    "writes": [
        {
            "command": "set_limit", "address": 100, "type": "uint16", "scale": 0.1, "unit": "%",
            "min": 0, "max": 100, "step": 0.5,
        },
        {"command": "set_power", "address": 102, "type": "float32", "min": -5000, "max": 5000},
        {"command": "pump_on", "address": 7, "type": "bit"},
        {"command": "pump_off", "address": 7, "type": "bit"},
    ],
}  # fmt: skip


def a_meter(map_: dict[str, Any] | None = None, seed: int = 1, **options: Any) -> Meter:
    """Return a meter with a map, by default the small one above."""
    return Meter(read_map(map_ or MAP), Load(seed), **options)


def an_inverter() -> Plain:
    """Return an inverter that speaks SunSpec: 2,500 W, 230.5 V, number 4711."""
    common = [1, 66, *[0x8000] * 66]
    for at, text, words in ((2, "Sunny", 16), (18, "Roof", 16), (50, "4711", 16)):
        common[at : at + words] = encode(text, "string", words=words)
    model = [103, 50, *[0x8000] * 50]
    model[10], model[13] = 2305, 0xFFFF  # tenths of a volt
    model[14], model[15] = 250, 1  # tens of watts
    return Plain(40_000, [0x5375, 0x6E53, *common, *model, 0xFFFF, 0])


def of_profile(profile: str, seed: int = 1) -> Meter:
    """Return a meter of a profile."""
    return Meter(map_of(profile), Load(seed))


class Plain:
    """A unit with holding registers that stand in one list, from an address on."""

    def __init__(self, address: int, words: list[int]) -> None:
        self._address, self._words = address, words

    def words(self, function: int, address: int, count: int) -> bytes:
        """Return registers; others are illegal."""
        at = address - self._address
        if function != 3 or at < 0 or at + count > len(self._words):
            raise Illegal(ILLEGAL_ADDRESS)
        return pack_words(self._words[at : at + count])

    def bits(self, function: int, address: int, count: int) -> list[bool]:
        """It has none."""
        raise Illegal(ILLEGAL_ADDRESS)

    def write_words(self, address: int, data: bytes) -> None:
        """Store registers."""
        at = address - self._address
        self._words[at : at + len(data) // 2] = unpack_words(data)

    def write_bits(self, address: int, bits: list[bool]) -> None:
        """It has none."""
        raise Illegal(ILLEGAL_ADDRESS)


class Servers:
    """Simulated buses in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def add(
        self, units: dict[int, Unit], *, over_tcp: bool = False, port: int = 0
    ) -> tuple[Answering, int]:
        """Start a server; return it and its port."""
        bus = Answering(units)
        server = self._run(serve_tcp(bus, over_tcp=over_tcp, port=port))
        self._servers.append(server)
        return bus, port_of(server)

    def stop_all(self) -> None:
        """Listen no more; connections that exist stay."""
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)

    def close(self) -> None:
        """End all of them."""
        self.stop_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Close them at the end."""
    made = Servers()
    try:
        yield made
    finally:
        made.close()


def a_unit(number: int = 1, map_: Any = None, **options: Any) -> UnitConfig:
    """Return a unit that is read every 0.2 s."""
    values: dict[str, Any] = {
        "id": uuid.uuid4(), "tenant_id": uuid.uuid4(), "device_id": uuid.uuid4(), "unit": number,
        "fast_seconds": 0.2, "slow_seconds": 0.2, "is_reversed": False,
        "map_json": json.dumps(MAP if map_ is None else map_).encode(),
    }  # fmt: skip
    return UnitConfig(**(values | options))


def a_bus(port: int, *units: UnitConfig, kind: str = "tcp", **options: Any) -> BusConfig:
    """Return a bus on this machine with a short patience."""
    values: dict[str, Any] = {
        "kind": kind, "host": "127.0.0.1", "port": port, "serial_port": "", "baudrate": 9600,
        "parity": "N", "stop_bits": 1, "timeout_seconds": 0.3, "retries": 1,
        "request_gap_seconds": 0.0, "unit_gap_seconds": 0.0,
    }  # fmt: skip
    line = LineConfig(**(values | options))
    return BusConfig(uuid.uuid4(), uuid.uuid4(), "Cabinet", line, units)


class Polled:
    """What came out of buses: readings by device, in order."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.shared = Shared(Outflow(self.readings.extend), Connector(_in_this_thread))
        self.shared.outflow.start()

    def of(self, unit: UnitConfig) -> list[dict[str, Any]]:
        """Return the messages of a unit."""
        found = [one for one in self.readings if one.device_id == unit.device_id]
        return [msgspec.json.decode(one.payload) for one in found]

    def values_of(self, unit: UnitConfig) -> dict[str, float]:
        """Return the last value of each metric."""
        last: dict[str, float] = {}
        for message in self.of(unit):
            last |= message["values"]
        return last


async def _in_this_thread(function: Callable[[], Any]) -> Any:
    return function()


@contextlib.asynccontextmanager
async def polling(*configs: BusConfig) -> AsyncIterator[tuple[Polled, list[Bus]]]:
    """Run buses."""
    polled = Polled()
    buses = [Bus(config, polled.shared) for config in configs]
    tasks = [asyncio.create_task(bus.run()) for bus in buses]
    try:
        yield polled, buses
    finally:
        for bus in buses:
            bus.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
        polled.shared.outflow.stop()


async def until(condition: Callable[[], Any], what: str = "it") -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.01)
