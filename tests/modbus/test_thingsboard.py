"""Registers of a ThingsBoard gateway are taken over; what cannot be is listed with a reason."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.modbus.blocks import plan_blocks
from devices.modbus.client import BusAddress
from devices.modbus.maps import ENERGY, IDENTITY, POWER, read_map
from devices.modbus.thingsboard import NotThingsBoard, import_thingsboard

SLAVE = {
    "host": "10.0.0.9", "port": 5021, "type": "tcp", "method": "socket", "unitId": 3,
    "deviceName": "Chiller", "deviceType": "hvac", "timeout": 35, "byteOrder": "BIG",
    "wordOrder": "LITTLE", "pollPeriod": 1000,
    "attributes": [
        {"tag": "model", "type": "string", "functionCode": 3, "objectsCount": 4, "address": 100},
        {"tag": "ratio", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": 8},
    ],
    "timeseries": [
        {"tag": "power", "type": "32int", "functionCode": 3, "objectsCount": 2, "address": 0,
         "divider": 10},
        {"tag": "flow", "type": "float", "functionCode": 4, "objectsCount": 2, "address": 20,
         "multiplier": 3.6, "wordOrder": "BIG"},
        {"tag": "old", "type": "16int", "functionCode": 3, "address": 6, "divider": 100,
         "multiplier": 5, "byteOrder": "LITTLE"},
        {"tag": "alarm", "type": "bits", "functionCode": 3, "objectsCount": 1, "address": 9,
         "bit": 3},
        {"tag": "relay", "type": "bits", "functionCode": 1, "objectsCount": 1, "address": 1},
        {"tag": "inputs", "type": "bits", "functionCode": 2, "objectsCount": 3, "address": 4},
        {"tag": "half", "type": "16float", "functionCode": 3, "objectsCount": 1, "address": 30},
        {"tag": "same", "type": "16int", "functionCode": 3, "objectsCount": 1, "address": 1},
        {"tag": "power", "type": "16int", "functionCode": 3, "objectsCount": 1, "address": 40},
        {"type": "16int", "functionCode": 3, "objectsCount": 1, "address": 41},
    ],
    "attributeUpdates": [
        {"tag": "setpoint", "type": "16int", "functionCode": 6, "objectsCount": 1, "address": 50},
    ],
    "rpc": [
        {"tag": "setRelay", "type": "bits", "functionCode": 5, "objectsCount": 1, "address": 1},
        {"tag": "getRelay", "type": "bits", "functionCode": 1, "objectsCount": 1, "address": 1},
    ],
}  # fmt: skip


def test_takes_over_what_it_can_and_says_why_not_the_rest() -> None:
    [found] = import_thingsboard(json.dumps({"master": {"slaves": [SLAVE]}, "slave": {}}))

    assert (found.name, found.device_type, found.unit_id) == ("Chiller", "hvac", 3)
    assert found.address == BusAddress.tcp("10.0.0.9", 5021)
    assert (found.timeout_seconds, found.fast_seconds, found.slow_seconds) == (30, 1, 1)
    assert {skipped.where: skipped.reason for skipped in found.skipped} == {
        "Chiller, timeseries half": "type '16float' is not supported",
        "Chiller, timeseries same": "its registers overlap with those of power",
        "Chiller, timeseries power": "power stands there twice",
        "Chiller, timeseries 10": "has no tag that could be a name",
        "Chiller, attributeUpdates setpoint":
            "has no limits: add it to writes by hand with min and max",
        "Chiller, rpc getRelay": "is not a write of a single bit; what is read is polled",
    }  # fmt: skip


def test_what_was_taken_over_is_read_as_there() -> None:
    [found] = import_thingsboard(json.dumps({"slaves": [SLAVE]}))
    read = read_map(found.register_map)
    rows = {row.metric: row for row in read.registers}

    assert {name: row.rate for name, row in rows.items()} == {
        "model": IDENTITY, "ratio": ENERGY, "power": POWER, "flow": POWER, "old": POWER,
        "alarm": POWER, "relay": POWER, "inputs_0": POWER, "inputs_1": POWER, "inputs_2": POWER,
    }  # fmt: skip
    assert [rows[f"inputs_{n}"].address for n in range(3)] == [4, 5, 6]
    words = {0: 0xE240, 1: 0x0001, 6: 0x6400, 8: 40, 9: 0b1000}
    [holding] = [block for block in plan_blocks([rows[n] for n in ("power", "old", "alarm")],
                                                max_block=20, max_gap=9)]  # fmt: skip
    data = b"".join(struct.pack(">H", words.get(at, 0)) for at in range(10))
    assert holding.decode(data).values == {"power": 12345.6, "old": 5.0, "alarm": 1}
    [flow] = plan_blocks([rows["flow"]], max_block=20, max_gap=0)
    assert flow.decode(struct.pack(">f", 2.5)).values == {"flow": 9.0}
    relay = read.write_of("setRelay")
    assert relay is not None
    assert [(one.function, one.address, one.values) for one in relay.requests(1)] == [(5, 1, (1,))]


def test_orders_left_out_are_little_as_in_the_gateway() -> None:
    item = {"tag": "x", "type": "32uint", "functionCode": 3, "objectsCount": 2, "address": 0}

    [found] = import_thingsboard(json.dumps({"slaves": [{"timeseries": [item]}]}))

    assert found.register_map["registers"][0]["order"] == "DCBA"


def test_the_oldest_form_has_its_devices_below_the_server() -> None:
    found = import_thingsboard(json.dumps({"server": {
        "type": "tcp", "host": "10.1.1.1", "port": 26, "method": "rtu", "byteOrder": "BIG",
        "timeout": 2, "devices": [
            {"unitId": 1, "deviceName": "A", "timeseriesPollPeriod": 10_000,
             "attributesPollPeriod": 600_000, "timeseries": [
                {"tag": "L1", "type": "32float", "functionCode": 3, "objectsCount": 2,
                 "address": 14, "wordOrder": "BIG"}]},
            {"unitId": 2, "deviceName": "B"},
        ]}}))  # fmt: skip

    assert [(each.name, each.unit_id) for each in found] == [("A", 1), ("B", 2)]
    assert {each.address for each in found} == {BusAddress.rtu_over_tcp("10.1.1.1", 26)}
    assert (found[0].fast_seconds, found[0].slow_seconds) == (10, 600)
    assert found[0].register_map["registers"][0]["order"] == "ABCD"


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        ({"type": "serial", "method": "rtu", "port": "/dev/ttyUSB0", "baudrate": 19200,
          "parity": "E", "stopbits": 2}, BusAddress.rtu("/dev/ttyUSB0", 19200, "E", 2)),
        ({"type": "serial", "method": "ascii", "port": "/dev/ttyUSB0"}, None),
        ({"type": "serial", "method": "rtu", "port": "/dev/ttyUSB0", "bytesize": 7}, None),
        ({"type": "udp", "host": "10.0.0.1"}, None),
        ({"type": "tcp", "host": "10.0.0.1", "port": 99_999}, None),
        ({"type": "tcp", "host": "10.0.0.1"}, BusAddress.tcp("10.0.0.1", 502)),
    ],
)  # fmt: skip
def test_connections(connection, address) -> None:
    [found] = import_thingsboard(json.dumps({"slaves": [connection]}))

    assert found.address == address
    assert bool(found.skipped) == (address is None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '{"slaves": []}', "[" * 100_000])
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(NotThingsBoard):
        import_thingsboard(text)


LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 70_000), st.floats(), st.text(max_size=8),
    st.sampled_from(["16int", "32uint", "64float", "string", "bits", "int", "BIG", "rtu", "0x10"]),
)  # fmt: skip
KEYS = ("tag", "type", "functionCode", "objectsCount", "address", "divider", "multiplier", "bit",
        "byteOrder", "wordOrder")  # fmt: skip
ITEM = st.one_of(LEAF, st.dictionaries(st.sampled_from(KEYS), LEAF)) | st.fixed_dictionaries({
    "tag": st.sampled_from(["a", "b", "c", "d"]), "functionCode": st.integers(0, 7),
    "type": st.sampled_from(["16int", "32uint", "64float", "string", "bits", "double", "8int"]),
    "objectsCount": st.integers(0, 5), "address": st.integers(0, 30) | st.just(65535),
})  # fmt: skip
LISTS = ("timeseries", "attributes", "rpc", "attributeUpdates")
FACTS = ("unitId", "deviceName", "timeout", "pollPeriod", "type", "method", "port", "baudrate",
         "parity", "stopbits", "bytesize")  # fmt: skip
SLAVES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(LISTS, LEAF | st.lists(ITEM, max_size=8)) | dict.fromkeys(FACTS, LEAF),
)  # fmt: skip


@given(st.lists(LEAF | SLAVES, max_size=4))
def test_whatever_the_file_holds_comes_out_as_maps_that_can_be_read(slaves) -> None:
    try:
        found = import_thingsboard(json.dumps({"master": {"slaves": slaves}}))
    except NotThingsBoard:
        return

    for slave in found:
        read_map(slave.register_map)
        assert 0 <= slave.unit_id <= 255
        assert 0.2 <= slave.fast_seconds <= 86_400
        assert 0.05 <= slave.timeout_seconds <= 30
