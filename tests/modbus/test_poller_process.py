"""The poller as a process: frozen meters, kills, an orderly end, two copies, a serial port."""

from __future__ import annotations

import signal
import struct
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from devices.command_states import State
from devices.modbus.types import pack_words
from devices.models import ActuatorState, Command, Device, ModbusBus
from devices.services import outbox
from devices.services.commands import queue_command
from devices.wires.modbus.questions import Question, Reply, ask
from tests.conftest import Team
from tests.modbus.polling import a_meter, servers
from tests.modbus.processes import Processes, Wired, readings_of
from tests.pace import assert_within

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def processes(tmp_path: Path, redis: Redis) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.close()


@pytest.fixture
def wired(red: Team) -> Wired:
    return Wired(red)


def stamps(device: Device) -> list[int]:
    return [message["ts"] for message in readings_of(device)]


def test_a_frozen_meter_delays_no_other(processes: Processes, wired: Wired) -> None:
    """F43."""
    with servers() as simulated:
        frozen, [frozen_port] = processes.simulator("--profile", "abb-b23")
        _answering, port = simulated.add({1: a_meter()})
        silent_bus, bus = wired.add_bus(port=frozen_port), wired.add_bus(port=port)
        rows = [{"metric": "voltage_l1", "address": 23296, "type": "uint32"}]
        silent = wired.add_meter(silent_bus, register_map={"registers": rows})
        meter = wired.add_meter(bus)
        processes.poller()
        processes.wait_until(lambda: readings_of(silent) and readings_of(meter))

        frozen.send_signal(signal.SIGSTOP)
        frozen_at = time.time()
        processes.wait_until(lambda: wired.state_of(silent) == "stale", "it is noticed")
        processes.wait_until(lambda: stamps(meter)[-1] > (frozen_at + 6) * 1e6)

        during = [at / 1e6 for at in stamps(meter) if at > frozen_at * 1e6]
        gaps = [after - before for before, after in zip(during, during[1:], strict=False)]
        assert len(during) >= 0.9 * (during[-1] - during[0]) / 0.2
        # each probe of the frozen one lasts 0.3 s; none of that is seen here
        assert sorted(gaps)[int(0.95 * len(gaps))] < 0.3
        frozen.send_signal(signal.SIGCONT)
        processes.wait_until(lambda: wired.state_of(silent) == "online", "it came back")


def test_a_poller_that_was_killed_goes_on_without_a_reading_twice(
    processes: Processes, wired: Wired
) -> None:
    with servers() as simulated:
        _answering, port = simulated.add({1: a_meter()})
        meter = wired.add_meter(wired.add_bus(port=port))
        first = processes.poller()
        processes.wait_until(lambda: len(readings_of(meter)) > 5)

        first.kill()
        first.wait()
        before = len(readings_of(meter))
        processes.poller()
        processes.wait_until(lambda: len(readings_of(meter)) > before + 5, "polling goes on")

        found = stamps(meter)
        assert len(set(found)) == len(found)
        counted = [message["values"]["energy_import"] for message in readings_of(meter)]
        assert counted == sorted(counted)


def test_sigterm_in_mid_frame_ends_within_ten_seconds(processes: Processes, wired: Wired) -> None:
    with servers() as simulated:
        answering, port = simulated.add({1: a_meter()})
        bus = wired.add_bus(port=port, timeout_ms=30_000)
        meter = wired.add_meter(bus)
        poller = processes.poller()
        processes.wait_until(lambda: readings_of(meter))
        answering.faults.late_seconds = 1.5
        time.sleep(0.5)  # a frame is on its way
        requests, before = answering.seen.requests, len(readings_of(meter))

        began = time.monotonic()
        poller.send_signal(signal.SIGTERM)
        assert poller.wait(60) == 0
        assert_within(time.monotonic() - began, 10.0)
        assert answering.seen.requests <= requests + 1
        assert len(readings_of(meter)) > before  # the answer that was on its way


