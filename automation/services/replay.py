"""What a rule would have done in the last days, by the samples that are stored.

The same engine looks at them that looks at live ones. What is not stored is named: when values
arrived, and what devices, alarms and zones were like then.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _

from automation.engine.board import Board, Entry, Found
from automation.rules.compiled import Scene, Seen
from automation.rules.definition import (
    SECOND_US,
    OnTime,
    RuleDefinition,
    Samples,
    channels_of,
    parts,
)
from automation.schedules.occurrences import Edge, runs_between
from automation.schedules.place import Place
from automation.services.past import (
    FORGOTTEN,
    Past,
    PastFacts,
    lead_of,
    make_ready,
    read_usable,
)
from automation.services.ready import Ready
from automation.services.rule_checks import check_definition, read_definition
from automation.services.rule_refusals import RuleRefused
from automation.watching import watch_of
from devices.services.commanders import Commander
from telemetry.ingest.batch import SampleBatch, from_microseconds, to_microseconds

MAX_DAYS = 7
MAX_SAMPLES = 300_000
MAX_FIRINGS = 5_000
MAX_LISTED = 200
MAX_SECONDS = 8.0
_BLOCK = 10_000
_HOUR_US = 3_600 * SECOND_US
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('automation replay'), hashtext(%s))"


class Outcome(StrEnum):
    """What would have become of a trigger."""

    ACTED = "acted"
    UNKNOWN = "unknown"  # it depends on what nobody knows
    CONDITIONS = "conditions"
    COOLDOWN = "cooldown"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Moment:
    """A trigger that would have come; number: which of the rule. seen: what was looked at."""

    at: dt.datetime
    number: int
    outcome: Outcome
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """How often on a local day: acted, unknown, and held back."""

    day: dt.date
    acted: int
    unknown: int
    held: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a rule would have done from `start` to `end`.

    Both lie closer together than was asked for where there was too much to look at: `is_cut`.
    listed: the newest moments. unknown: places of the definition about which nothing is known
    of the past. stopped_at: when it would have been stopped as one that acts too often.
    """

    start: dt.datetime
    end: dt.datetime
    is_cut: bool
    samples: int
    counts: Mapping[Outcome, int]
    days: tuple[Day, ...]
    listed: tuple[Moment, ...]
    unknown: tuple[str, ...]
    stopped_at: dt.datetime | None

    @property
    def triggers(self) -> int:
        """Return how many triggers there would have been."""
        return sum(self.counts.values())


@transaction.atomic
def replay_rule(
    definition: Mapping[str, Any],
    *,
    place: Place,
    actor: Commander,
    tenant_id: uuid.UUID,
    now: dt.datetime,
    days: int = MAX_DAYS,
) -> Replay:
    """Try a definition on the last days, at most 7; nothing is stored and nobody commanded.

    One at a time of a tenant: the others are refused as busy.

    Args: place: of the rule; its zone is that of the days.

    Raises: RuleRefused.
    """
    rule = read_definition(definition)
    check_definition(rule, actor=actor)
    return try_rule(rule, place=place, tenant_id=tenant_id, now=now, days=days)


@transaction.atomic
def try_rule(
    rule: RuleDefinition,
    *,
    place: Place,
    tenant_id: uuid.UUID,
    now: dt.datetime,
    days: int = MAX_DAYS,
) -> Replay:
    """Try a definition that was checked. Raises: RuleRefused: another is being tried."""
    _take_turn(tenant_id)
    found = make_ready(rule, place)
    asked = now - dt.timedelta(days=max(1, min(days, MAX_DAYS)))
    start, rows = _read(rule, asked, now, tenant_id)
    run = _Run(rule, found, Past(rows, place), start, now)
    run.go()
    return run.result(is_cut=start > asked)


def _take_turn(tenant_id: uuid.UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [str(tenant_id)])
        if not cursor.fetchone()[0]:
            raise RuleRefused("busy", _("Another rule is being tried: wait a moment."))


def _read(
    rule: RuleDefinition, asked: dt.datetime, now: dt.datetime, tenant_id: uuid.UUID
) -> tuple[dt.datetime, SampleBatch]:
    """Return since when, and the samples: of as many days as there is room for."""
    channels = {
        channel for one in rule.when if isinstance(one, Samples)
        for channel in channels_of(one.that)
    } | (channels_of(rule.if_) if rule.if_ else set())  # fmt: skip
    lead, end, taken, count = lead_of(rule), now, [], 0
    start = now
    while start > asked and channels:
        begin = max(asked, end - dt.timedelta(days=1))
        since = begin - lead if begin == asked else begin
        rows = read_usable(channels, since, end, most=MAX_SAMPLES, tenant_id=tenant_id)
        if count + len(rows) > MAX_SAMPLES:
            break
        taken.append(rows)
        count += len(rows)
        start = end = begin
    if not channels:
        start = asked
    if not taken:
        taken.append(read_usable(channels, now, now, most=1, tenant_id=tenant_id))
    rows = np.concatenate(taken)
    return start, rows[np.lexsort((rows["time"], rows["channel"]))]


