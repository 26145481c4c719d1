"""The client: one question at a time, each with an end, and only its own answer."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.modbus.client import (
    BadAnswer,
    BusAddress,
    Client,
    GatewayRefused,
    NoAnswer,
    NotConnected,
    PortBusy,
    Refused,
    connect,
)
from devices.modbus.frames import rtu_frame, tcp_frame
from tests.modbus.faulty_line import FaultyLine
from tests.modbus.foreign_servers import served
from tests.pace import assert_within

# what a server does with a request: returns frames to send, each after a pause
Answer = Callable[[bytes], list[tuple[float, bytes]]]
WORDS = {at: at + 1000 for at in range(200)}


@asynccontextmanager
async def tcp_server(answer: Answer) -> AsyncIterator[BusAddress]:
    """Serve Modbus TCP frames by a function of the request."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        loop = asyncio.get_running_loop()
        while head := await reader.read(6):
            request = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
            for after, frame in answer(request):
                loop.call_later(after, writer.write, frame)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield BusAddress.tcp("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.close()


def right(request: bytes) -> bytes:
    """Return the answer to a read: registers that hold their address."""
    number, unit, function = int.from_bytes(request[:2], "big"), request[6], request[7]
    address, count = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
    data = b"".join(at.to_bytes(2, "big") for at in range(address, address + count))
    return tcp_frame(number, unit, bytes((function, len(data))) + data)


@asynccontextmanager
async def connected(address: BusAddress, timeout: float = 0.2) -> AsyncIterator[Client]:
    client = await connect(address, timeout=timeout)
    try:
        yield client
    finally:
        await client.close()


async def ask_tcp(answer: Answer) -> list[int]:
    async with tcp_server(answer) as address, connected(address) as client:
        return await client.read(1, 3, 10, 2)


async def test_the_late_answer_of_tcp_is_skipped() -> None:
    def late_first(request: bytes) -> list[tuple[float, bytes]]:
        return [(0.3 if request[9] == 0 else 0.1, right(request))]

    async with tcp_server(late_first) as address, connected(address) as client:
        with pytest.raises(NoAnswer):
            await client.read(1, 3, 0, 2)
        assert await client.read(1, 3, 10, 2) == [10, 11]
        await asyncio.sleep(0.15)
        assert await client.read(1, 3, 20, 2) == [20, 21]

    assert client.counts.late == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda r: [], NoAnswer),
        (lambda r: [(0, tcp_frame(int.from_bytes(r[:2], "big"), 2, right(r)[7:]))], BadAnswer),
        (lambda r: [(0, tcp_frame(int.from_bytes(r[:2], "big"), 1, b"\x04\x04\0\0\0\0"))],
         BadAnswer),
        (lambda r: [(0, tcp_frame(int.from_bytes(r[:2], "big"), 1, b"\x03\x02\0\0"))], BadAnswer),
        (lambda r: [(0, tcp_frame(int.from_bytes(r[:2], "big"), 1, b"\x83\x02"))], Refused),
        (lambda r: [(0, tcp_frame(int.from_bytes(r[:2], "big"), 1, b"\x83\x0b"))], GatewayRefused),
        (lambda r: [(0, b"HTTP/1.1 400 Bad Request\r\n\r\n")], NotConnected),
        (lambda r: [(0, b"\0\1\0\0\xff\xff\1")], NotConnected),
        (lambda r: [(0, tcp_frame(0xFFFF, 1, right(r)[7:]))], NoAnswer),
        (lambda r: [(0, right(r)[:9])], NoAnswer),
    ],
)  # fmt: skip
async def test_what_is_not_the_answer_is_not_taken(answer: Answer, error) -> None:
    with pytest.raises(error):
        await ask_tcp(answer)


async def test_an_answer_may_come_in_pieces_or_after_a_stranger() -> None:
    def in_pieces(request: bytes) -> list[tuple[float, bytes]]:
        frame = tcp_frame(9999, 1, b"\x83\x02") + right(request)
        return [(0.002 * at, frame[at : at + 1]) for at in range(len(frame))]

    assert await ask_tcp(in_pieces) == [10, 11]


async def test_a_gateway_that_refuses_for_a_device_is_told_apart() -> None:
    def refuse(code: int) -> Answer:
        return lambda r: [(0, tcp_frame(int.from_bytes(r[:2], "big"), 1, bytes((0x83, code))))]

    for code in (10, 11):
        with pytest.raises(GatewayRefused) as error:
            await ask_tcp(refuse(code))
        assert error.value.code == code
    with pytest.raises(Refused) as plain:
        await ask_tcp(refuse(4))
    assert not isinstance(plain.value, GatewayRefused)
    assert "device failure" in str(plain.value)