def test_a_second_copy_stands_by_and_takes_over(processes: Processes, wired: Wired) -> None:
    with servers() as simulated:
        answering, port = simulated.add({1: a_meter()})
        meter = wired.add_meter(wired.add_bus(port=port))
        first = processes.poller()
        processes.wait_until(lambda: readings_of(meter))
        processes.poller()
        processes.wait_until(lambda: "Standing by" in processes.log.read_text())
        assert answering.seen.connections == 1

        first.kill()
        first.wait()
        processes.wait_until(lambda: answering.seen.connections == 2, "the other takes over")


def test_a_command_is_written_read_back_and_told(
    processes: Processes, wired: Wired, red: Team
) -> None:
    with servers() as simulated:
        answering, port = simulated.add({1: a_meter()})
        meter = wired.add_meter(wired.add_bus(port=port))
        processes.poller()
        processes.wait_until(lambda: readings_of(meter))

        def order(percent: float) -> Command:
            with red.scope():
                return queue_command(
                    actor=red.operator, device=meter, name="set_limit",
                    params={"percent": percent}, idempotency_key=uuid.uuid4().hex,
                    now=outbox.database_now(),
                ).command  # fmt: skip

        def ended(command: Command) -> Command | None:
            with red.scope():
                command.refresh_from_db()
            return command if command.state not in {State.QUEUED, State.SENT} else None

        command = order(42.5)
        done = processes.wait_until(lambda: ended(command), "an answer")
        assert (done.state, done.code) == (State.DONE, "")
        assert [function for _unit, function, _data in answering.seen.writes] == [6]
        with red.scope():
            state = ActuatorState.objects.get(device=meter, actuator="limit")
        assert (state.is_on, state.value) == (True, 42.5)

        refused = order(100.5)
        assert processes.wait_until(lambda: ended(refused)).state == State.INVALID
        assert len(answering.seen.writes) == 1


def test_a_serial_port_has_one_owner_who_is_named(
    processes: Processes, wired: Wired, red: Team, tmp_path: Path
) -> None:
    link = tmp_path / "meters"
    processes.simulator("--profile", "eastron-sdm120", "--units", "2", "--pty", str(link))
    kind = {"kind": "rtu", "serial_port": str(link), "baudrate": 115_200, "host": ""}
    gaps = {"unit_gap_ms": 5, "request_gap_ms": 5}
    bus = wired.add_bus(**kind, **gaps)
    wired.profile.register_map = {
        "function": 4,
        "registers": [
            {"metric": "voltage_l1", "address": 0, "type": "float32", "unit": "V"},
            {"metric": "power_active_total", "address": 12, "type": "float32", "unit": "W"},
        ],
    }
    wired.profile.save()
    meters = [wired.add_meter(bus, number) for number in (1, 2)]
    processes.poller("1")
    processes.wait_until(lambda: all(readings_of(meter) for meter in meters))

    other = wired.add_bus(poller="2", **kind)
    wired.add_meter(other, 1)
    processes.poller("2")
    processes.wait_until(lambda: wired.state_of(other) == "offline", "the second is refused")
    with red.scope():
        held = ModbusBus.objects.get(id=other.id)
    assert held.state_code == "port_held"
    assert "run_modbus_poller" in held.state_detail


def test_who_looks_at_registers_asks_the_process_that_owns_the_bus(
    processes: Processes, wired: Wired
) -> None:
    with servers() as simulated:
        answering, port = simulated.add({1: a_meter()})
        bus = wired.add_bus(port=port)
        meter = wired.add_meter(bus)
        processes.poller()
        processes.wait_until(lambda: readings_of(meter))

        def asked(**values: Any) -> Reply:
            given = {"bus_id": bus.id, "unit": 1, "function": 3, "address": 2, "count": 2}
            expires_at = time.time() + 5
            return ask(Question(**(given | values), expires_at=expires_at), poller="1")

        assert struct.unpack(">f", pack_words(asked().words))[0] == pytest.approx(230, abs=20)
        assert (asked(address=900).error, asked(address=900).code) == ("refused", 2)
        assert asked(bus_id=uuid.uuid4()).error == "unknown_bus"
        assert answering.seen.connections == 1
