"""F35: one PUBLISH of 200 MiB hurts nobody but its sender."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

import pytest

from tests.faults.harness import Plant, memory_of
from tests.faults.oracle import FLAWLESS, settle

pytestmark = pytest.mark.faults

MIB = 1024 * 1024
SIZE = 200 * MIB
PIECE = bytes(65_536)
ACCEPTED = b"\x20\x02\x00\x00"


def test_a_publish_of_200_mib_is_cut_off_and_others_go_on(plant, fleet, note):
    broker = plant.stack.pid("mosquitto")
    before = memory_of(broker, "VmRSS")
    forget_peak(broker)

    with plant.publisher() as publisher:
        publisher.publish_in_background(fleet.messages(6_000), rate=1000)
        sent = send_oversized(plant, fleet.topic(fleet.devices[0]))
        verdict = settle(plant, fleet, publisher)
    grown = memory_of(broker, "VmHWM") - before
    note(sent_kib=sent // 1024, broker_grown_kib=grown // 1024, verdict=verdict)

    assert sent < SIZE
    assert grown <= 16 * MIB
    assert plant.stack.pid("mosquitto") == broker
    assert verdict == FLAWLESS


def send_oversized(plant: Plant, topic: str) -> int:
    """Send until the broker hangs up; return how many bytes it let in."""
    sent = 0
    with socket.create_connection((plant.env["MQTT_HOST"], int(plant.env["MQTT_PORT"]))) as wire:
        wire.settimeout(60)
        wire.sendall(connect_packet(plant.env["MQTT_USERNAME"], plant.env["MQTT_PASSWORD"]))
        assert wire.recv(4) == ACCEPTED
        head = text(topic) + b"\x00\x01"
        wire.sendall(b"\x32" + length(len(head) + SIZE) + head)
        with contextlib.suppress(ConnectionError):
            while sent < SIZE:
                wire.sendall(PIECE)
                sent += len(PIECE)
            assert wire.recv(4) == b""
    return sent


def connect_packet(username: str, password: str) -> bytes:
    """Return an MQTT 3.1.1 CONNECT with a clean session."""
    variable = text("MQTT") + b"\x04\xc2" + struct.pack("!H", 60)
    body = variable + text("oversized") + text(username) + text(password)
    return b"\x10" + length(len(body)) + body


def text(value: str) -> bytes:
    """Return a string as MQTT writes it."""
    data = value.encode()
    return struct.pack("!H", len(data)) + data


def length(number: int) -> bytes:
    """Return a remaining length: seven bits a byte, lowest first."""
    digits = bytearray()
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit | (128 if number else 0))
        if not number:
            return bytes(digits)


def forget_peak(pid: int) -> None:
    """Let the peak of a process's memory begin with what it holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