async def test_questions_wait_for_each_other() -> None:
    """Many meters know one question at a time; the next comes when the answer is there."""
    answered = [True]

    def one_at_a_time(request: bytes) -> list[tuple[float, bytes]]:
        if not answered[0]:
            return []
        answered[0] = False
        asyncio.get_running_loop().call_later(0.002, answered.__setitem__, 0, True)
        return [(0.002, right(request))]

    async with tcp_server(one_at_a_time) as address, connected(address, 5) as client:
        found = await asyncio.gather(*(client.read(1, 3, at, 2) for at in range(50)))

    assert found == [[at, at + 1] for at in range(50)]


async def test_a_question_that_was_given_up_does_not_spoil_the_next() -> None:
    def slow_first(request: bytes) -> list[tuple[float, bytes]]:
        return [(0.1 if request[9] == 0 else 0.0, right(request))]

    async with tcp_server(slow_first) as address, connected(address, 1) as client:
        given_up = asyncio.create_task(client.read(1, 3, 0, 2))
        await asyncio.sleep(0.02)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        found = [await client.read(1, 3, 10, 2)]
        await asyncio.sleep(0.15)
        found.append(await client.read(1, 3, 20, 2))

    assert found == [[10, 11], [20, 21]]


async def test_a_deadline_ends_a_question_before_its_time() -> None:
    async with tcp_server(lambda r: []) as address, connected(address, 30) as client:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            await client.read(1, 3, 0, 1, deadline=asyncio.get_running_loop().time() + 0.1)

    assert_within(time.monotonic() - began, 2)


async def test_a_server_that_goes_ends_the_question_at_once() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readexactly(12)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    address = BusAddress.tcp("127.0.0.1", server.sockets[0].getsockname()[1])
    async with connected(address, 30) as client:
        with pytest.raises(NotConnected):
            await client.read(1, 3, 0, 1)
        assert not client.is_connected
        with pytest.raises(NotConnected):
            await client.read(1, 3, 0, 1)
    server.close()


async def test_closing_ends_what_waits() -> None:
    async with tcp_server(lambda r: []) as address:
        client = await connect(address, timeout=30)
        waiting = asyncio.create_task(client.read(1, 3, 0, 1))
        await asyncio.sleep(0.02)
        await client.close()
        with pytest.raises(NotConnected):
            await waiting


@pytest.mark.parametrize(
    "address",
    [
        BusAddress.tcp("127.0.0.1", 1),
        BusAddress.rtu_over_tcp("127.0.0.1", 1),
        BusAddress.rtu("/dev/serial/by-id/usb-nothing"),
        BusAddress.rtu("/dev/null"),
        BusAddress.rtu("/dev/null", baudrate=12_345),
    ],
)
async def test_what_cannot_be_reached_is_named(address: BusAddress) -> None:
    with pytest.raises(NotConnected, match=address.serial_port or address.host):
        await connect(address, timeout=1)


async def test_a_unit_of_all_devices_is_not_asked_on_a_line() -> None:
    line = FaultyLine({"right": 1})
    async with connected(BusAddress.rtu(line.path, 115_200)) as client:
        with pytest.raises(ValueError, match="all at once"):
            await client.read(0, 3, 0, 1)
        with pytest.raises(ValueError, match="all at once"):
            await client.write(0, 0, [1])
    line.close()
    assert line.requests == []


async def ask_line(frames: list[tuple[float, bytes]], timeout: float = 0.15) -> list[int]:
    line = FaultyLine({}, on_request=lambda request: frames)
    try:
        async with connected(BusAddress.rtu(line.path, 115_200), timeout) as client:
            return await client.read(1, 3, 0, 2)
    finally:
        line.close()


GOOD = rtu_frame(1, bytes((3, 4, 0, 7, 0, 8)))


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([(0.0, rtu_frame(2, GOOD[1:-2]))], NoAnswer),
        ([(0.0, rtu_frame(1, bytes((4, 4, 0, 7, 0, 8))))], NoAnswer),
        ([(0.0, rtu_frame(1, bytes((3, 2, 0, 7))))], NoAnswer),
        ([(0.0, GOOD[:-1] + bytes((GOOD[-1] ^ 1,)))], BadAnswer),
        ([(0.0, GOOD[:5])], NoAnswer),
        ([(0.0, rtu_frame(1, b"\x83\x02"))], Refused),
        ([(0.0, rtu_frame(1, b"\x83\x0b"))], GatewayRefused),
        ([(0.0, b"\xaa" * 3000)], NoAnswer),
    ],
)
async def test_what_is_not_the_answer_on_a_line_is_not_taken(frames, error) -> None:
    with pytest.raises(error):
        await ask_line(frames)


