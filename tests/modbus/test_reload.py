"""What staff change is taken up while everything else goes on; loading costs the same for 500."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from devices.models import Lifecycle, ModbusBus, ModbusUnit
from devices.queries_modbus import load_buses, read_change_marks
from devices.simulators.modbus_server import Bus as Answering
from tests.conftest import Team
from tests.modbus.polling import MAP, a_meter, servers
from tests.modbus.processes import Processes, Wired, readings_of


@pytest.fixture
def wired(red: Team) -> Wired:
    return Wired(red)


@pytest.fixture
def processes(tmp_path: Path, redis: Redis) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.close()


@pytest.mark.django_db(transaction=True)
def test_a_change_is_taken_up_and_others_notice_nothing(
    processes: Processes, wired: Wired, red: Team
) -> None:
    with servers() as simulated:
        steady, port = simulated.add({1: a_meter(), 2: a_meter()})
        other, other_port = simulated.add({1: a_meter()})
        bus = wired.add_bus(port=port)
        meter = wired.add_meter(bus)
        processes.poller()
        processes.wait_until(lambda: readings_of(meter))

        second = wired.add_meter(bus, 2)
        processes.wait_until(lambda: readings_of(second), "a new unit is read")
        new_bus = wired.add_bus(port=other_port)
        third = wired.add_meter(new_bus)
        processes.wait_until(lambda: readings_of(third), "a new bus is read")

        with red.scope():
            unit = ModbusUnit.objects.get(device=third)
            unit.register_map = {**MAP, "registers": MAP["registers"][:1]}
            unit.save()
        processes.wait_until(
            lambda: set(readings_of(third)[-1]["values"]) == {"power_active_total"},
            "another map",
        )
        with red.scope():
            ModbusBus.objects.filter(id=new_bus.id).update(is_enabled=False)
        processes.wait_until(lambda: is_quiet(other), "it is switched off")

        assert steady.seen.connections == 1
        stamps = [message["ts"] / 1e6 for message in readings_of(meter)]
        gaps = [after - before for before, after in zip(stamps, stamps[1:], strict=False)]
        assert sorted(gaps)[len(gaps) // 2] < 0.3


def is_quiet(answering: Answering) -> bool:
    before = answering.seen.requests
    time.sleep(0.7)
    return answering.seen.requests == before


@pytest.mark.django_db
def test_500_units_load_with_as_many_queries_as_two(wired: Wired, red: Team) -> None:
    wired.add_meter(wired.add_bus(port=5001))
    with CaptureQueriesContext(connection) as few:
        assert len(load_buses(poller="1")) == 1
    for number in range(2, 40):
        wired.add_meter(wired.add_bus(port=5000 + number))
    with CaptureQueriesContext(connection) as many:
        found = load_buses(poller="1")
    assert len(found) == 39
    assert len(many) == len(few) == 3


@pytest.mark.django_db
def test_only_what_is_switched_on_and_mine_is_loaded(wired: Wired, red: Team) -> None:
    bus = wired.add_bus(port=5001)
    wired.add_meter(bus, 1)
    wired.add_meter(bus, 2, is_enabled=False)
    old = wired.add_meter(bus, 3)
    with red.scope():
        old.lifecycle = Lifecycle.DECOMMISSIONED
        old.save()
    wired.add_bus(port=5002, is_enabled=False)
    wired.add_bus(port=5003, poller="2")

    [found] = load_buses(poller="1").values()

    assert found.id == bus.id
    assert [unit.unit for unit in found.units] == [1]
    assert found.line.request_gap_seconds == 0.0


@pytest.mark.django_db
def test_a_line_gets_its_pauses(wired: Wired) -> None:
    wired.add_bus(kind="rtu", serial_port="/dev/ttyUSB0", host="")
    [found] = load_buses(poller="1").values()
    assert (found.line.request_gap_seconds, found.line.unit_gap_seconds) == (0.03, 0.2)


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["bus", "unit", "profile", "deleted"])
def test_each_change_changes_the_marks(wired: Wired, red: Team, what: str) -> None:
    bus = wired.add_bus(port=5001)
    meter = wired.add_meter(bus)
    before = read_change_marks()
    assert read_change_marks() == before
    with red.scope():
        unit = ModbusUnit.objects.get(device=meter)
        if what == "bus":
            bus.name = "Another"
            bus.save()
        elif what == "unit":
            unit.fast_seconds = 5
            unit.save()
        elif what == "profile":
            wired.profile.register_map = {"registers": []}
            wired.profile.save()
        else:
            unit.delete()
    assert read_change_marks() != before


@pytest.mark.django_db
def test_what_the_poller_notes_is_no_change(wired: Wired, red: Team) -> None:
    bus = wired.add_bus(port=5001)
    wired.add_meter(bus)
    before = read_change_marks()
    with red.scope():
        ModbusUnit.objects.update(state="online", identity={"serial": "1"})
        ModbusBus.objects.update(state="online")
    assert read_change_marks() == before
