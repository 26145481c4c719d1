"""Every shipped meter is read right from servers that this project did not write.

Each register gets a value; what it must come out as is worked out here, from the row alone,
without the code that decodes. mbpoll, written by others in C, reads the same servers.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pymodbus.datastore import ModbusServerContext, ModbusSimulatorContext
from pymodbus.server import ModbusTcpServer

from devices.builtin_profiles import builtin_profiles
from devices.canonical import lookup
from devices.modbus.blocks import Block, Plan
from devices.modbus.client import BusAddress, Client, Refused, connect
from devices.modbus.decoding import Decoded
from devices.modbus.maps import RegisterMap, read_map
from tests.modbus.foreign_servers import ServedAt, running, served
from tests.wire_programs import require_program
from tools.wire_programs import find_wire_program

REALDATA = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[3] / "shared/realdata"))
RECORDED = REALDATA / "modbus" / "meters.json"
SIMULATED = REALDATA / "modbus" / "sim.json"

METERS = (
    "abb-b23", "carlo-gavazzi-em24", "carlo-gavazzi-em24-e1", "eastron-sdm120", "eastron-sdm630",
    "janitza-umg", "schneider-iem3000", "schneider-pm5100", "siemens-pac2200",
)  # fmt: skip
UNITS = {key: number for number, key in enumerate(METERS, 1)}
# of the nine, those of Carlo Gavazzi put the low word first
LOW_WORD_FIRST = {"carlo-gavazzi-em24", "carlo-gavazzi-em24-e1"}
CODES = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
         "float32": "f", "float64": "d"}  # fmt: skip


def address_of(meters: ServedAt, way: str) -> BusAddress:
    """Return the way to the meters; skip the test, loudly, where it cannot be had."""
    address = getattr(meters, way)
    if address is None:
        require_program("socat")
    return address


def rows_of(key: str) -> list[dict[str, Any]]:
    return builtin_profiles()[key].register_map["registers"]


def raw_of(row: dict[str, Any], place: int) -> int | float:
    """Return a number that the type holds exactly, other for each row, some below zero."""
    if row["type"].startswith("float"):
        return (100 + place * 1.375) * (-1 if place % 5 == 3 else 1)
    number = 2301 + 97 * place
    if row["type"].endswith("64"):
        number += 12_345_678_901
    return -number if row["type"].startswith("int") and place % 5 == 3 else number


def words_of(key: str, row: dict[str, Any], raw: float) -> list[int]:
    data = struct.pack(f">{CODES[row['type']]}", raw)
    words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
    return words[::-1] if key in LOW_WORD_FIRST else words


def registers_of(key: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for place, row in enumerate(rows_of(key)):
        for at, word in enumerate(words_of(key, row, raw_of(row, place))):
            assert row["address"] + at not in found
            found[row["address"] + at] = word
    return found


def filled(key: str) -> dict[int, int]:
    """The registers, and zeros in the gaps that real meters answer too."""
    registers = registers_of(key)
    found = read_map(builtin_profiles()[key].register_map)
    gaps = {
        at: 0
        for start in registers
        for at in range(start, start + found.max_gap + 1)
        if at < max(registers)
    }
    return gaps | registers


def expected(key: str) -> dict[str, float]:
    return {
        row["metric"]: float(Decimal(str(raw_of(row, place))) * Decimal(str(row.get("scale", 1))))
        for place, row in enumerate(rows_of(key))
    }


@pytest.fixture(scope="module")
def meters(tmp_path_factory) -> Iterator[ServedAt]:
    """All nine as units of one bus, reached in three ways; without socat in two."""
    try:
        find_wire_program("socat")
        folder = tmp_path_factory.mktemp("line")
    except RuntimeError:
        folder = None
    with served({UNITS[key]: filled(key) for key in METERS}, folder=folder) as found:
        yield found


async def read_meter(client: Client, unit: int, found: RegisterMap) -> Decoded:
    """Read all registers, in smaller blocks where the meter refuses."""
    plan = Plan(found.registers, max_block=found.max_block, max_gap=found.max_gap)
    decoded: dict[Block, Decoded] = {}
    while waiting := [block for block in plan.blocks if block not in decoded]:
        block = waiting[0]
        try:
            data = await client.read_data(unit, block.function, block.address, block.count)
        except Refused as error:
            assert error.code == 2, error
            plan.refuse(block)
        else:
            decoded[block] = block.decode(data)
    values = Decoded()
    for part in decoded.values():
        values.add(part)
    return values


@pytest.mark.parametrize("way", ["tcp", "rtu_over_tcp", "serial"])
@pytest.mark.parametrize("key", METERS)
async def test_every_value_is_right_on_every_kind_of_wire(meters, key: str, way: str) -> None:
    client = await connect(address_of(meters, way), timeout=5)
    try:
        found = await read_meter(client, UNITS[key], read_map(builtin_profiles()[key].register_map))
    finally:
        await client.close()

    assert found.values == pytest.approx(expected(key), rel=1e-12)
    assert found.missing == {}


async def test_all_meters_of_a_line_are_read_in_turn(meters) -> None:
    """Their blocks have equal lengths here and there; none may get the other's."""
    client = await connect(address_of(meters, "serial"), timeout=5)
    try:
        for key in (*METERS, *reversed(METERS)):
            found = read_map(builtin_profiles()[key].register_map)
            values = (await read_meter(client, UNITS[key], found)).values
            assert values == pytest.approx(expected(key), rel=1e-12)
    finally:
        await client.close()


