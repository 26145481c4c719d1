"""Whatever a line does to answers, none is taken for that of another address."""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import socket
from collections import Counter
from pathlib import Path

import pytest

from devices.modbus.client import BusAddress, Client, Lengths, ModbusError, NoAnswer, connect
from devices.modbus.frames import rtu_frame
from devices.modbus.lengths import Read
from devices.modbus.wires import RtuWire
from tests.modbus import virtual_time
from tests.modbus.faulty_line import FaultyLine, value_of

POLLS = 10_000
FAULTS = {
    "right": 70, "late": 6, "lost": 4, "doubled": 5, "cut": 3, "wrong_unit": 2,
    "wrong_checksum": 3, "exception": 2, "noise": 3, "pieces": 2,
}  # fmt: skip
# three units, two functions, twelve blocks each, most of the same length
BLOCKS = [
    (unit, function, 100 * block, 20 if block < 9 else 6)
    for unit in (1, 2, 3) for function in (3, 4) for block in range(12)
]  # fmt: skip


def expected(unit: int, function: int, address: int, count: int) -> list[int]:
    return [value_of(unit, function, at) for at in range(address, address + count)]


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def poll(client: Client, reads: list[tuple[int, int, int, int]], told: Counter[str]) -> None:
    for unit, function, address, count in reads:
        try:
            words = await client.read(unit, function, address, count)
        except ModbusError as error:
            told[type(error).__name__] += 1
        else:
            right = words == expected(unit, function, address, count)
            told["right" if right else "MISATTRIBUTED"] += 1


async def poll_faulty(seed: int, latest: float, lengths: Lengths) -> Counter[str]:
    """Ask a faulty line POLLS times in random order; an answer may be `latest` seconds late."""
    here, there = socket.socketpair()
    here.setblocking(False)
    line = FaultyLine(FAULTS, seed=seed, latest=latest, usual=0.6, end=there)
    wire = RtuWire(silence=0.002, lengths=lengths)
    await asyncio.get_running_loop().create_connection(lambda: wire, sock=here)
    client = Client(wire, timeout=1.0)
    told: Counter[str] = Counter()
    try:
        await poll(client, random.Random(seed).choices(BLOCKS, k=POLLS), told)
    finally:
        await client.close()
        line.close()
    assert min(line.seen[name] for name in FAULTS) > POLLS / 100, line.seen
    return told


@pytest.mark.parametrize("latest", [3, 60, 86_400])
@pytest.mark.parametrize("seed", [1, 2])
def test_none_of_ten_thousand_polls_is_misattributed(seed: int, latest: float) -> None:
    told = virtual_time.run(poll_faulty(seed, latest, Lengths()))

    assert told["MISATTRIBUTED"] == 0
    assert told.total() == POLLS
    assert told["right"] > POLLS * 0.75, told


def test_the_same_line_misleads_who_does_not_mind_lengths() -> None:
    """That is what the test above would see if the client had no rule."""

    class NoRule(Lengths):
        def choose(self, wanted: Read, now: float) -> Read:
            super().choose(wanted, now)
            return wanted

    told = virtual_time.run(poll_faulty(1, 3, NoRule()))

    assert told["MISATTRIBUTED"] > 10


def test_polling_a_faulty_line_takes_no_more_memory_with_time() -> None:
    lengths = Lengths()
    virtual_time.run(poll_faulty(3, 60, lengths))
    before = resident_bytes()

    virtual_time.run(poll_faulty(4, 60, lengths))

    assert resident_bytes() - before < 4 << 20


async def test_a_real_port_with_the_same_faults() -> None:
    line = FaultyLine(FAULTS, latest=1.0)
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.02)
    told: Counter[str] = Counter()
    try:
        await poll(client, random.Random(5).choices(BLOCKS, k=600), told)
    finally:
        await client.close()
        line.close()

    assert told["MISATTRIBUTED"] == 0
    assert told["right"] > 300, told


