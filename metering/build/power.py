"""Builds quarter hours of feeds without a register: power, and amounts of intervals."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from devices.models import Kind
from metering.build.feeds import Feed, begin_of
from metering.ledger.flows import Floats, amounts, integrate, quarantine
from metering.ledger.kinds import DAY_US, Decision, Entries
from metering.series import QUARTER_US, Ints
from telemetry.ingest.batch import SampleBatch, from_microseconds
from telemetry.quality import Quality
from telemetry.storage.reads import raw_samples

OLD_US = 300 * DAY_US  # retention may have dropped samples of that age
SAMPLES = 200_000  # read at a time; each is far shorter than all of them
_UNUSABLE = (Quality.BAD.value, Quality.MISSING.value)


class Taker(Protocol):
    """Who takes the quarters of a feed, and what is still due."""

    again: list[tuple[int, int]]
    decisions: list[Decision]

    def add(self, first: int, last: int, entries: Entries) -> None:
        """Take the quarters of [first, last]."""


def build_flow(part: Taker, feed: Feed, first: int, last: int, *, until: int) -> bool:
    """Build what samples in [first, last] (µs) touch; tell whether that is the feed's end.

    Each quarter depends on the samples in it and a few around it.
    """
    reach = 2 * max(feed.interval_us, feed.amount_us)
    last = min(last, until)
    kept = begin_of(feed) if first < until - OLD_US else first - reach
    first = max(first, kept)
    if first > last:
        return True
    # the ledger outlives its samples: before the first of them nothing is touched
    low, high = max(first - reach, kept) // QUARTER_US, (last + reach) // QUARTER_US
    samples = _read(feed, low * QUARTER_US - reach, (high + 1) * QUARTER_US + reach)
    if len(samples) == SAMPLES:
        end = int(samples["time"][-1]) - 2 * reach - QUARTER_US
        part.again.append((end + 1, last))
        high = (end + reach) // QUARTER_US
    times, values = _values(feed, samples)
    entries, decisions = _entries(feed, times, values)
    low = max(low, feed.start // QUARTER_US)
    inside = (entries["number"] >= low) & (entries["number"] <= high)
    part.add(low, high, entries[inside])
    edges = low * QUARTER_US, (high + 1) * QUARTER_US
    part.decisions += [one for one in decisions if edges[0] < one.until <= edges[1]]
    return high * QUARTER_US >= feed.end


def _read(feed: Feed, start: int, end: int) -> SampleBatch:
    return raw_samples(
        [feed.channel],
        from_microseconds(max(start, feed.start, 0)),
        from_microseconds(min(end, feed.end)),
        SAMPLES,
        tenant_id=None,
    )


def _values(feed: Feed, samples: SampleBatch) -> tuple[Ints, Floats]:
    samples = samples[~np.isin(samples["quality"], _UNUSABLE)]
    return samples["time"].astype(np.int64), samples["value"] * feed.factor


def _entries(feed: Feed, times: Ints, values: Floats) -> tuple[Entries, list[Decision]]:
    if feed.kind == Kind.INTERVAL:  # how long an amount took is often not known
        return amounts(times, values, interval_us=feed.amount_us), []
    is_sound, decisions = quarantine(
        times, values, most=feed.most, interval_us=feed.interval_us, part=feed.part
    )
    entries = integrate(
        times[is_sound], values[is_sound], interval_us=feed.interval_us,
        integration=feed.integration, part=feed.part,
    )  # fmt: skip
    return entries, decisions