@pytest.mark.parametrize(
    "frames",
    [
        [(0.0, b"\x00\xff\x01\x03" + GOOD + b"\x55")],
        [(0.0, GOOD[:3]), (0.02, GOOD[3:])],
        [(0.0, GOOD[:-1] + b"\0" + GOOD)],
        [(0.0, rtu_frame(2, GOOD[1:-2])), (0.02, GOOD)],
        [(0.0, GOOD + GOOD)],
    ],
)
async def test_the_answer_is_found_among_what_else_is_on_the_line(frames) -> None:
    assert await ask_line(frames, timeout=2) == [7, 8]


async def test_a_damaged_answer_ends_the_question_before_its_time() -> None:
    began = time.monotonic()
    with pytest.raises(BadAnswer):
        await ask_line([(0.0, GOOD[:-1] + bytes((GOOD[-1] ^ 1,)))], timeout=30)

    assert_within(time.monotonic() - began, 2)


async def test_a_line_that_is_never_silent_does_not_hang() -> None:
    line = FaultyLine({}, on_request=lambda request: [])
    async with connected(BusAddress.rtu(line.path, 115_200), 0.1) as client:
        for at in range(400):
            line.say(b"\xaa" * 20, 0.001 * at)
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await client.read(1, 3, 0, 2)
    line.close()


async def test_a_port_that_goes_away_ends_the_question_at_once() -> None:
    line = FaultyLine({}, on_request=lambda request: [])
    client = await connect(BusAddress.rtu(line.path, 115_200), timeout=30)
    waiting = asyncio.create_task(client.read(1, 3, 0, 2))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    line.close()

    with pytest.raises(NotConnected):
        await waiting
    assert_within(time.monotonic() - began, 2)
    assert not client.is_connected


async def test_a_port_is_for_one_process_alone() -> None:
    line = FaultyLine({"right": 1})
    address = BusAddress.rtu(line.path, 115_200)
    other = (
        "import asyncio, sys\n"
        "from devices.modbus.client import BusAddress, connect\n"
        "asyncio.run(connect(BusAddress.rtu(sys.argv[1]), timeout=5))\n"
    )
    async with connected(address):
        with pytest.raises(PortBusy):
            await connect(address, timeout=1)
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", other, line.path], capture_output=True,
            text=True, check=False, timeout=60,
        )  # fmt: skip
    async with connected(address) as client:  # free again
        assert len(await client.read(1, 3, 0, 2)) == 2
    line.close()

    assert done.returncode == 1
    assert "PortBusy" in done.stderr


@pytest.mark.parametrize("way", ["tcp", "rtu_over_tcp"])
async def test_writes_and_reads_back_with_every_function(way: str) -> None:
    """Against a server of others: words and bits, one and several."""
    registers = dict.fromkeys(range(40), 0)
    with served({1: registers}) as at:
        async with connected(getattr(at, way), 5) as client:
            await client.write(1, 3, [0xABCD])
            await client.write(1, 10, [1, 2, 3])
            await client.write(1, 20, [7], function=16)
            assert await client.read(1, 3, 3, 1) == [0xABCD]
            assert await client.read(1, 3, 10, 3) == [1, 2, 3]
            assert await client.read(1, 3, 20, 1) == [7]
            with pytest.raises(Refused) as error:
                await client.write(1, 100, [1])
            assert error.value.code == 2


@pytest.mark.parametrize("way", ["tcp", "rtu_over_tcp"])
async def test_bits_are_written_and_read(way: str) -> None:
    bits = [SimData(0, values=[False] * 64, datatype=DataType.BITS)]
    words = [SimData(0, values=0, count=4, datatype=DataType.REGISTERS)]
    device = SimDevice(1, simdata=(bits, bits, words, words))
    with served({}, devices=[device]) as at:
        async with connected(getattr(at, way), 5) as client:
            await client.write(1, 5, [True])
            await client.write(1, 20, [True, False, True, True])
            assert await client.read(1, 1, 5, 1) == [1]
            assert await client.read(1, 1, 18, 8) == [0, 0, 1, 0, 1, 1, 0, 0]
            assert await client.read(1, 1, 0, 17) == [0] * 5 + [1] + [0] * 11


@pytest.mark.parametrize("way", ["tcp", "rtu_over_tcp"])
async def test_a_question_costs_little(way: str) -> None:
    """The goal is 100 µs; on a line the checksum of each byte comes on top."""
    with served({1: WORDS}) as at:
        async with connected(getattr(at, way), 5) as client:
            await client.read_data(1, 3, 0, 80)
            began = time.thread_time()
            for _ in range(300):
                await client.read_data(1, 3, 0, 80)
            cost = (time.thread_time() - began) / 300

    assert_within(cost, 300e-6)
