"""How often a rule would have raised an alarm: tried on stored samples, before it is enabled."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _

from alarms.engine.fold import NEVER, Episode
from alarms.queries.rules import find_rule, newest_versions
from alarms.queries.scopes import Scope, channels_in, scope_of
from alarms.rules.compiled import Compiled, compile_rule, hold_of
from alarms.rules.definition import LastWeek, NoData, RuleDefinition
from alarms.rules.trial import WEEK_US, Trial
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import Content, check_rule
from devices.models import Channel
from telemetry.ingest.batch import SampleBatch, from_microseconds, to_microseconds
from telemetry.rows import UNUSABLE
from telemetry.storage.reads import raw_samples

MAX_DAYS = 90
MAX_CHANNELS = 500
MAX_SAMPLES = 6_000_000
MAX_LISTED = 200
PORTION = 60_000  # samples of a channel at a time: 30 days and a week of one a minute
CHANNELS_A_READ = 10
SECOND_US = 1_000_000
_LEAD = dt.timedelta(days=7)


_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('alarm back-test'), hashtext(%s))"


@dataclass(frozen=True, slots=True)
class Firing:
    """An alarm that there would have been; `cleared_at` None: it would be open now."""

    channel: Channel
    raised_at: dt.datetime
    cleared_at: dt.datetime | None
    value: float
    seconds: float


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a rule would have done from `start` to `end`.

    listed: the newest alarms. days: how many began on which day of the zone, without those
    that had none. channels: all that it watches; tried: as many of them as were looked at.
    unit: of the values.
    """

    start: dt.datetime
    end: dt.datetime
    fired: int
    listed: tuple[Firing, ...]
    days: tuple[tuple[dt.date, int], ...]
    open: int
    seconds: float
    channels: int
    tried: int
    with_samples: int
    samples: int
    unit: str

    @property
    def left_out(self) -> int:
        """Return how many channels were not looked at."""
        return self.channels - self.tried

    @property
    def longest(self) -> float:
        """Return the longest of the listed alarms in seconds."""
        return max((one.seconds for one in self.listed), default=0.0)


@transaction.atomic
def back_test(
    *,
    scope: Scope,
    content: Content,
    days: int,
    zone: ZoneInfo,
    tenant_id: uuid.UUID,
    now: dt.datetime,
) -> BackTest:
    """Try a rule on the last days; nothing is stored.

    Reads at most `MAX_SAMPLES`; channels for which there are too many are left out, and counted.
    One at a time of a tenant: the others are refused as busy.

    Args: zone: of the days that alarms are counted by.
    Raises: RuleRefused.
    """
    definition = check_rule(scope, content)
    _take_turn(tenant_id)
    matching = channels_in(scope)
    channels = list(matching[:MAX_CHANNELS])
    run = _Run(definition, now - dt.timedelta(days=days), now, tenant_id)
    for begin in range(0, len(channels), CHANNELS_A_READ):
        if run.samples >= MAX_SAMPLES:
            break
        run.take(channels[begin : begin + CHANNELS_A_READ])
    firings = sorted(run.firings, key=lambda one: (one.raised_at, one.channel.id), reverse=True)
    per_day = Counter(one.raised_at.astimezone(zone).date() for one in firings)
    return BackTest(
        start=run.start, end=now, fired=len(firings), listed=tuple(firings[:MAX_LISTED]),
        days=tuple(sorted(per_day.items())),
        open=sum(one.cleared_at is None for one in firings),
        seconds=sum(one.seconds for one in firings),
        channels=matching.count() if len(channels) == MAX_CHANNELS else len(channels),
        tried=run.tried, with_samples=run.with_samples, samples=run.samples,
        unit=_unit(definition, channels),
    )  # fmt: skip


def back_test_rule(*, rule_id: uuid.UUID, days: int, zone: ZoneInfo, now: dt.datetime) -> BackTest:
    """Try a rule as it is now on the last days. Raises: AlarmRule.DoesNotExist. RuleRefused."""
    rule = find_rule(rule_id)
    version = newest_versions([rule]).get(rule.id)
    content = Content(version.definition if version else {})
    return back_test(
        scope=scope_of(rule), content=content, days=days, zone=zone, tenant_id=rule.tenant_id,
        now=now,
    )  # fmt: skip


