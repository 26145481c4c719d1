"""The account of every message: published = stored + rejected, none lost, none twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from redis import Redis

from bench.fleet import Fleet
from bench.generator import Generator
from energy.lib.redis import key
from telemetry.ingest.buffer import PARTITION

PATIENCE_SECONDS = 60.0
_ROWS = "SELECT count(*), count(DISTINCT (channel_id, time)) FROM telemetry_sample"
_REJECTED = "SELECT coalesce(sum(count), 0)::bigint FROM telemetry_rejectedmessage"
_PER_CHANNEL = """
SELECT c.device_id, count(s.time) FROM devices_channel c
LEFT JOIN telemetry_sample s ON s.channel_id = c.id GROUP BY c.id
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts in messages, but `rows`. Lost and duplicated are what the others leave over."""

    published: int
    poisoned: int
    unacknowledged: int
    stored: int
    rejected: int
    rows: int
    distinct_keys: int
    uneven_channels: int
    left_in_stream: int
    points: int

    @property
    def lost(self) -> int:
        """Published and neither stored nor rejected."""
        return max(0, self.published - self.stored - self.rejected)

    @property
    def duplicated(self) -> int:
        """Stored or rejected more often than published, or keys that stand twice."""
        surplus = max(0, self.stored + self.rejected - self.published)
        return surplus + self.rows - self.distinct_keys

    @property
    def is_balanced(self) -> bool:
        """Tell whether everything published is accounted for exactly once."""
        return (
            self.lost == 0
            and self.duplicated == 0
            and self.rejected == self.poisoned
            and self.rows == self.stored * self.points
            and self.uneven_channels == 0
            and self.left_in_stream == 0
            and self.unacknowledged == 0
        )


def make_poison(fleet: Fleet, count: int) -> list[tuple[str, bytes]]:
    """Return messages that must be rejected, all different: equal ones share a row."""
    topic = fleet.topics[0]
    stranger = topic.rpartition("/")[0]
    kinds = [
        lambda n: (topic, f'{{"ts":1763600000000,"values":{{"voltage_l1":NaN{n}}}'.encode()),
        lambda n: (topic, f"no reading at all {n}".encode()),
        lambda n: (f"{stranger}/stranger-{n}", b'{"values":{"voltage_l1":230.1}}'),
        lambda n: (topic, f'{{"ts":{n + 1},"values":{{"voltage_l1":230.1}}}}'.encode()),
        lambda n: (topic, f'{{"ts":1763600000000,"values":{{}},"n":{n}'.encode()),
    ]
    return [kinds[number % len(kinds)](number) for number in range(count)]


def wait_until_empty(client: Redis) -> bool:
    """Wait until no entry is left in the stream and none is taken; tell whether so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.xlen(key(PARTITION)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def audit(
    url: str, client: Redis, fleet: Fleet, generators: Sequence[Generator], points: int
) -> Ledger:
    """Count what PostgreSQL holds against what was published, channel by channel."""
    expected = {
        device.id: sum(generator.sent_of_device(number) for generator in generators)
        for number, device in enumerate(fleet.devices)
    }
    with psycopg.connect(url) as connection:
        rows, distinct = _one(connection, _ROWS)
        (rejected,) = _one(connection, _REJECTED)
        per_channel = connection.execute(_PER_CHANNEL).fetchall()
    poisoned = sum(generator.poisoned for generator in generators)
    return Ledger(
        published=sum(generator.sent for generator in generators) + poisoned,
        poisoned=poisoned,
        unacknowledged=sum(generator.unacknowledged for generator in generators),
        stored=rows // points,
        rejected=rejected,
        rows=rows,
        distinct_keys=distinct,
        uneven_channels=sum(count != expected[device] for device, count in per_channel),
        left_in_stream=client.xlen(key(PARTITION)),
        points=points,
    )


def _one(connection: psycopg.Connection[tuple[Any, ...]], query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(map(int, row))
