"""An open alarm that gets worse stays the same alarm."""

from __future__ import annotations

import datetime as dt

from alarms.models import Alarm, AlarmEvent
from devices.models import Severity

_RANKS = [severity.value for severity in Severity]


def make_worse(
    *, alarm: Alarm, severity: Severity | str, now: dt.datetime, value: float | None = None
) -> bool:
    """Raise the severity of an open alarm; tell whether it was lower before."""
    if _RANKS.index(severity) <= _RANKS.index(alarm.severity):
        return False
    changes = {"severity": severity} | ({} if value is None else {"value": value})
    if not Alarm.objects.filter(id=alarm.id, ending="").update(**changes):
        return False
    alarm.severity = severity
    AlarmEvent.objects.create(
        tenant_id=alarm.tenant_id, alarm=alarm, kind=AlarmEvent.Kind.CHANGED, at=now,
        text=f"severity: {severity}",
    )  # fmt: skip
    return True