@dataclass(slots=True)
class _Run:
    definition: RuleDefinition
    start: dt.datetime
    end: dt.datetime
    tenant_id: uuid.UUID
    samples: int = 0
    tried: int = 0
    with_samples: int = 0
    firings: list[Firing] = field(default_factory=list)
    _compiled: dict[tuple[str, int], Compiled] = field(default_factory=dict)

    def take(self, channels: Sequence[Channel]) -> None:
        """Try some channels; the last of them may be left out for too many samples."""
        lead = self._lead(channels)
        first = self.start - lead
        since = first - dt.timedelta(microseconds=self._earlier(channels))
        trials = {
            channel.id: Trial(self._compile(channel), begin=to_microseconds(first))
            for channel in channels
        }
        rows = self._read(list(trials), since)
        begins = np.searchsorted(rows["channel"], list(trials), side="left")
        ends = np.searchsorted(rows["channel"], list(trials), side="right")
        for channel, begin, end in zip(channels, begins, ends, strict=True):
            portion = rows[begin:end]
            trial = trials[channel.id]
            _give(trial, portion)
            if len(portion) == PORTION and not self._go_on(channel, trial, portion):
                return
            self.tried += 1
            self.with_samples += bool(len(portion))
            self._note(channel, trial.end(to_microseconds(self.end)))

    def _go_on(self, channel: Channel, trial: Trial, portion: SampleBatch) -> bool:
        """Read the rest of a channel; False when there is too much of it."""
        while len(portion) == PORTION:
            if self.samples >= MAX_SAMPLES:
                return False
            portion = self._read([channel.id], from_microseconds(int(portion["time"][-1]) + 1))
            _give(trial, portion)
        return True

    def _read(self, channels: Sequence[int], since: dt.datetime) -> SampleBatch:
        rows = raw_samples(channels, since, self.end, PORTION, tenant_id=self.tenant_id)
        self.samples += len(rows)
        return rows

    def _note(self, channel: Channel, episodes: Sequence[Episode]) -> None:
        for episode in episodes:
            raised_at = from_microseconds(episode.raised_at)
            if raised_at >= self.start:
                self.firings.append(self._firing(channel, raised_at, episode))

    def _firing(self, channel: Channel, raised_at: dt.datetime, episode: Episode) -> Firing:
        is_open = episode.cleared_at == NEVER
        cleared_at = None if is_open else from_microseconds(episode.cleared_at)
        seconds = ((cleared_at or self.end) - raised_at).total_seconds()
        return Firing(channel, raised_at, cleared_at, episode.value, seconds)

    def _compile(self, channel: Channel) -> Compiled:
        key = channel.device.site.timezone, _hold(channel)
        if key not in self._compiled:
            zone, hold = ZoneInfo(key[0]), key[1]
            self._compiled[key] = compile_rule(self.definition, zone=zone, hold=hold)
        return self._compiled[key]

    def _lead(self, channels: Sequence[Channel]) -> dt.timedelta:
        """Return how much earlier to begin, so that what is under way at the start is known."""
        seconds = self.definition.for_seconds + max(_hold(c) for c in channels) // SECOND_US
        if isinstance(self.definition.when, NoData):
            seconds = self.definition.when.seconds
        return min(_LEAD, dt.timedelta(seconds=seconds))

    def _earlier(self, channels: Sequence[Channel]) -> int:
        if not isinstance(self.definition.when, LastWeek):
            return 0
        return WEEK_US + max(self._compile(channel).timing.hold for channel in channels)


def _take_turn(tenant_id: uuid.UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [str(tenant_id)])
        if not cursor.fetchone()[0]:
            raise RuleRefused("busy", _("Another rule is being tried: wait a moment."))


def _give(trial: Trial, rows: SampleBatch) -> None:
    usable = rows[~np.isin(rows["quality"], UNUSABLE)]
    trial.take(usable["time"].astype(np.int64), usable["value"].astype(np.float64))


def _hold(channel: Channel) -> int:
    profile = channel.device.profile
    return hold_of(
        interval=profile.expected_interval_seconds, offline_after=profile.offline_after_seconds,
        channel_interval=channel.expected_interval_seconds,
    )  # fmt: skip


def _unit(definition: RuleDefinition, channels: Sequence[Channel]) -> str:
    if isinstance(definition.when, LastWeek):
        return "%"
    if isinstance(definition.when, NoData) or not channels:
        return ""
    return channels[0].unit
