"""Walks the stored samples of one feed with a register, from a checkpoint until all is the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from metering.build.feeds import Feed, begin_of
from metering.ledger.kinds import DAY_US, STEP_DTYPE, Anchor, Decision, Judgement, Steps
from metering.ledger.walk import Walk, walk
from metering.series import QUARTER_US, Ints
from metering.storage.checkpoints import (
    anchor_after_loss,
    anchor_before,
    checkpoints_of,
    stored_checkpoints,
)
from telemetry.ingest.batch import from_microseconds
from telemetry.storage.reads import raw_samples

CHUNK_US = 8 * DAY_US
# A run that is longer ends at a checkpoint; the next one goes on from there.
MOST_SAMPLES = 600_000


@dataclass(slots=True)
class Run:
    """What a walk over stored samples found.

    `anchor`: where it began; None at the feed's beginning. `is_live`: it came to the newest
    sample. `goes_on`: µs from which the next run has to go on. `final_until`: µs.
    """

    feed: Feed
    anchor: Anchor | None
    steps: Steps = field(default_factory=lambda: np.empty(0, dtype=STEP_DTYPE))
    decisions: list[Decision] = field(default_factory=list)
    pending: int = 0
    final_until: int = 0
    is_live: bool = False
    goes_on: int | None = None

    @property
    def first_quarter(self) -> int:
        """The first quarter that the steps tell all of."""
        if self.anchor is None:
            return int(self.steps["start"][0]) // QUARTER_US
        return -(-self.anchor.time // QUARTER_US)

    @property
    def last_quarter(self) -> int:
        """The last such quarter; at the newest sample it may be an open one."""
        end = int(self.steps["end"][-1])
        return -(-end // QUARTER_US) - 1 if self.is_live else end // QUARTER_US - 1


def run_feed(feed: Feed, first: int, last: int, *, until: int) -> Run:
    """Walk so that all quarters that samples in [first, last] (µs) touch are known anew.

    Goes on until a later checkpoint is found as it was, or to the newest sample.

    Args: until: samples of later times are not read.
    """
    begin = max(first, feed.start) // QUARTER_US * QUARTER_US
    anchor = anchor_before(feed.id, begin)
    if anchor is None:
        at = min(begin_of(feed), min(feed.end, until))
        anchor = anchor_after_loss(feed.id, at)
    if anchor is not None:
        at = anchor.time + 1
    run = Run(feed, anchor)
    blocks: list[Steps] = []
    end = min(feed.end, until)
    samples = _none()
    count = 0
    while True:
        chunk_end = min(at + CHUNK_US, end)
        samples = _read(feed, samples, at, chunk_end)
        is_last = chunk_end >= end
        found = walk(*samples, anchor=anchor, limits=feed.limits)
        keep = _keep(found, is_last=is_last)
        blocks.append(found.steps[keep])
        run.decisions += _told(found, keep, is_last=is_last, is_begin=anchor is None)
        anchor, samples = _go_on(anchor, samples, found, keep)
        run.final_until, run.pending = found.final_until, found.pending
        count += len(blocks[-1])
        at = chunk_end
        if is_last:
            run.is_live = True
            break
        if chunk_end > last and _is_settled(feed, blocks[-1], last):
            break
        if count > MOST_SAMPLES and blocks[-1].size and chunk_end < last:
            run.goes_on = int(blocks[-1]["end"][-1])
            break
    run.steps = np.concatenate(blocks)
    return run


def _none() -> tuple[Ints, Ints]:
    return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)


def _read(feed: Feed, left: tuple[Ints, Ints], start: int, end: int) -> tuple[Ints, Ints]:
    """Return samples that are left and those of [start, end)."""
    rows = raw_samples(
        [feed.channel], from_microseconds(start), from_microseconds(end), tenant_id=None
    )
    times, registers = feed.registers(rows)
    # readings of people are added to each portion; once is enough
    is_in = (times >= start) & ((times < end) | (times == (feed.end if end == feed.end else -1)))
    times, registers = times[is_in], registers[is_in]
    return np.concatenate((left[0], times)), np.concatenate((left[1], registers))


def _keep(found: Walk, *, is_last: bool) -> slice:
    """Return which steps stay as they are whatever comes in the next portion."""
    if is_last:
        return slice(None)
    return slice(int(np.searchsorted(found.steps["end"], found.final_until, side="right")))


def _told(found: Walk, keep: slice, *, is_last: bool, is_begin: bool) -> list[Decision]:
    if is_last:
        return list(found.decisions)
    kept = found.steps[keep]
    last = int(kept["end"][-1]) if len(kept) else -1
    return [
        one
        for one in found.decisions
        if one.until <= last or (one.kind == Judgement.FIRST and is_begin and last >= 0)
    ]


def _go_on(
    anchor: Anchor | None, samples: tuple[Ints, Ints], found: Walk, keep: slice
) -> tuple[Anchor | None, tuple[Ints, Ints]]:
    kept = found.steps[keep]
    if not len(kept):
        return anchor, samples
    anchor = Anchor(int(kept["end"][-1]), int(kept["finish"][-1]))
    place = int(np.searchsorted(samples[0], anchor.time, side="right"))
    return anchor, (samples[0][place:], samples[1][place:])


def _is_settled(feed: Feed, steps: Steps, last: int) -> bool:
    """Tell whether a checkpoint after the change is as it was, so that all later ones are."""
    if not len(steps):
        return False
    found = checkpoints_of(steps)
    stored = stored_checkpoints(feed.id, min(found), max(found))
    covered = int(steps["end"][-1])
    return any(
        anchor.time >= last
        and stored.get(day) == anchor
        and -(-anchor.time // QUARTER_US) * QUARTER_US <= covered
        for day, anchor in found.items()
    )
