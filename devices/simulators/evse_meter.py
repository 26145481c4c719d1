"""A Modbus TCP meter in front of the simulated charging point, so that sessions have a register.

Unit 1, input and holding registers alike, laid out as an Eastron SDM630: big-endian float32.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable

from devices.simulators.evse_hardware import Hardware

VOLTAGES, CURRENTS, POWERS = (0, 2, 4), (6, 8, 10), (12, 14, 16)
TOTAL_POWER, FREQUENCY, IMPORT, EXPORT, TOTAL_ENERGY = 52, 70, 72, 74, 342
REGISTERS = 512
_READS = (3, 4)


def registers_of(hardware: Hardware, *, start_kwh: float = 0.0) -> dict[int, float]:
    """Return the values by address; W and kWh."""
    watts = hardware.power_kw * 1000
    return {
        **dict.fromkeys(VOLTAGES, hardware.voltage),
        **dict.fromkeys(CURRENTS[: hardware.phases], hardware.amps),
        **dict.fromkeys(POWERS[: hardware.phases], watts / hardware.phases),
        TOTAL_POWER: watts,
        FREQUENCY: 50.0,
        IMPORT: start_kwh + hardware.energy_kwh,
        EXPORT: 0.0,
        TOTAL_ENERGY: start_kwh + hardware.energy_kwh,
    }


def answer(request: bytes, values: dict[int, float]) -> bytes:
    """Answer a request with its MBAP header; exceptions for what is not there."""
    transaction, _, _, unit, function = struct.unpack(">HHHBB", request[:8])
    if function not in _READS or len(request) < 12:
        body = bytes((function | 0x80, 1))
    else:
        start, count = struct.unpack(">HH", request[8:12])
        if not 1 <= count <= 125 or start + count > REGISTERS:
            body = bytes((function | 0x80, 2))
        else:
            words = _words(values)[start * 2 : (start + count) * 2]
            body = bytes((function, len(words))) + words
    return struct.pack(">HHHB", transaction, 0, len(body) + 1, unit) + body


def _words(values: dict[int, float]) -> bytes:
    image = bytearray(REGISTERS * 2)
    for address, value in values.items():
        struct.pack_into(">f", image, address * 2, value)
    return bytes(image)


class Meter:
    """Answers in threads of its own until it is closed; port 0 takes any."""

    def __init__(self, port: int, read: Callable[[], dict[int, float]]) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while len(head := self.rfile.read(6)) == 6:
                    length = struct.unpack(">H", head[4:6])[0]
                    if not 2 <= length <= 260:
                        return
                    self.wfile.write(answer(head + self.rfile.read(length), read()))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
