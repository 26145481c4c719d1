"""Hands stored batches to a reactor at a rate, and notes what it makes of them."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psycopg

from energy.lib.redis import durable, key
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch
from telemetry.ingest.publish import STREAM, publish

BATCH = 2_000
LIMIT, NORMAL, HIGH = 100.0, 50.0, 150.0


class Watcher:
    """Notes when what follows is first seen, over a connection of its own.

    seen: SQL of (channel, moment in s since 1970), with a place for the beginning.
    """

    def __init__(self, seen: str, since: float) -> None:
        self._seen, self._since = seen, since - 1
        self._connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        self.ages: dict[tuple[int, float], float] = {}

    def look(self) -> int:
        """Look once; return how many have been seen."""
        now = time.time()
        for channel, raised in self._connection.execute(self._seen, [self._since]).fetchall():
            self.ages.setdefault((channel, raised), now - raised)
        return len(self.ages)


def feed(channels: Sequence[int], options: argparse.Namespace, watcher: Watcher) -> int:
    """Hand over batches at the rate; return of how many values, too high, something follows."""
    own = np.array(channels, dtype="<i4")
    batches = options.seconds * options.rate // BATCH
    step = BATCH / options.rate
    turns = max(1, len(own) // BATCH)
    high: set[int] = set()
    raised, owed, begun = 0, 0.0, time.perf_counter()
    for number in range(batches):
        time.sleep(max(0.0, begun + number * step - time.perf_counter()))
        part = own[(number % turns) * BATCH :][:BATCH]
        rows = np.zeros(len(part), SAMPLE_DTYPE)
        now = time.time()
        rows["channel"], rows["time"] = part, int(now * 1_000_000)
        rows["value"] = NORMAL + number % 7
        owed += options.events * step
        for _ in range(int(owed)):
            at = (raised * 37) % len(part)
            if int(part[at]) not in high:
                rows["value"][at] = HIGH
                high.add(int(part[at]))
                raised += 1
        owed -= int(owed)
        high.difference_update(part[rows["value"] < LIMIT].tolist())
        batch = StoredBatch(rows.tobytes(), b"\1" * len(rows), int(now * 1_000_000))
        publish(durable(), [batch], now=now)
        if number % 5 == 0:
            watcher.look()
    return raised


def storm(channels: Sequence[int], watcher: Watcher) -> float:
    """Let all be too high at once; return after how many seconds all is there."""
    before, now = watcher.look(), time.time()
    rows = np.zeros(len(channels), SAMPLE_DTYPE)
    rows["channel"], rows["time"], rows["value"] = channels, int(now * 1_000_000), HIGH
    for begin in range(0, len(rows), BATCH):
        part = rows[begin : begin + BATCH]
        batch = StoredBatch(part.tobytes(), b"\1" * len(part), int(now * 1_000_000))
        publish(durable(), [batch], now=now)
    return round(wait(lambda: watcher.look() >= before + 0.99 * len(rows), 120), 2)


def is_caught_up(group: str) -> bool:
    """Tell whether a consumer group has done all there is."""
    client = durable()
    info: Any = client.xinfo_stream(key(STREAM))
    groups: Any = client.xinfo_groups(key(STREAM))
    own = next(one for one in groups if one["name"].decode() == group)
    return own["last-delivered-id"] == info["last-generated-id"] and not own["pending"]


def wait(condition: Callable[[], bool], at_most: float) -> float:
    """Wait until something holds, so many seconds at most; return how long it took."""
    began = time.perf_counter()
    while not condition() and time.perf_counter() - began < at_most:
        time.sleep(0.02)
    return time.perf_counter() - began


def percentile(ages: np.ndarray[Any, np.dtype[np.float64]], percent: float) -> float:
    """Return a percentile of seconds, in ms."""
    return round(float(np.percentile(ages, percent)) * 1000, 1) if len(ages) else float("inf")


def is_met(targets: Sequence[tuple[str, float, float, bool]]) -> bool:
    """Print figures beside their limits; True if all are met. The last one: it is a least one."""
    all_met = True
    for name, value, limit, is_minimum in targets:
        met = value >= limit if is_minimum else value <= limit
        all_met &= met
        print(f"  {'ok  ' if met else 'MISS'} {name:<28}{value:>12,}  ({limit:,.10g})")
    return all_met