def ask_mbpoll(arguments: list[str], target: str) -> dict[int, str]:
    """Run mbpoll once; return what it shows by address."""
    mbpoll = require_program("mbpoll")
    argv = [str(mbpoll.path), "-0", "-1", "-q", *arguments, target]
    done = subprocess.run(argv, env=mbpoll.environment(), capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {int(at): shown.split()[0] for at, shown in
            re.findall(r"^\[(\d+)\]:\s+(.+)$", done.stdout, re.MULTILINE)}  # fmt: skip


def value_by_mbpoll(key: str, row: dict[str, Any], connection: list[str], target: str) -> Decimal:
    """Read one row with mbpoll: as float or number of 32 bits, else put together from words."""
    function = builtin_profiles()[key].register_map["function"]
    table = {3: "4", 4: "3"}[function]
    order = [] if key in LOW_WORD_FIRST else ["-B"]
    common = [*connection, "-a", str(UNITS[key]), "-r", str(row["address"])]
    kind = {"float32": "float", "int32": "int", "uint32": "int"}.get(row["type"])
    if kind:
        shown = ask_mbpoll([*common, "-c", "1", "-t", f"{table}:{kind}", *order], target)
        return Decimal(shown[row["address"]]) * Decimal(str(row.get("scale", 1)))
    count = struct.calcsize(CODES[row["type"]]) // 2
    shown = ask_mbpoll([*common, "-c", str(count), "-t", f"{table}:hex"], target)
    data = b"".join(int(shown[row["address"] + n], 16).to_bytes(2, "big") for n in range(count))
    [raw] = struct.unpack(f">{CODES[row['type']]}", data)
    return Decimal(str(raw)) * Decimal(str(row.get("scale", 1)))


@pytest.mark.parametrize("key", METERS)
async def test_mbpoll_reads_the_same(meters, key: str) -> None:
    connection = ["-m", "tcp", "-p", str(meters.tcp.port)]
    client = await connect(meters.tcp, timeout=5)
    try:
        found = await read_meter(client, UNITS[key], read_map(builtin_profiles()[key].register_map))
    finally:
        await client.close()
    probes = rows_of(key)[::3]  # each is a process; those between have the same types

    by_mbpoll = {
        row["metric"]: float(value_by_mbpoll(key, row, connection, meters.tcp.host))
        for row in probes
    }

    ours = {metric: found.values[metric] for metric in by_mbpoll}
    assert ours == pytest.approx(by_mbpoll, rel=1e-5)  # it shows six digits


async def test_mbpoll_reads_the_same_on_a_serial_line(meters) -> None:
    address = address_of(meters, "serial")
    connection = ["-m", "rtu", "-b", str(address.baudrate), "-P", "none"]
    key, row = "eastron-sdm120", rows_of("eastron-sdm120")[0]

    value = value_by_mbpoll(key, row, connection, address.serial_port)

    assert float(value) == expected(key)["voltage_l1"]


@pytest.mark.parametrize("key", METERS)
def test_the_units_of_a_map_are_those_of_its_channels(key: str) -> None:
    """What a row gives in its unit is what the channel of its metric expects."""
    profile = builtin_profiles()[key]
    rows = rows_of(key)

    assert [row["metric"] for row in rows] == list(profile.metrics)
    for row in rows:
        template = lookup(row["metric"])
        assert template is not None, row["metric"]
        assert row.get("unit", "1") == template.source_unit, row["metric"]


@pytest.mark.parametrize("key", METERS)
def test_every_meter_can_be_recognised(key: str) -> None:
    probe = read_map(builtin_profiles()[key].register_map).probe

    assert probe is not None
    assert (probe.metric, probe.minimum, probe.maximum) == ("voltage_l1", 80, 300)


def recorded(meter: str) -> dict[str, Any]:
    return json.loads(RECORDED.read_text())[meter]


def row_at(address: int) -> str:
    return next(row["metric"] for row in rows_of("eastron-sdm630") if row["address"] == address)


def expected_sdm630() -> dict[str, float]:
    return {row_at(each["addr"]): each["value"] for each in recorded("sdm630")["expect"]}


def map_of_dtsu666() -> RegisterMap:
    """A map of somebody's own, from what the recording says of its registers."""
    rows = []
    for each in recorded("dtsu666")["expect"]:
        factor = int(each["encoding"].rpartition("*")[2])
        rows.append({"metric": each["name"], "address": each["addr"], "type": "float32",
                     "scale": 1 / factor})  # fmt: skip
    return read_map({"function": recorded("dtsu666")["fc"], "registers": rows, "max_gap": 20})


needs_recordings = pytest.mark.skipif(
    not RECORDED.exists(), reason=f"no recorded registers at {RECORDED}: set REALDATA_DIR"
)


@needs_recordings
async def test_a_recorded_meter_that_refuses_gaps_is_read_in_smaller_blocks() -> None:
    registers = {int(at): word for at, word in recorded("sdm630")["registers"].items()}
    found = read_map(builtin_profiles()["eastron-sdm630"].register_map)
    with served({1: registers}) as at:
        client = await connect(at.tcp, timeout=5)
        try:
            decoded = await read_meter(client, 1, found)
        finally:
            await client.close()

    assert decoded.values == pytest.approx(expected_sdm630(), rel=1e-6)


@needs_recordings
async def test_a_recorded_meter_is_read_with_a_map_of_ones_own() -> None:
    registers = {int(at): word for at, word in recorded("dtsu666")["registers"].items()}
    with served({1: registers}) as at:
        client = await connect(at.rtu_over_tcp, timeout=5)
        try:
            decoded = await read_meter(client, 1, map_of_dtsu666())
        finally:
            await client.close()

    expected = {each["name"]: each["value"] for each in recorded("dtsu666")["expect"]}
    assert decoded.values == pytest.approx(expected, rel=1e-6)


@needs_recordings
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("meter", ["sdm630", "dtsu666"])
async def test_the_simulator_of_pymodbus_is_read_with_its_own_setup(meter: str) -> None:
    setup = json.loads(SIMULATED.read_text())["device_list"][meter]

    async def start() -> list[Any]:
        context = ModbusServerContext(devices=ModbusSimulatorContext(setup, None), single=True)
        return [ModbusTcpServer(context, address=("127.0.0.1", 0))]

    found = read_map(builtin_profiles()["eastron-sdm630"].register_map)
    wanted = expected_sdm630()
    if meter == "dtsu666":
        found = map_of_dtsu666()
        wanted = {each["name"]: each["value"] for each in recorded(meter)["expect"]}
    with running(start) as [server]:
        port = server.transport.sockets[0].getsockname()[1]
        client = await connect(BusAddress.tcp("127.0.0.1", port), timeout=5)
        try:
            values = (await read_meter(client, 1, found)).values
        finally:
            await client.close()

    assert {metric: values[metric] for metric in wanted} == pytest.approx(wanted, rel=1e-6)
