"""Steps about alarms: rules for a fleet, and whether its alarms are those of its samples."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from accounts.tenancy import all_tenants
from alarms.engine.fold import NEVER
from alarms.models import Alarm, AlarmEvent, AlarmRule, Ending
from alarms.rules.compiled import compile_rule
from alarms.rules.definition import read_rule
from devices.models import Channel, Gateway
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.storage.reads import raw_samples
from tests.alarms.oracle import try_on
from tests.factories import AlarmRuleFactory, AlarmRuleVersionFactory

METRIC = "voltage_l1"
RULES: dict[str, dict[str, Any]] = {
    "High": {"when": {"kind": "threshold", "above": 250.0, "clear_above": 230.0}},
    "Rising": {"when": {"kind": "threshold", "above": 280.0}, "times": 3},
    "Silent": {"when": {"kind": "no_data", "seconds": 10}},
}
SETTLED = dt.timedelta(seconds=8)  # what happens by itself is told within this time


def watch(gateway_uid: str) -> int:
    """Make enabled rules for all devices of a gateway's tenant."""
    with all_tenants():
        tenant = Gateway.objects.select_related("tenant").get(uid=gateway_uid).tenant
    for name, definition in RULES.items():
        rule = AlarmRuleFactory(tenant=tenant, name=name, metric=METRIC, channel=None)
        AlarmRuleVersionFactory(rule=rule, number=1, definition=definition)
    return len(RULES)


def compare(gateway_uid: str, since_us: str) -> dict[str, Any]:
    """Return how many alarms there should be since a time, and what is wrong with those there are.

    `twice`: alarms of which people would be told twice that they were raised.
    """
    now = dt.datetime.now(dt.UTC)
    since = from_microseconds(int(since_us))
    with all_tenants():
        rules = _rules(gateway_uid)
        channels = list(
            Channel.objects.filter(device__gateway__uid=gateway_uid, name=METRIC).order_by("id")
        )
        found = {
            (alarm.rule.name, alarm.channel_id, alarm.raised_at, alarm.cleared_at, alarm.value)
            for alarm in Alarm.objects.filter(rule__in=rules.values(), raised_at__gte=since)
            .exclude(ending=Ending.WITHDRAWN).select_related("rule")
        }  # fmt: skip
        told = Counter(
            AlarmEvent.objects.filter(alarm__rule__in=rules.values(), kind="raised")
            .exclude(alarm__ending=Ending.WITHDRAWN)
            .values_list("alarm_id", flat=True)
        )
    expected = {
        (name, channel.id, *alarm)
        for name in rules
        for channel in channels
        for alarm in _expected(RULES[name], channel, since, now)
    }
    return {
        "expected": len(expected), "missing": len(expected - found),
        "invented": len(found - expected), "twice": sum(n > 1 for n in told.values()),
    }  # fmt: skip


def _rules(gateway_uid: str) -> dict[str, AlarmRule]:
    tenant_id = Gateway.objects.get(uid=gateway_uid).tenant_id
    return {rule.name: rule for rule in AlarmRule.objects.filter(tenant_id=tenant_id)}


def _expected(
    definition: dict[str, Any], channel: Channel, since: dt.datetime, now: dt.datetime
) -> list[tuple[Any, ...]]:
    rows = raw_samples([channel.id], since, now + dt.timedelta(days=1), tenant_id=None)
    compiled = compile_rule(read_rule(definition), zone=ZoneInfo("UTC"), hold=120_000_000)
    until = to_microseconds(now - SETTLED)
    found = try_on(
        compiled, rows["time"].astype(np.int64), rows["value"].astype(float), until=until
    )
    return [
        (from_microseconds(one.raised_at),
         None if one.cleared_at == NEVER else from_microseconds(one.cleared_at), one.value)
        for one in found
    ]  # fmt: skip
