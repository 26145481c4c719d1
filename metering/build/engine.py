"""Brings registers up to date: what is due, how far it reaches, and what is written."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.db import connection, transaction

from metering.build.bookings import booked_entries
from metering.build.counter import Run, run_feed
from metering.build.decisions import Decided, write_decisions
from metering.build.feeds import Feed, load_feeds
from metering.build.gaps import profile_of, windows_of_gaps
from metering.build.power import build_flow
from metering.ledger.kinds import DAY_US, ENTRY_DTYPE, Anchor, Decision, Entries
from metering.ledger.merge import merge
from metering.ledger.spread import spread
from metering.models import LedgerState
from metering.series import QUARTER_US
from metering.storage.checkpoints import (
    State,
    checkpoints_of,
    forget_checkpoints,
    tail_of,
    write_checkpoints,
    write_states,
)
from metering.storage.days import Span, sum_days
from metering.storage.entries import Built, Written, write_entries
from telemetry.ingest.batch import to_microseconds

_LOCK = 7_204_620  # advisory lock: one process at a time changes the ledger

Window = tuple[int, int]


@dataclass(slots=True)
class Part:
    """What was found out about one register: [first, last] quarters and all that is in them.

    `is_newest`: nothing is known after them. `silent`: where a counter goes on of which no
    sample could be accepted.
    """

    first: int
    last: int
    entries: list[Entries] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    again: list[Window] = field(default_factory=list)
    is_newest: bool = False
    silent: Anchor | None = None

    def add(self, first: int, last: int, entries: Entries) -> None:
        """Take the quarters of one feed."""
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.entries.append(entries)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a build wrote, and which windows (µs) are still due."""

    written: Written
    again: list[Window]


def lock_ledger() -> None:
    """Wait until no other process changes the ledger; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def build_register(register: int, window: Window, *, now: dt.datetime) -> Progress:
    """Build the quarters of a register that samples in a window touch; one transaction.

    Args: window: first and last µs UTC. A window may be far too long: a part of it is then
        built, and the rest comes back as `again`.
    """
    with transaction.atomic():
        lock_ledger()
        feeds = load_feeds([register])[register]
        if not feeds:
            return Progress(Written(), [])
        part = _build_feeds(feeds, window, until=to_microseconds(now) + DAY_US, now=now)
        _reach_bookings(part, register, window)
        if part.last < part.first:
            if part.silent and part.is_newest:
                nothing = nothing_after(register, part.silent)
                write_decisions([_decided(feeds[0], nothing, part)], now=now)
            return Progress(Written(), part.again)
        entries = merge([*part.entries, *booked_entries(register, part.first, part.last)])
        built = Built(register, part.first, part.last, entries)
        written = write_entries([built], now=now)
        sum_days([Span(*span[:1], feeds[0].zone, *span[1:]) for span in written.spans], now=now)
        write_decisions([_decided(feeds[0], built, part)], now=now)
    gaps = windows_of_gaps(built) if written.measured else []
    return Progress(written, part.again + gaps)


def nothing_after(register: int, anchor: Anchor) -> Built:
    """Return no quarters, from the first one on that nothing is known of after a sample."""
    first = -(-anchor.time // QUARTER_US)
    return Built(register, first, first - 1, np.empty(0, dtype=ENTRY_DTYPE))


def _decided(feed: Feed, built: Built, part: Part) -> Decided:
    return Decided(feed.tenant, built, part.decisions, part.is_newest)


def _reach_bookings(part: Part, register: int, window: Window) -> None:
    """Take in what people booked for the time after the newest sample."""
    state = LedgerState.objects.filter(register_id=register).first()
    newest = state.built_until if state and state.built_until is not None else 0
    first = max(window[0] // QUARTER_US, newest // QUARTER_US + 1, part.last + 1)
    last = window[1] // QUARTER_US
    if first <= last and booked_entries(register, first, last):
        part.first, part.last = min(part.first, first), last


def _build_feeds(feeds: Sequence[Feed], window: Window, *, until: int, now: dt.datetime) -> Part:
    part = Part(2**62, -1)
    windows = _windows_of(feeds, window)
    for place, feed in enumerate(feeds):
        if place not in windows:
            continue
        first, last = windows[place]
        if feed.is_counter:
            run = run_feed(feed, first, last, until=until)
            _take_run(part, run, last, now=now)
            reached = run.is_live
            part.is_newest = reached and feed is feeds[-1]
        else:
            reached = build_flow(part, feed, first, last, until=until)
        if reached and place + 1 < len(feeds) and place + 1 not in windows:
            edge = feeds[place + 1].start
            if edge // QUARTER_US <= part.last:
                windows[place + 1] = (edge, max(edge, last))
    return part


def _windows_of(feeds: Sequence[Feed], window: Window) -> dict[int, Window]:
    """Return what is due of each feed; at a change of meters both share a quarter hour."""
    first, last = window[0] // QUARTER_US * QUARTER_US, window[1]
    last_edge = (last // QUARTER_US + 1) * QUARTER_US - 1
    return {
        place: (max(first, feed.start), min(last, feed.end))
        for place, feed in enumerate(feeds)
        if feed.start <= last_edge and feed.end >= first
    }


def _take_run(part: Part, run: Run, last: int, *, now: dt.datetime) -> None:
    if run.goes_on is not None:
        part.again.append((run.goes_on, last))
    steps = run.steps
    if not len(steps):
        part.silent, part.decisions = run.anchor, part.decisions + run.decisions
        _keep_state(run, now)
        return
    entries = spread(steps, profile_of(run.feed.register, steps))
    first, final = run.first_quarter, run.last_quarter
    inside = entries[(entries["number"] >= first) & (entries["number"] <= final)]
    part.add(first, final, inside)
    part.decisions += run.decisions
    sure = steps[steps["end"] <= run.final_until]
    days = checkpoints_of(sure) if len(sure) else {}
    begin = int(steps["start"][0]) // DAY_US
    end = 2**31 - 1 if run.is_live else max(days, default=begin)
    forget_checkpoints(run.feed.id, days, first_day=begin, last_day=end)
    write_checkpoints({run.feed.id: days})
    _keep_state(run, now)


def _keep_state(run: Run, now: dt.datetime) -> None:
    if run.is_live:
        tail = tail_of(run.steps, run.final_until)
        newest = int(run.steps["end"][-1]) if len(run.steps) else None
        state = State(run.feed.register, run.feed.id, tail, newest, run.pending)
        write_states([state], now=now)


def build_windows(due: Mapping[int, Sequence[Window]], *, now: dt.datetime) -> Written:
    """Build windows of registers until nothing more is due."""
    written = Written()
    for register, windows in due.items():
        written += build_until(register, windows, math.inf, now=now)[0]
    return written


def build_until(
    register: int, windows: Sequence[Window], deadline: float, *, now: dt.datetime
) -> tuple[Written, list[Window]]:
    """Build windows of a register until a moment of the monotonic clock; return what is left."""
    written = Written()
    waiting = set(windows)
    while waiting:
        window = min(waiting)
        waiting.remove(window)
        progress = build_register(register, window, now=now)
        written += progress.written
        waiting.update(progress.again)
        if time.monotonic() >= deadline:
            break
    return written, sorted(waiting)
