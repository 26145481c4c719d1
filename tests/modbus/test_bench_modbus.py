"""The figures of `./run bench modbus` are counted from what lies in the stream."""

from __future__ import annotations

import uuid

import pytest
from redis import Redis

from bench.modbus import _jitter, _read_stream
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.topics import door_topic

METER, OTHER = uuid.uuid4(), uuid.uuid4()


def test_jitter_is_how_far_two_readings_of_a_block_are_from_one_second() -> None:
    stamps = {"voltage_l1": [0, 1_000_000, 2_250_000], "energy_import": [500_000, 1_400_000]}
    readings = [(METER, metric, at, 20) for metric, ats in stamps.items() for at in ats]
    readings += [(OTHER, "voltage_l1", 700_000, 20)]  # alone: nothing to compare with

    assert sorted(_jitter(readings)) == pytest.approx([0.0, 0.1, 0.25])
    assert len(_jitter([])) == 0


@pytest.mark.usefixtures("redis")
def test_only_what_was_read_while_measuring_counts(redis: Redis) -> None:
    topic = door_topic(uuid.uuid4(), METER)
    messages = [
        Envelope("modbus", topic, b'{"ts":%d,"values":{"a":1,"b":2}}' % at, at)
        for at in (999_999, 1_000_000, 1_999_999, 2_000_000)
    ]
    IngestBuffer().append(messages)

    found = _read_stream(1.0, 2.0)

    assert found == [(METER, "a", 1_000_000, 2), (METER, "a", 1_999_999, 2)]
