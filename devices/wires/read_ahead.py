"""A paho client that takes messages out of large reads.

paho reads a packet in three calls and builds six objects for each PUBLISH, from a buffer
still 11 µs: the largest share of what a message costs on its way to the stream. Parsing
PUBLISH here costs 1.6 µs; every other packet goes paho's way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import paho.mqtt.client as mqtt

RECEIVE_BYTES = 262_144
_PUBLISH = 0x30
_PUBACK = 0x40
_RETAIN = 0x01
_QOS_1 = 0x02
_QOS_2 = 0x04
_LONGEST_HEADER = 5


class Received(NamedTuple):
    """One message; `mid` is 0 for QoS 0, which needs no acknowledgement."""

    topic: str
    payload: bytes
    received_at: int
    mid: int
    is_retained: bool = False


class ReadAheadClient(mqtt.Client):
    """MQTT 3.1.1; drive its input with `read_ahead`, `take_messages` and `loop_read`."""

    _buffer = b""
    _offset = 0
    _is_cut = False  # the input ends in the middle of a PUBLISH
    _received_at = 0

    def forget_input(self) -> None:
        """Drop what was read ahead; it belonged to a connection that is gone."""
        self._buffer, self._offset, self._is_cut = b"", 0, False

    def has_input(self) -> bool:
        """Tell whether bytes wait that can be used before more are read."""
        return self._offset < len(self._buffer) and not self._is_cut

    def read_ahead(self) -> None:
        """Add what the socket holds to the input; call it when `has_input` says no."""
        try:
            data = super()._sock_recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # closed or broken: paho finds the same and says so in its callbacks
            self.loop_read()
            return
        self._buffer, self._offset = self._buffer[self._offset :] + data, 0
        self._is_cut = False
        self._received_at = time.time_ns() // 1000
        with self._msgtime_mutex:  # else the keep-alive takes a busy connection for dead
            self._last_bytes_received = time.monotonic()

    def take_messages(self, limit: int) -> list[Received]:
        """Return the messages at the front of the input, at most `limit`.

        Whatever else stands there is for `loop_read`: other packets, QoS 2, and what
        breaks the protocol.
        """
        taken: list[Received] = []
        if self._in_packet["command"]:  # paho has the beginning of a packet
            return taken
        data, at = self._buffer, self._offset
        while at < len(data) and len(taken) < limit:
            header = data[at]
            if header & 0xF0 != _PUBLISH or header & _QOS_2:
                break
            start, end = _find_body(data, at)
            if not start or end > len(data):
                self._is_cut = bool(start) or len(data) - at < _LONGEST_HEADER
                break
            topic_end = start + 2 + int.from_bytes(data[start : start + 2], "big")
            payload_at = topic_end + (header & _QOS_1)  # the id of QoS 1 has two bytes
            if topic_end <= start + 2 or payload_at > end:
                break
            taken.append(
                Received(
                    # bytes that are no UTF-8 are shown, so the message can be rejected
                    data[start + 2 : topic_end].decode("utf-8", "backslashreplace"),
                    data[payload_at:end],
                    self._received_at,
                    int.from_bytes(data[topic_end:payload_at], "big"),
                    bool(header & _RETAIN),
                )
            )
            at = end
        self._offset = at
        return taken

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Queue the PUBACKs of many messages as one write."""
        packets = b"".join([bytes((_PUBACK, 2, mid >> 8, mid & 255)) for mid in mids])
        self._packet_queue(_PUBACK, packets, 0, 0)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._offset >= len(self._buffer):
            self._buffer, self._offset = super()._sock_recv(RECEIVE_BYTES), 0
            self._received_at = time.time_ns() // 1000
        start, self._offset = self._offset, self._offset + bufsize
        return self._buffer[start : self._offset]


def _find_body(data: bytes, at: int) -> tuple[int, int]:
    """Return where the body of a packet starts and ends; 0, 0 without a whole, valid length."""
    length, factor = 0, 1
    for index in range(at + 1, min(at + _LONGEST_HEADER, len(data))):
        byte = data[index]
        length += (byte & 127) * factor
        if byte < 128:
            return index + 1, index + 1 + length
        factor *= 128
    return 0, 0
