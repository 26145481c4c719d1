"""Brings many registers up to date at once, when only the newest quarters changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
from django.db import transaction

from metering.build.bookings import booked_entries
from metering.build.decisions import Decided, write_decisions
from metering.build.engine import Window, lock_ledger, nothing_after
from metering.build.feeds import Feed, load_feeds
from metering.build.gaps import profile_of
from metering.ledger.kinds import DAY_US, Anchor
from metering.ledger.merge import merge
from metering.ledger.spread import spread
from metering.ledger.walk import walk
from metering.series import QUARTER_US
from metering.storage.checkpoints import (
    State,
    checkpoints_of,
    read_states,
    tail_of,
    write_checkpoints,
    write_states,
)
from metering.storage.days import Span, sum_days
from metering.storage.entries import Built, Written, write_entries
from telemetry.ingest.batch import SampleBatch, from_microseconds, to_microseconds
from telemetry.storage.reads import samples_since

# Older samples may be packed; such registers are built one by one.
FRESH_US = 20 * 3_600_000_000


def build_live(
    due: Mapping[int, Sequence[Window]], *, now: dt.datetime
) -> tuple[Written, dict[int, Sequence[Window]]]:
    """Build what lies after the registers' tails; return what was written, and what is left.

    One transaction, and a handful of statements for thousands of registers.
    """
    with transaction.atomic():
        lock_ledger()
        feeds = load_feeds(list(due))
        states = read_states(list(due))
        ready = {
            register: feed
            for register, windows in due.items()
            if (feed := _live_feed(feeds[register], states.get(register), windows, now))
        }
        written = _build(ready, states, now) if ready else Written()
    return written, {key: windows for key, windows in due.items() if key not in ready}


def _live_feed(
    feeds: Sequence[Feed], state: State | None, windows: Sequence[Window], now: dt.datetime
) -> Feed | None:
    if not feeds or state is None or state.tail is None:
        return None
    feed = feeds[-1]
    first = min(window[0] for window in windows) // QUARTER_US * QUARTER_US
    fresh = to_microseconds(now) - FRESH_US
    is_live = (
        feed.is_counter
        and feed.id == state.feed
        and feed.final is None
        and fresh <= state.tail.time <= first
        and feed.start <= state.tail.time
    )
    return feed if is_live else None


def _build(ready: Mapping[int, Feed], states: Mapping[int, State], now: dt.datetime) -> Written:
    tails: dict[int, Anchor] = {
        register: tail for register in ready if (tail := states[register].tail) is not None
    }
    until = to_microseconds(now) + DAY_US
    rows = samples_since(
        [(ready[register].channel, tail.time) for register, tail in tails.items()],
        from_microseconds(until),
    )
    built: list[Decided] = []
    kept: list[State] = []
    days: dict[int, dict[int, Anchor]] = {}
    for register, tail in tails.items():
        _build_one(ready[register], tail, rows, built, kept, days)
    written = write_entries([one.built for one in built], now=now)
    spans = [
        Span(register, ready[register].zone, first, last) for register, first, last in written.spans
    ]
    sum_days(spans, now=now)
    if built:
        write_decisions(built, now=now)
    write_checkpoints(days)
    write_states(kept, now=now)
    return written


def _build_one(
    feed: Feed,
    tail: Anchor,
    rows: SampleBatch,
    built: list[Decided],
    kept: list[State],
    days: dict[int, dict[int, Anchor]],
) -> None:
    begin, end = np.searchsorted(rows["channel"], [feed.channel, feed.channel + 1])
    samples = rows[begin:end]
    samples = samples[samples["time"] > tail.time]
    found = walk(*feed.registers(samples), anchor=tail, limits=feed.limits)
    steps = found.steps
    if not len(steps):
        if found.decisions:  # all is in another unit: nothing to build, but to tell
            nothing = nothing_after(feed.register, tail)
            built.append(Decided(feed.tenant, nothing, found.decisions, is_newest=True))
        return
    entries = spread(steps, profile_of(feed.register, steps))
    first, last = -(-tail.time // QUARTER_US), -(-int(steps["end"][-1]) // QUARTER_US) - 1
    inside = entries[entries["number"] >= first]
    if last >= first:
        parts = [inside, *booked_entries(feed.register, first, last)]
        whole = Built(feed.register, first, last, merge(parts))
        built.append(Decided(feed.tenant, whole, found.decisions, is_newest=True))
    sure = steps[steps["end"] <= found.final_until]
    today = found.final_until // DAY_US
    if len(sure):
        days[feed.id] = {day: at for day, at in checkpoints_of(sure).items() if day < today}
    newest = int(steps["end"][-1])
    state = State(feed.register, feed.id, tail_of(steps, found.final_until), newest, found.pending)
    kept.append(state if state.tail else State(feed.register, feed.id, tail, newest, found.pending))
