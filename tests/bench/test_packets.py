"""The generator's packets are what a gateway would send."""

from __future__ import annotations

import json
from itertools import pairwise

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from bench.packets import METRICS, PacketBlock, publish_packet
from devices.canonical import lookup
from devices.wires.read_ahead import ReadAheadClient, Received
from telemetry.ingest.decode import decode_usual

TOPICS = [f"tenant/t/gw/g/data/device/meter-{number:02}" for number in range(5)]
NOW_MS = 1_763_600_000_123


def read_packets(data: bytes) -> list[Received]:
    client = ReadAheadClient(
        CallbackAPIVersion.VERSION2, client_id="t", protocol=mqtt.MQTTv311, manual_ack=True
    )
    client._buffer = data
    messages = client.take_messages(1_000)
    assert not client.has_input()
    return messages


@pytest.mark.parametrize("points", [1, 10, len(METRICS)])
def test_a_block_holds_one_usual_message_of_each_device(points):
    metrics = list(METRICS)[:points]

    messages = read_packets(PacketBlock(TOPICS, metrics, seed=0).fill(NOW_MS, first_id=300))

    assert [message.topic for message in messages] == TOPICS
    assert [message.mid for message in messages] == [300, 301, 302, 303, 304]
    for message in messages:
        reading = decode_usual(message.payload)
        assert reading is not None
        assert (reading.ts, list(reading.values)) == (NOW_MS, metrics)


def test_times_of_a_block_are_never_repeated():
    block = PacketBlock(TOPICS, ["frequency"], seed=0)

    fills = [read_packets(block.fill(now, 1)) for now in (NOW_MS, NOW_MS, NOW_MS - 5, NOW_MS + 9)]

    times = [json.loads(messages[0].payload)["ts"] for messages in fills]
    assert times == [NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 9]


def test_values_change_and_stay_plausible():
    metrics = list(METRICS)
    block = PacketBlock(TOPICS, metrics, seed=0)

    fills = [json.loads(read_packets(block.fill(NOW_MS, 1))[0].payload) for _ in range(50)]

    for before, after in pairwise(fills):
        assert before["values"] != after["values"]
    for metric in metrics:
        template = lookup(metric)
        assert template is not None
        for fill in fills:
            value = fill["values"][metric]
            assert template.minimum is None or value >= template.minimum
            assert template.maximum is None or value <= template.maximum


@pytest.mark.parametrize("size", [0, 90, 200, 20_000])
def test_packets_of_any_size_are_read_back(size):
    [message] = read_packets(publish_packet("a/b", b"x" * size, b"\0\1"))

    assert (message.topic, len(message.payload), message.mid) == ("a/b", size, 1)
