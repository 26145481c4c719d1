"""The simulated charging point as a program, and its meter."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from devices.simulators.evse_hardware import Hardware
from devices.simulators.evse_meter import IMPORT, TOTAL_POWER, Meter, answer, registers_of
from devices.simulators.evse_wire import LineFaults
from tests.serial.rig import Ear, charger, wait_until
from tools.paths import ROOT


def read(port: int, address: int) -> float:
    """Read a float with a client of others."""
    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect()
    try:
        found = client.read_input_registers(address, count=2, device_id=1)
        assert not found.isError()
        return float(client.convert_from_registers(found.registers, client.DATATYPE.FLOAT32))
    finally:
        client.close()


def test_the_register_rises_with_what_flows(tmp_path: Path) -> None:
    port = tmp_path / "charger"
    with charger(port, speed=100.0) as evse, Ear(str(port)) as ear:
        meter = evse.serve_meter(0)
        evse.tell("plug")
        ear.wait_for_state(3)
        assert read(meter, TOTAL_POWER) == 0
        assert ear.do("charge_start").verdict == "done"
        wait_until(lambda: read(meter, IMPORT) > 0.05, "energy")
        assert read(meter, TOTAL_POWER) == pytest.approx(16 * 230 * 3)
        ear.link.stop()  # nobody listens, and it charges on
        before = read(meter, IMPORT)
        time.sleep(0.3)
        assert read(meter, IMPORT) > before


def test_a_limit_is_what_flows() -> None:
    hardware = Hardware(is_relay_on=True)
    hardware.plug_in(cable_amps=20)
    hardware.vehicle.max_amps = 32
    for offered, flows in ((0, 0), (5, 0), (6, 6), (16, 16), (32, 20)):
        hardware.offered_amps = offered
        assert hardware.amps == flows
    hardware.pass_time(3600)
    assert registers_of(hardware, start_kwh=5)[IMPORT] == pytest.approx(5 + 20 * 230 * 3 / 1000)


@pytest.mark.parametrize(
    ("request_", "code"),
    [("040001007e", 2), ("0401ff0002", 2), ("0600000001", 1), ("0400000000", 2)],
)
def test_what_the_meter_does_not_have_is_an_exception(request_: str, code: int) -> None:
    head = bytes.fromhex("000700000006" + "01")
    told = answer(head + bytes.fromhex(request_), {})
    assert told[:2] == b"\x00\x07"
    assert told[7] & 0x80
    assert told[8] == code


def test_faults_are_the_same_for_the_same_seed() -> None:
    def spoiled() -> list[bytes]:
        faults = LineFaults(split=0.5, noise=0.5, lose=0.2, twice=0.2, swap=0.2)
        return [piece for number in range(50) for piece in faults.spoil(b"<%d>" % number)]

    assert spoiled() == spoiled()
    assert b"".join(spoiled()) != b"".join(b"<%d>" % number for number in range(50))


def test_as_a_program_it_obeys_and_remembers_its_meter(tmp_path: Path) -> None:
    control, state = tmp_path / "control", tmp_path / "state.json"
    state.write_text(json.dumps({"kwh": 1000.5}))
    command = [
        sys.executable, "-m", "devices.simulators", "evse", "--link", str(tmp_path / "line"),
        "--speed", "50", "--control", str(control), "--state", str(state), "--meter-port", "0",
    ]  # fmt: skip
    program = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        with Ear(str(tmp_path / "line")) as ear:
            ear.wait_online()
            control.write_text("plug\n")
            ear.wait_for_state(3)
            assert ear.do("charge_start").verdict == "done"
            ear.wait_for_state(5)
            assert program.stdin is not None
            program.stdin.write("full\n")
            program.stdin.flush()
            ear.wait_for_state(6)
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0
        program.communicate()
    assert json.loads(state.read_text())["kwh"] > 1000.5
    assert not (tmp_path / "line").exists()


def test_the_meter_listens_where_it_was_told() -> None:
    meter = Meter(0, lambda: {IMPORT: 12.5})
    try:
        assert read(meter.port, IMPORT) == 12.5
    finally:
        meter.close()
