"""MQTT packets of a fleet, made by patching digits in ready templates.

Encoding messages one by one would cost the generator more CPU than the pipeline spends
on storing them, on the same cores.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

# canonical metric: a plausible value; its last two digits, decimal places, change all the time
METRICS = {
    "active_power_import": "12.345",
    "active_power_export": "0.125",
    "reactive_power_import": "3.456",
    "apparent_power": "13.579",
    "power_factor": "0.912",
    "frequency": "50.02",
    "voltage_l1": "231.41",
    "voltage_l2": "230.81",
    "voltage_l3": "229.91",
    "current_l1": "17.342",
    "current_l2": "16.921",
    "current_l3": "18.005",
    "active_power_l1": "4.115",
    "active_power_l2": "4.087",
    "active_power_l3": "4.143",
    "active_energy_import": "123456.789",
    "active_energy_export": "1234.567",
    "reactive_energy_import": "2345.678",
    "voltage_l12": "400.11",
    "voltage_l23": "399.71",
}
_TIME = "0000000000000"  # 13 digits of ms
_MESSAGE_ID = b"\xff\xff"
_POWERS = 10 ** np.arange(12, -1, -1, dtype=np.int64)


def payload_text(metrics: Sequence[str], time: str) -> str:
    """Return the payload of a reading of these metrics."""
    values = ",".join(f'"{metric}":{METRICS[metric]}' for metric in metrics)
    return f'{{"ts":{time},"values":{{{values}}}}}'


def publish_packet(topic: str, payload: bytes, message_id: bytes = _MESSAGE_ID) -> bytes:
    """Return a PUBLISH of QoS 1."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + message_id + payload
    return b"\x32" + remaining_length(len(body)) + body


def connect_packet(client_id: str, username: str, password: str) -> bytes:
    """Return a CONNECT of MQTT 3.1.1 with a clean session and no keep-alive."""
    fields = (client_id, username, password)
    body = b"\x00\x04MQTT\x04\xc2\x00\x00" + b"".join(
        len(field.encode()).to_bytes(2, "big") + field.encode() for field in fields
    )
    return b"\x10" + remaining_length(len(body)) + body


def remaining_length(length: int) -> bytes:
    """Return a length as MQTT packets carry it."""
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


class PacketBlock:
    """One message of each of some devices, as one row of bytes a device.

    All topics have the same length, so that all packets have.
    """

    def __init__(self, topics: Sequence[str], metrics: Sequence[str], seed: int) -> None:
        payload = payload_text(metrics, _TIME).encode()
        packets = [publish_packet(topic, payload) for topic in topics]
        self.bytes = np.frombuffer(b"".join(packets), dtype=np.uint8).reshape(len(packets), -1)
        self.bytes = self.bytes.copy()
        first = packets[0]
        start = len(first) - len(payload)
        self._message_id = slice(start - 2, start)
        at = start + payload.index(_TIME.encode())
        self._time = slice(at, at + len(_TIME))
        self._digits = np.array(
            list(
                itertools.chain.from_iterable(
                    (end - 2, end - 1) for end in _value_ends(payload, metrics, start)
                )
            )
        )
        self._random = np.random.default_rng(seed)
        self._last_ms = 0

    def fill(self, now_ms: int, first_id: int) -> bytes:
        """Return packets of this instant, or 1 ms after the last ones, with these ids on.

        Ids are first_id, first_id + 1 …; the caller keeps them within 1 … 65535.
        """
        self._last_ms = max(now_ms, self._last_ms + 1)
        rows = self.bytes
        ids = np.arange(first_id, first_id + len(rows), dtype=np.uint16)
        rows[:, self._message_id] = ids.astype(">u2").view(np.uint8).reshape(-1, 2)
        rows[:, self._time] = (self._last_ms // _POWERS % 10 + 48).astype(np.uint8)
        shape = (len(rows), len(self._digits))
        rows[:, self._digits] = self._random.integers(48, 58, shape, dtype=np.uint8)
        return rows.tobytes()


def _value_ends(payload: bytes, metrics: Sequence[str], offset: int) -> list[int]:
    """Return where the digits of each value end."""
    ends = []
    for metric in metrics:
        text = f'"{metric}":{METRICS[metric]}'.encode()
        ends.append(offset + payload.index(text) + len(text))
    return ends
