"""Commands leave over the wire of their device, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.command_states import State
from devices.models import ActuatorState, Device, ModbusBus, ModbusUnit, Wire
from devices.services import outbox
from devices.services.commands import Queued
from devices.services.emergency_stop import press_emergency_stop
from devices.services.wire_commands import answer_order, take_orders
from tests.commands.conftest import fresh
from tests.conftest import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def bus(red: Team, device: Device) -> ModbusBus:
    """The bus on which the device is unit 3."""
    with red.scope():
        found = ModbusBus.objects.create(site=device.site, name="Cabinet", host="192.168.7.9")
        ModbusUnit.objects.create(device=device, bus=found, unit_id=3)
    return found


@pytest.fixture
def pump_on(order: Callable[..., Queued]) -> Callable[..., Queued]:
    """Return a function that starts the pump now, by the clock of the database."""
    return lambda: order("pump_on", {"duration_s": 30}, now=outbox.database_now())


def take(bus: ModbusBus) -> list[Any]:
    return take_orders(wire=Wire.MODBUS, lines=[bus.id])


def test_the_broker_never_gets_a_command_of_a_bus(
    bus: ModbusBus, pump_on: Callable[..., Queued]
) -> None:
    pump_on()
    with transaction.atomic():
        assert outbox.take_messages(now=outbox.database_now(), limit=9) == []
    assert len(take(bus)) == 1


def test_a_command_is_sent_before_it_is_done_and_taken_once(
    bus: ModbusBus, device: Device, red: Team, pump_on: Callable[..., Queued]
) -> None:
    command = pump_on().command
    [taken] = take(bus)
    with red.scope():
        assert (taken.id, taken.device_id, taken.line_id) == (command.id, device.id, bus.id)
        assert taken.params == {"duration_s": 30}
        assert fresh(command).state == State.SENT
        assert take(bus) == []
        answer_order(
            order=taken, state=State.DONE, at=timezone.now(), content={"actuators": {"pump": True}}
        )
        assert fresh(command).state == State.DONE
        assert ActuatorState.objects.get(device=device, actuator="pump").is_on


@pytest.mark.parametrize("code", ["unknown_outcome", "read_back_differs", "no_answer"])
def test_what_was_perhaps_done_counts_as_running(
    code: str, bus: ModbusBus, device: Device, red: Team, pump_on: Callable[..., Queued]
) -> None:
    command = pump_on().command
    [taken] = take(bus)
    answer_order(order=taken, state=State.ERROR, at=timezone.now(), code=code, detail="Silent.")
    with red.scope():
        found = fresh(command)
        row = ActuatorState.objects.get(device=device, actuator="pump")
    assert (found.state, found.code, found.detail) == (State.TIMEOUT, code, "Silent.")
    assert row.is_commanded_on
    assert row.deadline is not None


def test_what_was_refused_does_not_run(
    bus: ModbusBus, device: Device, red: Team, pump_on: Callable[..., Queued]
) -> None:
    pump_on()
    [taken] = take(bus)
    answer_order(order=taken, state=State.ERROR, at=timezone.now(), code="exception_4")
    with red.scope():
        row = ActuatorState.objects.get(device=device, actuator="pump")
    assert (row.is_commanded_on, row.deadline) == (False, None)


def test_a_failure_keeps_its_code(
    bus: ModbusBus, red: Team, pump_on: Callable[..., Queued]
) -> None:
    command = pump_on().command
    [taken] = take(bus)
    answer_order(
        order=taken, state=State.ERROR, at=timezone.now(), code="exception_4",
        detail="It refused.",
    )  # fmt: skip
    with red.scope():
        command = fresh(command)
    assert (command.state, command.code) == ("error", "exception_4")
    assert command.detail == "It refused."


def test_other_lines_and_an_emergency_stop_hold_it_back(
    bus: ModbusBus, device: Device, red: Team, pump_on: Callable[..., Queued]
) -> None:
    command = pump_on().command
    assert take_orders(wire=Wire.MODBUS, lines=[device.id]) == []
    assert take_orders(wire=Wire.SERIAL, lines=[bus.id]) == []
    with red.scope():
        press_emergency_stop(
            actor=red.operator, target=device, reason="Test", now=outbox.database_now()
        )
    taken = take(bus)
    with all_tenants():
        assert fresh(command).state == State.CANCELLED
    assert command.id not in [one.id for one in taken]
    assert all(one.effect == "off" or one.value == 0 for one in taken)
