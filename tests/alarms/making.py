"""Alarms for tests, as they stand after they were raised."""

from __future__ import annotations

import datetime as dt
from typing import Any

from alarms.models import Alarm, AlarmEvent, Ending, Source
from devices.models import Severity
from tests.factories import NOW


def open_alarm(team: Any, key: str, *, at: dt.datetime = NOW, **fields: Any) -> Alarm:
    """Keep an open alarm of a team and that it was raised; nobody is told why it is quiet."""
    defaults = {
        "source": Source.SYSTEM,
        "title": "Something is wrong",
        "subject": key,
        "severity": Severity.WARNING,
    }
    with team.scope():
        alarm = Alarm.objects.create(
            tenant=team.tenant, key=key, raised_at=at, **(defaults | fields)
        )
        AlarmEvent.objects.create(alarm=alarm, kind=AlarmEvent.Kind.RAISED, at=at)
    return alarm


def end_alarm(team: Any, alarm: Alarm, *, at: dt.datetime, known_at: dt.datetime | None = None):
    """End an alarm; `known_at`: when that became known."""
    with team.scope():
        Alarm.objects.filter(id=alarm.id).update(cleared_at=at, ending=Ending.CLEARED)
        AlarmEvent.objects.create(alarm=alarm, kind=AlarmEvent.Kind.CLEARED, at=known_at or at)