async def test_the_late_answer_to_another_address_is_not_taken() -> None:
    """What pymodbus 3.16 returns here is address 0 as the value of address 10."""
    answers: list[bytes] = []

    def late_by_one(request: bytes) -> list[tuple[float, bytes]]:
        answers.append(line.answer(request))
        if len(answers) == 1:
            return []
        return [(0.0, answers[0]), (0.02, answers[-1])]

    line = FaultyLine({}, on_request=late_by_one)
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.2)
    try:
        with pytest.raises(NoAnswer):
            await client.read(1, 3, 0, 10)
        words = await client.read(1, 3, 10, 10)
    finally:
        await client.close()
        line.close()

    assert words == expected(1, 3, 10, 10)


async def test_what_is_late_by_a_connection_is_known_to_the_next() -> None:
    answers: list[bytes] = []

    def late(request: bytes) -> list[tuple[float, bytes]]:
        answers.append(line.answer(request))
        return [] if len(answers) == 1 else [(0.0, answers[0]), (0.0, answers[-1])]

    line = FaultyLine({}, on_request=late)
    first = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.05)
    with pytest.raises(NoAnswer):
        await first.read(1, 3, 0, 10)
    await first.close()
    second = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.5, lengths=first.lengths)
    try:
        words = await second.read(1, 3, 10, 10)
    finally:
        await second.close()
        line.close()

    assert words == expected(1, 3, 10, 10)


async def test_an_old_value_of_the_same_address_is_not_taken_for_a_new_one() -> None:
    """After a timeout the same registers are asked with another length."""

    def late(request: bytes) -> list[tuple[float, bytes]]:
        if len(line.requests) == 1:
            return []
        old = rtu_frame(1, bytes((3, 20)) + bytes(20))
        return [(0.0, old), (0.01, line.answer(request))]

    line = FaultyLine({}, on_request=late)
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.2)
    try:
        with pytest.raises(NoAnswer):
            await client.read(1, 3, 0, 10)
        words = await client.read(1, 3, 0, 10)
    finally:
        await client.close()
        line.close()

    assert words == expected(1, 3, 0, 10)


async def test_a_device_that_refuses_other_lengths_is_read_all_the_same() -> None:
    def strict(request: bytes) -> list[tuple[float, bytes]]:
        if request[4:6] == bytes((0, 10)):
            return [(0.0, line.answer(request))]
        return [(0.0, rtu_frame(request[0], bytes((request[1] | 0x80, 2))))]

    line = FaultyLine({}, on_request=strict)
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.5)
    try:
        found = [await client.read(1, 3, address, 10) for address in (0, 10, 20, 0, 10, 20)]
        requests = client.counts.requests
        again = [await client.read(1, 3, address, 10) for address in (0, 10, 20)]
    finally:
        await client.close()
        line.close()

    assert found == [expected(1, 3, address, 10) for address in (0, 10, 20)] * 2
    assert again == found[:3]
    assert client.counts.requests == requests + 3  # what it refuses is asked once


async def test_such_a_device_is_not_asked_while_an_old_answer_may_come() -> None:
    """For it alone, an answer later than LATE_SECONDS could be taken for another's."""
    lengths = Lengths()

    def strict(request: bytes) -> list[tuple[float, bytes]]:
        if request[4:6] != bytes((0, 10)):
            return [(0.0, rtu_frame(request[0], bytes((request[1] | 0x80, 2))))]
        return [] if request[3] == 0 else [(0.0, line.answer(request))]

    line = FaultyLine({}, on_request=strict)
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.1, lengths=lengths)
    try:
        assert await client.read(1, 3, 10, 10) == expected(1, 3, 10, 10)
        with pytest.raises(NoAnswer):
            await client.read(1, 3, 0, 10)  # takes the length over, and is not answered
        with pytest.raises(NoAnswer, match="ask later"):
            await client.read(1, 3, 10, 10)
    finally:
        await client.close()
        line.close()


async def test_a_device_that_is_silent_at_other_lengths_is_read_after_some_tries() -> None:
    def strict(request: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, line.answer(request))] if request[4:6] == bytes((0, 10)) else []

    line = FaultyLine({}, on_request=strict)
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=0.03)
    told: Counter[str] = Counter()
    try:
        for _ in range(8):
            await poll(client, [(1, 3, 0, 10), (1, 3, 10, 10)], told)
    finally:
        await client.close()
        line.close()

    assert (told["right"], told["NoAnswer"], told["MISATTRIBUTED"]) == (12, 4, 0)
