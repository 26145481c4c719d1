"""A bus reads its units when they are due; what goes wrong with one does not reach the others."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from devices.builtin_profiles import builtin_profiles
from devices.simulators.modbus import map_of
from devices.wires.modbus.bus import Bus
from devices.wires.modbus.outflow import NotTaken, Outflow, Reading
from tests.modbus import polling
from tests.modbus.polling import (
    MAP,
    SDM630,
    a_bus,
    a_meter,
    a_unit,
    an_inverter,
    of_profile,
    servers,
    until,
)


def test_all_values_of_a_meter_arrive_with_the_time_of_their_block() -> None:
    unit = a_unit(1, builtin_profiles()[SDM630].register_map)

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: of_profile(SDM630)})
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                wanted = {row.metric for row in map_of(SDM630).registers}
                await until(lambda: polled.values_of(unit).keys() >= wanted)
                values = polled.values_of(unit)
                assert 200 < values["voltage_l1"] < 260
                assert values["energy_import"] > 10_000
                phases = sum(values[f"power_active_l{phase}"] for phase in (1, 2, 3))
                assert phases == pytest.approx(values["power_active_total"], rel=0.05)
                for message in polled.of(unit):
                    assert abs(message["ts"] / 1e6 - time.time()) < 60

    asyncio.run(run())


def test_counters_never_fall() -> None:
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter()})
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                await until(lambda: len(polled.of(unit)) > 5)
                counted = [one["values"]["energy_import"] for one in polled.of(unit)]
                assert counted == sorted(counted)

    asyncio.run(run())


def test_no_value_is_missing_and_never_zero() -> None:
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            meter = a_meter(nan=["power_active_total"])
            meter.fixed["voltage_l1"] = 3e5  # beyond the range of its map
            _bus, port = simulated.add({1: meter})
            async with polling.polling(a_bus(port, unit)) as (polled, buses):
                await until(lambda: len(polled.of(unit)) > 2)
                assert polled.values_of(unit).keys() == {"energy_import"}
                assert buses[0].counters.missing_values >= 4

    asyncio.run(run())


def test_a_meter_that_is_wired_the_other_way_round_is_turned() -> None:
    plain, turned = a_unit(1), a_unit(2, is_reversed=True)

    async def run() -> None:
        with servers() as simulated:
            meter = a_meter()
            meter.fixed = {"power_active_total": 500.0, "energy_import": 7.0, "voltage_l1": 230.0}
            _bus, port = simulated.add({1: meter, 2: meter})
            async with polling.polling(a_bus(port, plain, turned)) as (polled, _buses):
                await until(lambda: polled.of(plain) and len(polled.values_of(turned)) == 3)
                assert polled.values_of(plain)["energy_import"] == 7.0
                assert polled.values_of(turned) == {
                    "power_active_total": -500.0, "energy_export": 7.0, "voltage_l1": 230.0,
                }  # fmt: skip

    asyncio.run(run())


def test_a_block_that_is_refused_is_split_and_that_is_remembered() -> None:
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            bus, port = simulated.add({1: a_meter(holes=[5])})
            async with polling.polling(a_bus(port, unit)) as (polled, buses):
                await until(lambda: len(polled.values_of(unit)) == 3)
                exceptions = buses[0].counters.exceptions
                before = bus.seen.requests
                await until(lambda: bus.seen.requests > before + 6)
                assert buses[0].counters.exceptions == exceptions == 1

    asyncio.run(run())


def test_a_value_that_does_not_exist_costs_only_itself() -> None:
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter(holes=[2, 3])})
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                await until(lambda: len(polled.of(unit)) > 6)
                assert polled.values_of(unit).keys() == {"power_active_total", "energy_import"}
                seen = polled.shared.notes.units[unit.id]
                assert (seen.state, seen.code) == ("online", "registers_refused")
                assert "voltage_l1" in seen.detail

    asyncio.run(run())


def test_a_dead_unit_costs_the_others_one_timeout_at_a_time() -> None:
    dead, alive = a_unit(1), a_unit(2)

    async def run() -> None:
        with servers() as simulated:
            bus, port = simulated.add({1: a_meter(), 2: a_meter()})
            bus.faults.silent_units = {1}
            async with polling.polling(a_bus(port, dead, alive)) as (polled, buses):
                await until(lambda: len(polled.of(alive)) >= 20)
                stamps = [one["ts"] / 1e6 for one in polled.of(alive)]
                gaps = [after - before for before, after in zip(stamps, stamps[1:], strict=False)]
                # 0.3 s twice at first, then 0.3 s once in a pause that grows by 2 s
                assert sorted(gaps)[len(gaps) // 2] < 0.35
                assert sum(gap > 0.29 for gap in gaps) <= 4
                assert buses[0].counters.timeouts <= 4
                assert polled.shared.notes.units[dead.id].state == "stale"
                assert polled.shared.notes.units[alive.id].state == "online"
                bus.faults.silent_units = set()
                await until(lambda: polled.of(dead), "the dead unit came back")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ({"exception": 4}, "failing", "exception_4"),
        ({"exception": 11}, "stale", "gateway_11"),
        ({"wrong_unit": True}, "failing", "bad_answer"),
        ({"is_silent": True}, "stale", "no_answer"),
        ({"cut_at": 12}, "stale", "no_answer"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(
    fault: dict[str, object], state: str, code: str
) -> None:
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            bus, port = simulated.add({1: a_meter()})
            for name, value in fault.items():
                setattr(bus.faults, name, value)
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                notes = polled.shared.notes.units
                await until(lambda: notes[unit.id].code == code, code)
                assert notes[unit.id].state == state
                assert polled.readings == []

    asyncio.run(run())


def test_a_bus_that_is_away_is_found_when_it_comes() -> None:
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter()})
            config = a_bus(port, unit)
            simulated.stop_all()
            await asyncio.sleep(0.1)
            async with polling.polling(config) as (polled, _buses):
                notes = polled.shared.notes
                await until(lambda: config.id in notes.buses)
                assert notes.buses[config.id].state == "offline"
                assert notes.units[unit.id].code == "bus_not_connected"
                simulated.add({1: a_meter()}, port=port)
                await until(lambda: polled.of(unit))
                assert notes.buses[config.id].state == "online"

    asyncio.run(run())


def test_an_address_outside_the_networks_is_never_called(settings: Any) -> None:
    settings.WIRE_NETWORKS = ["10.0.0.0/8"]
    unit = a_unit()

    async def run() -> None:
        with servers() as simulated:
            bus, port = simulated.add({1: a_meter()})
            config = a_bus(port, unit)
            async with polling.polling(config) as (polled, _buses):
                await until(lambda: config.id in polled.shared.notes.buses)
                assert polled.shared.notes.buses[config.id].code == "address_refused"
            assert bus.seen.connections == 0

    asyncio.run(run())


def test_readings_that_nobody_takes_are_bounded_and_polling_waits() -> None:
    unit = a_unit()
    taken: list[Reading] = []
    is_open: list[bool] = []

    def deliver(batch: list[Reading]) -> None:
        if not is_open:
            raise NotTaken("closed")
        taken.extend(batch)

    async def run() -> None:
        with servers() as simulated:
            bus, port = simulated.add({1: a_meter()})
            async with polling.polling() as (polled, _buses):
                polled.shared.outflow = Outflow(deliver, most_waiting=5)
                polled.shared.outflow.start()
                one = Bus(a_bus(port, unit), polled.shared)
                task = asyncio.create_task(one.run())
                await until(lambda: one.counters.withheld_cycles > 5)
                assert polled.shared.outflow.waiting == 5
                requests = bus.seen.requests
                await asyncio.sleep(0.5)
                assert bus.seen.requests == requests
                is_open.append(True)
                await until(lambda: len(taken) > 8)
                stamps = [reading.received_at for reading in taken]
                assert stamps == sorted(set(stamps))
                one.stop()
                await task
                polled.shared.outflow.stop()

    asyncio.run(run())


def test_an_inverter_says_itself_where_its_registers_are() -> None:
    unit = a_unit(1, {"sunspec": "inverter"})

    async def run() -> None:
        with servers() as simulated:
            bus, port = simulated.add({1: an_inverter()})
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                await until(lambda: len(polled.of(unit)) > 2)
                values = polled.values_of(unit)
                assert (values["pv_active_power"], values["voltage_l1"]) == (2.5, 230.5)
                assert polled.shared.notes.identities[unit.id]["serial"] == "4711"
                assert polled.shared.notes.units[unit.id].state == "online"

    asyncio.run(run())


def test_a_device_without_sunspec_is_told_of() -> None:
    unit = a_unit(1, {"sunspec": "inverter"})

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter()})
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                notes = polled.shared.notes.units
                await until(lambda: notes[unit.id].code == "not_sunspec")
                assert notes[unit.id].state == "failing"

    asyncio.run(run())


def test_a_unit_says_once_who_it_is() -> None:
    map_ = {**MAP, "identity": {"serial": {"address": 20, "type": "string", "words": 4}}}
    unit = a_unit(1, map_)

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter(map_, serial="AB-12")})
            async with polling.polling(a_bus(port, unit)) as (polled, _buses):
                await until(lambda: unit.id in polled.shared.notes.identities and polled.of(unit))
                assert polled.shared.notes.identities[unit.id] == {"serial": "AB-12"}
                assert "serial" not in polled.values_of(unit)

    asyncio.run(run())


def test_a_unit_that_does_not_say_who_it_is_is_read_all_the_same() -> None:
    unit = a_unit(1, {**MAP, "identity": {"serial": {"address": 900, "type": "uint16"}}})

    async def run() -> None:
        with servers() as simulated:
            _bus, port = simulated.add({1: a_meter()})
            async with polling.polling(a_bus(port, unit)) as (polled, buses):
                await until(lambda: len(polled.of(unit)) > 3 and buses[0].counters.exceptions)
                seen = polled.shared.notes.units[unit.id]
                assert (seen.state, seen.code) == ("online", "")

    asyncio.run(run())


def test_units_over_rtu_over_tcp() -> None:
    units = [a_unit(number, MAP) for number in (1, 2, 3)]

    async def run() -> None:
        with servers() as simulated:
            meters = {number: a_meter() for number in (1, 2, 3)}
            for number, meter in meters.items():
                meter.fixed["voltage_l1"] = 100.0 * number
                meter.fixed["power_active_total"] = float(number)
            _bus, port = simulated.add(meters, over_tcp=True)
            async with polling.polling(a_bus(port, *units, kind="rtu_tcp")) as (polled, _buses):
                await until(lambda: all(len(polled.of(unit)) > 3 for unit in units))
                for unit in units:
                    assert {one["values"]["power_active_total"] for one in polled.of(unit)} == {
                        float(unit.unit)
                    }

    asyncio.run(run())
