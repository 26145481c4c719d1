"""Commands reach a unit once, within what its register map allows, and are read back."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from devices.command_states import State
from devices.services.wire_commands import WireOrder
from devices.simulators.modbus_meter import Meter
from devices.simulators.modbus_server import Bus as Answering
from devices.wires.modbus.bus import Bus
from devices.wires.modbus.config import UnitConfig
from devices.wires.modbus.jobs import OrderJob
from devices.wires.modbus.orders import Outcome
from devices.wires.modbus.poller import ModbusPoller
from tests.modbus import polling
from tests.modbus.polling import a_bus, a_meter, a_unit, servers, until

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def an_order(unit: UnitConfig, name: str, **values: Any) -> WireOrder:
    """Return an order to a unit."""
    given: dict[str, Any] = {
        "id": uuid.uuid4(), "tenant_id": unit.tenant_id, "device_id": unit.device_id,
        "line_id": uuid.uuid4(), "name": name, "params": {}, "effect": "set", "actuator": "limit",
        "value": None, "requested_at": NOW, "expires_at": NOW,
    }  # fmt: skip
    return WireOrder(**(given | values))


class Scene:
    """One unit on a bus, and what became of orders to it."""

    def __init__(self, unit: UnitConfig, meter: Meter, answering: Answering, bus: Bus) -> None:
        self.unit, self.meter, self.answering, self.bus = unit, meter, answering, bus

    async def order(self, name: str, *, seconds: float = 10.0, **values: Any) -> Outcome:
        """Give an order and return what became of it; once."""
        told: list[Outcome] = []
        job = OrderJob(
            an_order(self.unit, name, **values),
            expires_at=time.monotonic() + seconds,
            tell=lambda _order, outcome: told.append(outcome),
        )
        self.bus.submit(job)
        await until(lambda: told, name)
        await asyncio.sleep(0.05)
        [outcome] = told
        return outcome

    @property
    def writes(self) -> list[tuple[int, int]]:
        """Function and address of each write that the device heard."""
        return [
            (function, int.from_bytes(data[:2], "big"))
            for _unit, function, data in self.answering.seen.writes
        ]


def on_a_bus(act: Callable[[Scene], Any], *, number: int = 1, **options: Any) -> None:
    """Run `act` against a unit that is polled."""

    async def run() -> None:
        with servers() as simulated:
            meter = a_meter(**options)
            unit = a_unit(number)
            answering, port = simulated.add({number: meter})
            async with polling.polling(a_bus(port, unit)) as (polled, buses):
                await until(lambda: polled.of(unit) or number == 0)
                await act(Scene(unit, meter, answering, buses[0]))

    asyncio.run(run())


def test_one_word_goes_by_function_6_and_is_read_back() -> None:
    async def act(scene: Scene) -> None:
        outcome = await scene.order("set_limit", value=42.5)
        assert (outcome.state, outcome.code) == (State.DONE, "")
        assert outcome.content == {"actuators": {"limit": 42.5}}
        assert scene.writes == [(6, 100)]
        assert scene.meter.words(3, 100, 1) == (425).to_bytes(2, "big")

    on_a_bus(act)


def test_a_value_of_two_words_goes_by_function_16_at_once() -> None:
    async def act(scene: Scene) -> None:
        outcome = await scene.order("set_power", value=-1250.5)
        assert outcome.state == State.DONE
        assert scene.writes == [(16, 102)]

    on_a_bus(act)


def test_a_coil_is_switched_on_and_off() -> None:
    async def act(scene: Scene) -> None:
        assert (await scene.order("pump_on", effect="on", actuator="pump")).state == State.DONE
        assert scene.meter.bits(1, 7, 1) == [True]
        off = await scene.order("pump_off", effect="off", actuator="pump")
        assert off.content == {"actuators": {"pump": False}}
        assert scene.meter.bits(1, 7, 1) == [False]
        assert scene.writes == [(5, 7), (5, 7)]

    on_a_bus(act)


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("reset_energy", {"value": 1.0}, "not_writable"),
        ("set_limit", {"value": 100.5}, "out_of_range"),
        ("set_limit", {"value": -1.0}, "out_of_range"),
        ("set_limit", {"value": 42.3}, "out_of_range"),  # between two steps
        ("set_limit", {}, "out_of_range"),  # no value
        ("set_power", {"value": float("nan")}, "out_of_range"),
    ],
)
def test_what_the_map_does_not_allow_never_leaves(
    name: str, values: dict[str, Any], code: str
) -> None:
    async def act(scene: Scene) -> None:
        outcome = await scene.order(name, **values)
        assert (outcome.state, outcome.code) == (State.INVALID, code)
        assert scene.writes == []

    on_a_bus(act)


def test_nothing_is_written_to_all_units_of_a_line() -> None:
    async def act(scene: Scene) -> None:
        outcome = await scene.order("set_limit", value=10.0)
        assert (outcome.state, outcome.code) == (State.INVALID, "broadcast")
        assert scene.writes == []

    on_a_bus(act, number=0)


def test_what_is_over_never_leaves() -> None:
    async def act(scene: Scene) -> None:
        outcome = await scene.order("set_limit", value=10.0, seconds=-0.1)
        assert outcome.state == State.EXPIRED
        assert scene.writes == []

    on_a_bus(act)


def test_an_order_that_becomes_too_old_behind_a_slow_one_never_leaves() -> None:
    async def act(scene: Scene) -> None:
        scene.answering.faults.late_seconds = 0.25
        slow = asyncio.create_task(scene.order("set_limit", value=10.0))
        late = asyncio.create_task(scene.order("set_limit", value=20.0, seconds=0.2))
        assert (await late).state == State.EXPIRED
        assert (await slow).state == State.DONE
        assert scene.writes == [(6, 100)]

    on_a_bus(act)


def test_a_device_that_keeps_another_value_is_told_of() -> None:
    class Clamping(Meter):
        def write_words(self, address: int, data: bytes) -> None:
            super().write_words(address, min(data, (300).to_bytes(2, "big")))

    async def act(scene: Scene) -> None:
        scene.meter.__class__ = Clamping
        outcome = await scene.order("set_limit", value=42.5)
        assert (outcome.state, outcome.code) == (State.ERROR, "read_back_differs")
        assert "[425]" in outcome.detail
        assert "[300]" in outcome.detail
        assert outcome.content == {}
        assert scene.writes == [(6, 100)]

    on_a_bus(act)


def test_a_refusal_is_told_with_its_code() -> None:
    async def act(scene: Scene) -> None:
        scene.answering.faults.exception = 4
        outcome = await scene.order("set_limit", value=1.0)
        assert (outcome.state, outcome.code) == (State.ERROR, "exception_4")
        assert scene.writes == [(6, 100)]

    on_a_bus(act)


@pytest.mark.parametrize("exception", [5, 11])
def test_a_gateway_that_heard_nothing_of_the_device_does_not_say_that_it_failed(
    exception: int,
) -> None:
    async def act(scene: Scene) -> None:
        scene.answering.faults.exception = exception
        outcome = await scene.order("set_limit", value=1.0)
        assert (outcome.state, outcome.code) == (State.ERROR, "unknown_outcome")
        assert scene.writes == [(6, 100)]

    on_a_bus(act)


def test_a_write_without_an_answer_is_not_repeated_but_looked_at() -> None:
    async def act(scene: Scene) -> None:
        keeps_still(scene.answering, answers=0)
        outcome = await scene.order("set_limit", value=42.5)
        assert outcome.state == State.DONE  # its register says that it was done
        assert scene.writes == [(6, 100)]

    on_a_bus(act)


def test_a_write_of_which_nobody_knows_is_an_unknown_outcome() -> None:
    async def act(scene: Scene) -> None:
        scene.answering.faults.is_silent = True
        outcome = await scene.order("set_limit", value=42.5)
        assert (outcome.state, outcome.code) == (State.ERROR, "unknown_outcome")
        await asyncio.sleep(1.0)
        assert scene.writes == [(6, 100)]

    on_a_bus(act)


def keeps_still(answering: Answering, *, answers: int) -> None:
    """Do writes, but answer only so many."""
    answer = answering.answer
    left = [answers]

    def quietly(unit: int, request: bytes) -> bytes | None:
        found = answer(unit, request)
        if request[0] in (5, 6, 15, 16):
            left[0] -= 1
            return found if left[0] >= 0 else None
        return found

    answering.answer = quietly  # type: ignore[method-assign]


def test_orders_to_a_bus_that_is_away_are_refused_as_not_done() -> None:
    async def run() -> None:
        with servers() as simulated:
            _answering, port = simulated.add({1: a_meter()})
            simulated.stop_all()
            await asyncio.sleep(0.1)
            unit = a_unit()
            async with polling.polling(a_bus(port, unit)) as (polled, buses):
                await until(lambda: polled.shared.notes.buses)
                outcome = await Scene(unit, a_meter(), _answering, buses[0]).order(
                    "set_limit", value=1.0
                )
                assert (outcome.state, outcome.code) == (State.ERROR, "not_connected")

    asyncio.run(run())


def test_switching_off_overrules_what_waits_to_be_switched_on() -> None:
    """An emergency stop that comes while a slow bus still has a start in its queue."""

    async def act(scene: Scene) -> None:
        poller = ModbusPoller(instance="test", deliver=lambda _readings: None)
        told: dict[str, Outcome] = {}
        poller._records.answer = (  # type: ignore[method-assign]
            lambda order, outcome: told.setdefault(order.name, outcome)
        )
        line = scene.bus.config.id
        poller._buses[line] = scene.bus
        soon = time.monotonic() + 10
        scene.answering.faults.late_seconds = 0.2
        on = an_order(scene.unit, "pump_on", effect="on", actuator="pump", line_id=line)
        off = an_order(scene.unit, "pump_off", effect="off", actuator="pump", line_id=line)
        limit = an_order(scene.unit, "set_limit", value=5.0, line_id=line)
        poller._order([(on, soon), (limit, soon)])
        poller._order([(off, soon)])
        await until(lambda: len(told) == 3)
        assert (told["pump_on"].state, told["pump_on"].code) == (State.ERROR, "overruled")
        assert told["pump_off"].state == State.DONE
        assert told["set_limit"].state == State.DONE  # another actuator
        assert scene.writes == [(5, 7), (6, 100)]  # what switches off goes first
        assert scene.meter.bits(1, 7, 1) == [False]

    on_a_bus(act)
