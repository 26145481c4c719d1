"""Connections that end while nobody asks cost no cycle; a bad map costs nobody else anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.simulators.modbus_server import Bus as Answering
from devices.simulators.modbus_server import TcpSession, Terminal
from devices.wires.modbus.bus import Bus
from devices.wires.modbus.config import UnitConfig
from devices.wires.modbus.connecting import Connector
from devices.wires.modbus.jobs import OrderJob
from devices.wires.modbus.orders import Outcome
from devices.wires.modbus.units import Unit
from tests.modbus import polling
from tests.modbus.polling import MAP, a_bus, a_meter, a_unit, servers, until
from tests.modbus.test_writes import an_order
from tests.pace import assert_within


class Impatient(TcpSession):
    """Closes a connection on which nothing was asked for 0.3 s, as some gateways do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._loop, self._end = asyncio.get_running_loop(), transport
        self._timer = self._loop.call_later(0.3, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._timer.cancel()
        self._timer = self._loop.call_later(0.3, self._end.close)


def test_a_gateway_that_closes_idle_connections_costs_no_cycle_and_no_command() -> None:
    async def run() -> None:
        answering = Answering({1: a_meter()})
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Impatient(answering), "127.0.0.1", 0)
        unit = a_unit(fast_seconds=2.0, slow_seconds=2.0)
        told: list[Outcome] = []
        async with polling.polling(a_bus(server.sockets[0].getsockname()[1], unit)) as (
            polled,
            all_,
        ):
            await until(lambda: len(polled.of(unit)) >= 3, "three cycles")
            cycles = [message["ts"] // 2_000_000 for message in polled.of(unit)]
            assert len(cycles) <= cycles[-1] - cycles[0] + 1
            assert all_[0].counters.skipped_cycles == 0
            assert all_[0].counters.connections > 1
            await asyncio.sleep(0.6)  # idle, so closed
            job = OrderJob(
                an_order(unit, "set_limit", value=42.5),
                expires_at=time.monotonic() + 10,
                tell=lambda _order, outcome: told.append(outcome),
            )
            all_[0].submit(job)
            await until(lambda: told, "the command")
            assert told[0].state == "done"
        server.close()

    asyncio.run(run())


def test_a_port_that_is_unplugged_is_noticed_and_read_again(tmp_path: Path) -> None:
    """Noticed though nothing is asked; tried again at least every two seconds."""
    unit = a_unit(fast_seconds=60.0, slow_seconds=60.0)
    config = a_bus(0, unit, kind="rtu", serial_port=str(tmp_path / "port"), host="")

    async def run() -> None:
        terminal = Terminal(Answering({1: a_meter()}), tmp_path / "port")
        terminal.start()
        polled = polling.Polled()
        polled.shared.connector = Connector(_without_leases)
        bus = Bus(config, polled.shared)
        task = asyncio.create_task(bus.run())
        await until(lambda: bus.is_connected, "a connection")
        terminal.close()
        pulled_at = time.monotonic()
        await until(lambda: polled.shared.notes.buses.get(config.id), "the loss")
        assert polled.shared.notes.buses[config.id].state == "offline"
        seen = polled.shared.notes.units[unit.id]
        assert (seen.code, seen.detail) == ("bus_not_connected", "Its bus has no connection.")
        assert_within(time.monotonic() - pulled_at, 2.0)
        await asyncio.sleep(4.0)
        terminal = Terminal(Answering({1: a_meter()}), tmp_path / "port")
        terminal.start()
        back_at = time.monotonic()
        bus.unit_of(unit.device_id).hurry(time.time())  # type: ignore[union-attr]
        await until(lambda: polled.of(unit), "a reading")
        assert_within(time.monotonic() - back_at, 5.0)
        bus.stop()
        await asyncio.wait_for(task, 20)
        polled.shared.outflow.stop()
        terminal.close()

    asyncio.run(run())


async def _without_leases(function: Callable[[], Any]) -> None:
    """Nobody else is here who could have the port."""


BAD_MAPS: list[dict[str, Any]] = [
    {"registers": [{"metric": "a", "address": 0, "type": "int16", "max": 10**400}]},
    {
        "identity": {"serial": {"address": 0, "type": "bit", "function": 3}},
        "registers": MAP["registers"],
    },
    {
        "identity": {"serial": {"address": 0, "type": "string", "words": 4, "scale_register": 9}},
        "registers": MAP["registers"],
    },
]


@pytest.mark.parametrize("bad", BAD_MAPS)
def test_a_map_that_cannot_be_read_is_an_error_of_its_unit(bad: dict[str, Any]) -> None:
    unit = Unit(a_unit(1, bad), now=0.0)
    assert unit.error
    assert unit.groups == []
    assert unit.first_seen.code == "bad_register_map"


def test_one_unit_that_fails_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = a_unit(1), a_unit(2)
    reading_of = Unit.reading_of

    def failing(self: Unit, values: Any, at: float) -> Any:
        if self.config.id == bad.id:
            raise ZeroDivisionError
        return reading_of(self, values, at)

    monkeypatch.setattr(Unit, "reading_of", failing)

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter(), 2: a_meter()})
            async with polling.polling(a_bus(port, bad, good)) as (polled, buses):
                await until(lambda: len(polled.of(good)) > 5, "readings of the good one")
                assert buses[0].counters.connections == 1
                seen = polled.shared.notes.units[bad.id]
                assert (seen.state, seen.code) == ("failing", "failed")

    asyncio.run(run())


def test_switching_off_goes_before_what_waits() -> None:
    unit: UnitConfig = a_unit()

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter()})
            async with polling.polling(a_bus(port, unit)) as (_polled, [bus]):
                orders = [
                    OrderJob(
                        an_order(unit, name, effect=effect, value=value),
                        expires_at=time.monotonic() + 10,
                        tell=lambda _order, _outcome: None,
                    )
                    for name, effect, value in (
                        ("set_limit", "set", 5.0),
                        ("pump_off", "off", None),
                        ("pump_off", "off", None),
                    )
                ]  # fmt: skip
                for order in orders:
                    bus.submit(order)
                assert list(bus.jobs) == [orders[1], orders[2], orders[0]]

    asyncio.run(run())