@dataclass(slots=True)
class _Run:
    rule: RuleDefinition
    ready: Ready
    past: Past
    start: dt.datetime
    end: dt.datetime
    moments: list[Moment] = field(default_factory=list)
    stopped_at: dt.datetime | None = None
    _is_cut: bool = False
    _acted: list[int] = field(default_factory=list)

    def go(self) -> None:
        begin = to_microseconds(self.start)
        triggers = [*self._of_samples(), *self._of_times()]
        triggers.sort(key=lambda one: (one[0], one[1]))
        last = to_microseconds(self.end)
        for at, number, seen in triggers:
            if begin <= at <= last:
                self.moments.append(self._judge(at, number, seen))

    def _of_samples(self) -> list[tuple[int, int, Sequence[Seen]]]:
        entries = [
            Entry(None, number, watch_of(trigger, self.ready, number))
            for number, trigger in enumerate(self.rule.when)
            if isinstance(trigger, Samples)
        ]
        if not entries:
            return []
        board: Board[None] = Board(entries)
        rows = self.past.rows[np.argsort(self.past.rows["time"], kind="stable")]
        found: list[Found[None]] = []
        until = time.perf_counter() + MAX_SECONDS
        for block in range(0, len(rows), _BLOCK):
            part = rows[block : block + _BLOCK]
            found += board.take(part)
            if len(found) > MAX_FIRINGS or time.perf_counter() > until:
                self.end, self._is_cut = from_microseconds(int(part["time"][-1])), True
                break
        found += board.due(to_microseconds(self.end))
        return [(one.firing.at, one.number, one.firing.seen) for one in found]

    def _of_times(self) -> Iterator[tuple[int, int, Sequence[Seen]]]:
        for number, trigger in enumerate(self.rule.when):
            if isinstance(trigger, OnTime):
                runs = runs_between(
                    trigger.schedule, self.past.place, self.start, self.end, most=MAX_FIRINGS
                )
                for run in runs:
                    if run.edge != Edge.END:
                        yield to_microseconds(run.at), number, ()

    def _judge(self, at: int, number: int, seen: Sequence[Seen]) -> Moment:
        moment = from_microseconds(at)
        if self.stopped_at is not None:
            return Moment(moment, number, Outcome.STOPPED, tuple(seen))
        if self._acted and at < self._acted[-1] + self.rule.cooldown * SECOND_US:
            return Moment(moment, number, Outcome.COOLDOWN, tuple(seen))
        if self.ready.only_if is not None:
            outcome, looked_at = self._look(at)
            seen = [*seen, *looked_at]
            if outcome is not Outcome.ACTED:
                return Moment(moment, number, outcome, tuple(seen))
        recent = sum(at - one < _HOUR_US for one in self._acted[-self.rule.most_per_hour :])
        if recent >= self.rule.most_per_hour:
            self.stopped_at = moment
            return Moment(moment, number, Outcome.STOPPED, tuple(seen))
        self._acted.append(at)
        return Moment(moment, number, Outcome.ACTED, tuple(seen))

    def _look(self, at: int) -> tuple[Outcome, list[Seen]]:
        only_if = self.ready.only_if
        if only_if is None:
            return Outcome.ACTED, []
        scene = Scene(len(only_if.latches), PastFacts(self.past, at))
        scene.now = at
        scene.inputs = self.past.at(only_if.channels, at)
        holds, seen = only_if.holds(scene), only_if.explain(scene)
        if holds:
            return Outcome.ACTED, seen
        is_open = holds is None and any(
            one.holds is None and isinstance(one.part, FORGOTTEN) for one in seen
        )
        return (Outcome.UNKNOWN if is_open else Outcome.CONDITIONS), seen

    def result(self, *, is_cut: bool) -> Replay:
        return Replay(
            start=self.start, end=self.end, is_cut=is_cut or self._is_cut,
            samples=len(self.past.rows),
            counts=Counter(one.outcome for one in self.moments), days=tuple(self._days()),
            listed=tuple(self.moments[: -MAX_LISTED - 1 : -1]), unknown=tuple(self._unknown()),
            stopped_at=self.stopped_at,
        )  # fmt: skip

    def _days(self) -> Iterator[Day]:
        zone = self.past.place.zone
        counted: dict[dt.date, Counter[Outcome]] = {}
        for one in self.moments:
            counted.setdefault(one.at.astimezone(zone).date(), Counter())[one.outcome] += 1
        first, last = self.start.astimezone(zone).date(), self.end.astimezone(zone).date()
        for number in range((last - first).days + 1):
            day = first + dt.timedelta(days=number)
            of = counted.get(day, Counter())
            acted, unknown = of[Outcome.ACTED], of[Outcome.UNKNOWN]
            yield Day(day, acted, unknown, of.total() - acted - unknown)

    def _unknown(self) -> Iterator[str]:
        for number, trigger in enumerate(self.rule.when):
            if not isinstance(trigger, Samples | OnTime):
                yield f"when[{number}]"
        if self.rule.if_ is not None:
            for place, part, _depth in parts(self.rule.if_, "if"):
                if isinstance(part, FORGOTTEN):
                    yield place
