"""Compares the ledger with the tables."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.harness import Plant
from tests.faults.ledger import Fleet, Key, LedgerPublisher, Message, points_of

QUIET_SECONDS = 40.0  # a process that starts on a busy machine may take that long
PATIENCE_SECONDS = 180.0

_SAMPLES = """
SELECT d.uid, c.source, (extract(epoch FROM s.time) * 1000000)::bigint, s.value
FROM telemetry_sample s
JOIN devices_channel c ON c.id = s.channel_id
JOIN devices_device d ON d.id = c.device_id
WHERE d.uid = ANY(%s)
"""
_COUNT = f"SELECT count(*) FROM ({_SAMPLES}) AS found"
_LATEST = """
SELECT d.uid, c.source, (extract(epoch FROM l.time) * 1000000)::bigint, l.value
FROM telemetry_latestvalue l
JOIN devices_channel c ON c.id = l.channel_id
JOIN devices_device d ON d.id = c.device_id
WHERE d.uid = ANY(%s) AND l.time IS NOT NULL
"""
_REJECTED = """
SELECT topic, payload, reason, detail, count, state
FROM telemetry_rejectedmessage WHERE topic LIKE %s ORDER BY first_received_at, id
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Points, and messages where said, that break the promise; all must be 0."""

    lost: int = 0
    invented: int = 0
    mutated: int = 0
    duplicated: int = 0
    wrong_latest: int = 0
    rejected_messages: int = 0


FLAWLESS = Verdict()


def stored_points(plant: Plant, fleet: Fleet) -> list[tuple[Key, float]]:
    """Return every stored point of a fleet."""
    with plant.database() as connection:
        rows = connection.execute(_SAMPLES, [list(fleet.devices)]).fetchall()
    return [((uid, source, moment), value) for uid, source, moment, value in rows]


def latest_points(plant: Plant, fleet: Fleet) -> dict[Key, float]:
    """Return the latest values of a fleet."""
    with plant.database() as connection:
        rows = connection.execute(_LATEST, [list(fleet.devices)]).fetchall()
    return {(uid, source, moment): value for uid, source, moment, value in rows}


def newest_points(points: Iterable[tuple[Key, float]]) -> dict[Key, float]:
    """Return the point of each channel that is last in time."""
    newest: dict[tuple[str, str], tuple[int, float]] = {}
    for (uid, source, moment), value in points:
        known = newest.get((uid, source))
        if known is None or known[0] < moment:
            newest[uid, source] = (moment, value)
    return {(*channel, moment): value for channel, (moment, value) in newest.items()}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row of the rejected messages."""

    topic: str
    payload: bytes
    reason: str
    detail: str
    count: int
    state: str


def rejected_rows(plant: Plant, fleet: Fleet) -> list[Rejected]:
    """Return what was rejected of the topics of a fleet's gateway, in any tenant."""
    with plant.database() as connection:
        rows = connection.execute(_REJECTED, [f"%/gw/{fleet.gateway}/%"]).fetchall()
    return [Rejected(*row) for row in rows]


def rejected_messages(plant: Plant) -> Counter[tuple[str, bytes, str]]:
    """Return how often each (topic, payload, reason) was rejected, of anybody's messages."""
    with plant.database() as connection:
        rows = connection.execute(
            "SELECT topic, payload, reason, count FROM telemetry_rejectedmessage"
        ).fetchall()
    return Counter({(topic, payload, reason): count for topic, payload, reason, count in rows})


def wait_until_stored(plant: Plant, fleet: Fleet, points: int) -> float:
    """Wait until so many points are stored, or nothing has changed for 40 s; return how long."""
    started = changed = time.monotonic()
    count = -1
    with plant.database() as connection:
        while time.monotonic() - started < PATIENCE_SECONDS:
            [now] = connection.execute(_COUNT, [list(fleet.devices)]).fetchone()
            if now >= points:
                break
            if now != count:
                count, changed = now, time.monotonic()
            elif time.monotonic() - changed > QUIET_SECONDS:
                break
            time.sleep(0.1)
    return time.monotonic() - started


def settle(plant: Plant, fleet: Fleet, publisher: LedgerPublisher) -> Verdict:
    """Wait until the broker has everything and everything is stored, then judge."""
    publisher.join()
    publisher.wait_for_acknowledgements()
    wait_until_stored(plant, fleet, len(points_of(publisher.published)))
    return judge(plant, fleet, published=publisher.published, acknowledged=publisher.acknowledged())


def judge(
    plant: Plant,
    fleet: Fleet,
    *,
    published: Iterable[Message],
    acknowledged: Iterable[Message],
) -> Verdict:
    """Compare what the publisher knows with what the tables hold."""
    offered, promised = points_of(published), points_of(acknowledged)
    rows = stored_points(plant, fleet)
    stored = dict(rows)
    latest = latest_points(plant, fleet)
    return Verdict(
        lost=len(promised.keys() - stored.keys()),
        invented=len(stored.keys() - offered.keys()),
        mutated=sum(stored[key] != offered[key] for key in stored.keys() & offered.keys()),
        duplicated=len(rows) - len(stored),
        wrong_latest=len(latest.items() ^ newest_points(rows).items()),
        rejected_messages=sum(row.count for row in rejected_rows(plant, fleet)),
    )
