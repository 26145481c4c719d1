"""One alarm with all that helps to judge it, in the tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from alarms.models import Alarm, AlarmEvent, Ending
from alarms.queries.chart import AlarmChart, read_chart
from alarms.queries.inbox import IS_EXPLAINED, IS_OPEN, AlarmFilter, find_alarms
from alarms.queries.statistics import Statistics, statistics_of
from alarms.queries.told import Told, read_told
from alarms.rules.definition import BadRule
from alarms.words import describe_rule

SHOWN_CHILDREN = 100
SHOWN_EVENTS = 200
SHOWN_SIMILAR = 10
SIMILAR_DAYS = 90


@dataclass(frozen=True, slots=True)
class AlarmDetail:
    """What the page of an alarm shows.

    condition: the rule in words as it was then, "" where no rule raised it. events: the
    newest first. children: those that it explains, `child_count` of them. similar:
    other alarms of the same key, the newest first, `similar_count` in 90 days.
    """

    alarm: Alarm
    condition: str
    events: Sequence[AlarmEvent]
    children: Sequence[Alarm]
    child_count: int
    similar: Sequence[Alarm]
    similar_count: int
    statistics: Statistics | None
    chart: AlarmChart | None
    told: Sequence[Told]


def find_alarm(alarm_id: uuid.UUID, *, now: dt.datetime) -> Alarm | None:
    """Return an alarm with what a list shows, or None."""
    rows = find_alarms(AlarmFilter(), now=now).select_related("version", "rated_by")
    return rows.filter(id=alarm_id).first()


def read_alarm(
    alarm_id: uuid.UUID, *, now: dt.datetime, with_chart: bool = True
) -> AlarmDetail | None:
    """Return an alarm with its past, or None; a number of queries that never grows."""
    alarm = find_alarm(alarm_id, now=now)
    if alarm is None:
        return None
    children = children_of(alarm).select_related("device").order_by("-raised_at", "id")
    similar = similar_to(alarm, now=now)
    return AlarmDetail(
        alarm=alarm, condition=condition_of(alarm),
        events=list(events_of(alarm)[:SHOWN_EVENTS]),
        children=list(children[:SHOWN_CHILDREN]), child_count=children.count(),
        similar=list(similar[:SHOWN_SIMILAR]), similar_count=similar.count(),
        statistics=statistics_of(alarm, now=now),
        chart=read_chart(alarm, now=now) if with_chart else None,
        told=read_told(alarm),
    )  # fmt: skip


def events_of(alarm: Alarm) -> QuerySet[AlarmEvent]:
    """Return what happened to an alarm, the newest first."""
    return AlarmEvent.objects.filter(alarm=alarm).order_by("-id")


def children_of(alarm: Alarm) -> QuerySet[Alarm]:
    """Return the alarms that an alarm explains; of one that has ended, also those that have."""
    rows = Alarm.objects.filter(IS_EXPLAINED, parent=alarm)
    return rows.filter(IS_OPEN) if alarm.is_open else rows


def similar_to(alarm: Alarm, *, now: dt.datetime) -> QuerySet[Alarm]:
    """Return the other alarms of the same key of the last 90 days, the newest first."""
    since = now - dt.timedelta(days=SIMILAR_DAYS)
    rows = Alarm.objects.filter(key=alarm.key, raised_at__gt=since).exclude(id=alarm.id)
    return rows.exclude(ending=Ending.WITHDRAWN).order_by("-raised_at", "id")


def condition_of(alarm: Alarm) -> str:
    """Return in words what the rule looked for; "" where there is none, or it is not known."""
    if alarm.version is None:
        return ""
    try:
        return describe_rule(alarm.version.definition, alarm.channel.unit if alarm.channel else "")
    except BadRule:
        return ""
