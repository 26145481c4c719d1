"""Servers of pymodbus in a thread: over TCP, RTU over TCP and a serial line of socat."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.modbus.client import BusAddress
from tests.wire_programs import require_program

Registers = Mapping[int, int]
BAUDRATE = 115_200


@dataclass(frozen=True, slots=True)
class ServedAt:
    """Where the same units are served; serial is None when that was not asked for."""

    tcp: BusAddress
    rtu_over_tcp: BusAddress
    serial: BusAddress | None


def device_of(unit: int, registers: Registers) -> SimDevice:
    """Return a unit that has these registers and no others."""
    data = [SimData(address, values=word, datatype=DataType.REGISTERS)
            for address, word in sorted(registers.items())]  # fmt: skip
    return SimDevice(unit, simdata=data)


@contextmanager
def served(
    units: Mapping[int, Registers], *, folder: Path | None = None, devices: Sequence[SimDevice] = ()
) -> Iterator[ServedAt]:
    """Serve units by number, by TCP and RTU over TCP; with a folder on a serial line too."""
    devices = [*devices, *(device_of(unit, registers) for unit, registers in units.items())]

    async def start() -> list[Any]:
        found = [
            ModbusTcpServer(devices, address=("127.0.0.1", 0), framer=framer)
            for framer in (FramerType.SOCKET, FramerType.RTU)
        ]
        if folder is not None:
            port = str(folder / "device")
            found.append(
                ModbusSerialServer(devices, framer=FramerType.RTU, port=port, baudrate=BAUDRATE)
            )
        return found

    with _line(folder), running(start) as servers:
        ports = [server.transport.sockets[0].getsockname()[1] for server in servers[:2]]
        yield ServedAt(
            BusAddress.tcp("127.0.0.1", ports[0]),
            BusAddress.rtu_over_tcp("127.0.0.1", ports[1]),
            BusAddress.rtu(str(folder / "host"), BAUDRATE) if folder else None,
        )


@contextmanager
def running(start: Callable[[], Awaitable[list[Any]]]) -> Iterator[list[Any]]:
    """Make servers in a loop of their own thread and let them serve."""
    ready, servers, stop = threading.Event(), [], asyncio.Event()

    async def serve() -> None:
        servers.extend(await start())
        for server in servers:
            await server.serve_forever(background=True)
        servers.append(asyncio.get_running_loop())
        ready.set()
        await stop.wait()
        for server in servers[:-1]:
            await server.shutdown()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(30)
    loop = servers[-1]
    try:
        yield servers[:-1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


@contextmanager
def _line(folder: Path | None) -> Iterator[None]:
    """Let socat make a line between folder/device and folder/host."""
    if folder is None:
        yield
        return
    socat = require_program("socat")
    ends = [folder / "device", folder / "host"]
    argv = [str(socat.path), *(f"pty,raw,echo=0,link={end}" for end in ends)]
    with subprocess.Popen(argv, env=socat.environment()) as process:
        try:
            until = time.monotonic() + 20
            while not all(end.exists() for end in ends):
                assert process.poll() is None, "socat ended"
                assert time.monotonic() < until, "socat made no line"
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
