"""The listener's own reading of PUBLISH packets agrees with paho's."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from devices.wires.read_ahead import ReadAheadClient

PINGRESP = b"\xd0\x00"


def publish(topic: bytes, payload: bytes, *, qos: int = 1, mid: int = 7) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic
    if qos:
        body += mid.to_bytes(2, "big")
    body += payload
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([0x30 | qos << 1]) + bytes(encoded) + body


class Wire:
    """A client on one end of a socket pair; `received` collects what both ways find."""

    def __init__(self) -> None:
        self.peer, end = socket.socketpair()
        end.setblocking(False)
        self.client = ReadAheadClient(
            CallbackAPIVersion.VERSION2, client_id="test", protocol=mqtt.MQTTv311, manual_ack=True
        )
        self.client._sock = end
        self.client.on_message = self._on_message
        self.by_paho: list[tuple[str, bytes, int]] = []
        self.taken: list[tuple[str, bytes, int]] = []

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        topic = message._topic.decode("utf-8", "backslashreplace")
        self.by_paho.append((topic, message.payload, message.mid))

    def feed(self, data: bytes, limit: int = 100) -> None:
        self.peer.sendall(data)
        self.client.read_ahead()
        while self.client.has_input():
            messages = self.client.take_messages(limit)
            self.taken += [(m.topic, m.payload, m.mid) for m in messages]
            if not messages and self.client.has_input():
                assert self.client.loop_read() == mqtt.MQTT_ERR_SUCCESS


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.peer.close()
    if wire.client._sock:
        wire.client._sock.close()


PACKETS = (
    publish(b"a/b", b"one"),
    PINGRESP,
    publish(b"a/b", b"", qos=0),
    publish(b"tenant/x", b"2" * 200, mid=65_535),
    publish(b"tenant/y", b"3" * 20_000, mid=256),
    PINGRESP,
    publish("ä/\N{SNOWMAN}".encode(), b"four", mid=1),
)
MESSAGES = [
    ("a/b", b"one", 7),
    ("a/b", b"", 0),
    ("tenant/x", b"2" * 200, 65_535),
    ("tenant/y", b"3" * 20_000, 256),
    ("ä/\N{SNOWMAN}", b"four", 1),
]


def test_takes_every_message_between_other_packets(wire: Wire) -> None:
    wire.feed(b"".join(PACKETS))

    assert wire.taken == MESSAGES
    assert wire.by_paho == []


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 11, 1000])
def test_takes_packets_that_arrive_in_pieces(wire: Wire, step: int) -> None:
    stream = b"".join(packet for packet in PACKETS if len(packet) < 1000)

    for at in range(0, len(stream), step):
        wire.feed(stream[at : at + step])

    assert wire.taken == [message for message in MESSAGES if len(message[1]) < 1000]


def test_takes_no_more_than_asked_for(wire: Wire) -> None:
    wire.peer.sendall(publish(b"t", b"x") * 5)
    wire.client.read_ahead()

    assert len(wire.client.take_messages(3)) == 3
    assert wire.client.has_input()
    assert len(wire.client.take_messages(3)) == 2
    assert not wire.client.has_input()


def test_leaves_qos_2_to_paho(wire: Wire) -> None:
    wire.feed(publish(b"t", b"twice", qos=2) + publish(b"t", b"once"))

    assert wire.taken == [("t", b"once", 7)]


def test_shows_a_topic_that_is_no_utf8(wire: Wire) -> None:
    wire.feed(publish(b"a/\xff", b"x"))

    assert wire.taken == [("a/\\xff", b"x", 7)]


@pytest.mark.parametrize(
    "broken",
    [
        b"\x32\xff\xff\xff\xff\x7f",  # a length of five bytes
        b"\x32\x02\x00\x00",  # no topic, no id
        b"\x32\x05\x00\x09abc",  # the topic is longer than the packet
        b"\x32\x01\x00",  # no room for the length of the topic
    ],
    ids=["length", "empty_topic", "long_topic", "short"],
)
def test_leaves_what_breaks_the_protocol_to_paho(wire: Wire, broken: bytes) -> None:
    wire.peer.sendall(publish(b"t", b"good") + broken + publish(b"t", b"never"))
    wire.client.read_ahead()
    assert [m.payload for m in wire.client.take_messages(10)] == [b"good"]

    assert wire.client.take_messages(10) == []
    assert wire.client.has_input()
    assert wire.client.loop_read() != mqtt.MQTT_ERR_SUCCESS
    assert wire.client.socket() is None


def test_hears_that_the_broker_hung_up(wire: Wire) -> None:
    wire.feed(publish(b"t", b"last") + publish(b"t", b"cut off")[:-3])
    wire.peer.close()

    wire.client.read_ahead()

    assert wire.taken == [("t", b"last", 7)]
    assert wire.client.socket() is None


def test_forgets_the_input_of_an_old_connection(wire: Wire) -> None:
    wire.feed(publish(b"t", b"cut off")[:-3])

    wire.client.forget_input()

    wire.feed(publish(b"t", b"new"))
    assert wire.taken == [("t", b"new", 7)]
