"""A rule on a channel, samples for it, and the reactor that follows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from accounts.tenancy import all_tenants
from alarms.models import Alarm, AlarmRule, AlarmRuleVersion, Ending
from alarms.reactor import AlarmsReactor
from devices.models import Channel
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch, to_microseconds
from telemetry.ingest.store import Change, SampleStore
from telemetry.partitions import ensure_partitions, week_of
from tests.factories import AlarmRuleFactory, AlarmRuleVersionFactory

START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
LATER = dt.timedelta(hours=1)  # batches count as fresh
Points = Iterable[tuple[int, float]]  # s after START, value


class Watchman:
    """Stores samples as the ingest worker does, and hands them to a reactor."""

    def __init__(self) -> None:
        self._store = SampleStore()
        ensure_partitions({week_of(START), week_of(START - dt.timedelta(days=7))}, now=START)
        self.reactor = AlarmsReactor()

    def rule(self, channel: Channel, definition: dict[str, Any], **fields: Any) -> AlarmRule:
        """Make an enabled rule."""
        rule: AlarmRule = AlarmRuleFactory(channel=channel, metric="", **fields)
        self.version(rule, 1, definition)
        return rule

    def version(
        self, rule: AlarmRule, number: int, definition: dict[str, Any], **fields: Any
    ) -> AlarmRuleVersion:
        """Let a rule look for something from now on."""
        made: AlarmRuleVersion = AlarmRuleVersionFactory(
            rule=rule, number=number, definition=definition, **fields
        )
        return made

    def send(self, channel: Channel, points: Points, *, is_stored: bool = True) -> None:
        """Store samples and tell the reactor. Args: is_stored: they are stored already."""
        batch = self.store(channel, points) if is_stored else self.batch(channel, points)
        self.reactor.react(batch)

    def store(self, channel: Channel, points: Points) -> StoredBatch:
        """Store samples; return the batch of which a reactor would be told."""
        batch = self.batch(channel, points)
        rows = batch.samples().copy()
        self._store.write(Change(rows, rows[:0], [], lambda at: None, START))
        return batch

    def batch(self, channel: Channel, points: Points) -> StoredBatch:
        """Return samples as the stream has them."""
        known = sorted(dict(points).items())
        rows = np.zeros(len(known), SAMPLE_DTYPE)
        rows["channel"] = channel.id
        rows["time"] = [to_microseconds(START) + int(at * 1_000_000) for at, _ in known]
        rows["value"] = [value for _, value in known]
        return StoredBatch(rows.tobytes(), b"\1" * len(rows), to_microseconds(START + LATER))

    def look(self, seconds: float) -> None:
        """Let the reactor write what is known so many seconds after START."""
        self.reactor.flush((START + dt.timedelta(seconds=seconds)).timestamp())

    def crash(self) -> None:
        """Forget everything that is not in the database."""
        self.reactor = AlarmsReactor()

    def restart(self) -> None:
        """End in an orderly way and begin again."""
        self.reactor.close()
        self.crash()

    def close(self) -> None:
        """Release connections."""
        self._store.close()


def alarms_of(channel: Channel) -> list[tuple[float, float | None, float | None]]:
    """Return begin and end in s after START, and value, of alarms that stand."""
    with all_tenants():
        found: Sequence[Alarm] = list(
            Alarm.objects.filter(channel=channel)
            .exclude(ending=Ending.WITHDRAWN)
            .order_by("raised_at")
        )
    return [(_after(a.raised_at) or 0.0, _after(a.cleared_at), a.value) for a in found]


def _after(moment: dt.datetime | None) -> float | None:
    return None if moment is None else (moment - START).total_seconds()
