"""A rule over samples, the reactor that follows them, and what acts upon what it decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import numpy as np

from accounts.tenancy import all_tenants
from automation.models import AutomationRule, AutomationRuleVersion, Execution
from automation.reactor import AutomationReactor
from automation.rules.definition import Samples, channels_of, read_rule
from automation.running.parts import make_parts
from automation.services.events import listened_types
from devices.models import Channel, Command
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch, to_microseconds
from telemetry.ingest.store import Change, SampleStore
from telemetry.partitions import ensure_partitions, week_of
from tests.factories import AutomationRuleFactory

START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
LATER = dt.timedelta(hours=1)  # batches count as fresh
Points = Iterable[tuple[float, float]]  # s after START, value


def rule_of(definition: dict[str, Any], **fields: Any) -> AutomationRule:
    """Make a rule that is on, as `services.rules` does."""
    rule: AutomationRule = AutomationRuleFactory(**fields)
    version_of(rule, definition)
    return rule


def version_of(rule: AutomationRule, definition: dict[str, Any], number: int = 1) -> None:
    """Let a rule do something else from now on."""
    found = read_rule(definition)
    with all_tenants():
        AutomationRuleVersion.objects.create(
            tenant_id=rule.tenant_id, rule=rule, number=number, definition=definition
        )
        rule.channels = sorted(
            {
                channel for trigger in found.when if isinstance(trigger, Samples)
                for channel in channels_of(trigger.that)
            }
        )  # fmt: skip
        rule.listens = sorted({name for one in found.when for name in listened_types(one)})
        rule.save()


class Operator:
    """Stores samples as the ingest worker does, and runs the parts of automation."""

    def __init__(self) -> None:
        self._store = SampleStore()
        ensure_partitions({week_of(START), week_of(START - dt.timedelta(days=7))}, now=START)
        self.reactor = AutomationReactor()
        self.parts = make_parts()

    def send(self, channel: Channel, points: Points) -> None:
        """Store samples and tell the reactor."""
        self.reactor.react(self.store(channel, points))

    def store(self, channel: Channel, points: Points) -> StoredBatch:
        """Store samples; return the batch of which the reactor would be told."""
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
        """Let the reactor decide what has come so many seconds after START."""
        self.reactor.flush((START + dt.timedelta(seconds=seconds)).timestamp())

    def act(self, seconds: float) -> None:
        """Give each part of the process that acts its turn."""
        for part in self.parts:
            part.round(START + dt.timedelta(seconds=seconds))

    def crash(self) -> None:
        """Forget everything that is not in the database."""
        self.reactor = AutomationReactor()
        self.parts = make_parts()


def executions(**fields: Any) -> list[Execution]:
    """Return what was decided, the first one first."""
    with all_tenants():
        return list(Execution.objects.filter(**fields).order_by("triggered_at", "id"))


def commands(**fields: Any) -> list[Command]:
    """Return what was ordered, the first one first."""
    with all_tenants():
        return list(Command.objects.filter(**fields).order_by("requested_at", "id"))
