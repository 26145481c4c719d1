"""A Modbus TCP server of pymodbus in a thread: registers as a meter has them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.modbus.types import Order, encode


def floats(values: dict[int, float], order: Order = Order.ABCD) -> dict[int, int]:
    """Return registers by address with 32-bit floats at the addresses."""
    found = {}
    for address, value in values.items():
        for at, word in enumerate(encode(value, "float32", order)):
            found[address + at] = word
    return found


@contextmanager
def meter_server(
    registers: Mapping[int, int], *, unit: int = 7, is_line: bool = False
) -> Iterator[int]:
    """Serve registers by address to one unit, the others are silent; yield the port.

    Addresses that are not named do not exist.
    """
    data = [SimData(address, values=word, datatype=DataType.REGISTERS)
            for address, word in sorted(registers.items())]  # fmt: skip
    ready, box = threading.Event(), {}

    async def serve() -> None:
        server = ModbusTcpServer(
            [SimDevice(unit, simdata=data)], address=("127.0.0.1", 0), ignore_missing_devices=True,
            framer=FramerType.RTU if is_line else FramerType.SOCKET,
        )  # fmt: skip
        await server.serve_forever(background=True)
        box["port"] = server.transport.sockets[0].getsockname()[1]
        box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await box["stop"].wait()
        await server.shutdown()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(20)
    try:
        yield box["port"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)
