"""Makes alarms of what devices say themselves.

A trigger notes each event in the transaction that keeps it, so that none is missed; here
the notes are worked off one by one, each in a transaction of its own. Whatever the order in
which events come, the alarms are those of their own times.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm, DeviceEventNote, Ending, Source
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from alarms.services.worse import make_worse
from alarms.sources.checks import effective_checks
from alarms.sources.device_words import Said, alarm_key, read_event
from devices.models import DeviceEvent, Severity

logger = logging.getLogger(__name__)

MAX_NOTES = 100
_LONGEST_WAIT = dt.timedelta(hours=1)
_LATER_EVENTS = 200


def drain_events(*, now: dt.datetime, limit: int = MAX_NOTES) -> int:
    """Look at noted events, oldest first; return how many were looked at.

    An event that fails is tried again later, after twice the time, and keeps no other
    waiting. Any number of processes may do this at once.
    """
    done = 0
    while done < limit and _take_one(now):
        done += 1
    return done


def end_unsaid(*, now: dt.datetime) -> int:
    """End alarms that their devices have not said again for long; return how many.

    A device that has ended an alarm of the same key before is trusted to do so again.
    """
    check = effective_checks()["device_alarm_unsaid"]
    if not check.is_enabled or not check.for_seconds:
        return 0
    before = now - dt.timedelta(seconds=check.for_seconds)
    with all_tenants():
        found = list(_unsaid(before)[:MAX_NOTES])
    for alarm in found:
        with tenant_scope(alarm.tenant_id):
            clear_alarm(
                alarm.tenant_id, alarm.key, at=alarm.repeated_at or alarm.raised_at, now=now,
                ending=Ending.UNSAID,
            )  # fmt: skip
    return len(found)


def _unsaid(before: dt.datetime) -> QuerySet[Any]:
    ended_by_device = Alarm.objects.filter(
        tenant_id=OuterRef("tenant_id"), key=OuterRef("key"), ending=Ending.CLEARED
    )
    return (
        Alarm.objects.filter(source=Source.DEVICE, ending="")
        .alias(said_at=Coalesce(F("repeated_at"), F("raised_at")))
        .filter(said_at__lt=before)
        .exclude(Exists(ended_by_device))
        .order_by("raised_at", "id")
    )


@transaction.atomic
def _take_one(now: dt.datetime) -> bool:
    note = (
        DeviceEventNote.objects.filter(not_before__lte=now)
        .order_by("not_before", "id")
        .select_for_update(skip_locked=True)
        .first()
    )
    if note is None:
        return False
    try:
        with transaction.atomic(), tenant_scope(note.tenant_id):
            _look_at(note, now)
    except Exception as error:
        logger.exception("Event %s cannot be made an alarm; it is tried again", note.event_id)
        _postpone(note, error, now)
    else:
        note.delete()
    return True


def _postpone(note: DeviceEventNote, error: Exception, now: dt.datetime) -> None:
    note.tries = min(note.tries + 1, 1000)
    note.error = type(error).__name__[:100]
    note.not_before = now + min(dt.timedelta(seconds=2 ** min(note.tries, 12)), _LONGEST_WAIT)
    note.save()


def _look_at(note: DeviceEventNote, now: dt.datetime) -> None:
    event = DeviceEvent.objects.select_related("device").filter(id=note.event_id).first()
    if event is None:  # deleted with its device
        return
    said = read_event(event.kind, event.code, event.severity, event.detail or {})
    if said is None:
        return
    _one_at_a_time(event)
    if said.is_over:
        _end(event, said, now)
    else:
        _begin(event, said, now)


def _one_at_a_time(event: DeviceEvent) -> None:
    """Wait until nobody else looks at this device: begin and end must not pass each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"alarms of device {event.device_id}"],
        )


def _begin(event: DeviceEvent, said: Said, now: dt.datetime) -> None:
    key = alarm_key(event.device_id, event.kind, said)
    alarms = Alarm.objects.filter(key=key)
    if alarms.filter(raised_at__lte=event.at, cleared_at__gt=event.at).exists():
        return  # a late repetition of one that is over
    alarm = raise_alarm(_sign(event, said, key), at=event.at, now=now)
    if alarm.raised_at > event.at and not alarm.ending:
        return  # it is known since later; what came before is the same fault
    if not alarm.ending:
        make_worse(alarm=alarm, severity=event.severity, now=now)
    ended_at = _ended_at(event, key)
    if ended_at is not None and ended_at >= (alarm.repeated_at or alarm.raised_at):
        clear_alarm(event.tenant_id, key, at=ended_at, now=now)


def _end(event: DeviceEvent, said: Said, now: dt.datetime) -> None:
    key = alarm_key(event.device_id, event.kind, said)
    alarm = Alarm.objects.filter(key=key, ending="").first()
    if alarm is not None and event.at >= (alarm.repeated_at or alarm.raised_at):
        clear_alarm(event.tenant_id, key, at=event.at, now=now)


def _ended_at(event: DeviceEvent, key: str) -> dt.datetime | None:
    """Return when the device said afterwards that it is over, if that came before this."""
    later = DeviceEvent.objects.filter(
        device_id=event.device_id, kind=event.kind, at__gt=event.at
    ).order_by("at", "id")
    for row in later[:_LATER_EVENTS]:
        said = read_event(row.kind, row.code, row.severity, row.detail or {})
        if said is not None and said.is_over and alarm_key(row.device_id, row.kind, said) == key:
            return row.at
    return None


def _sign(event: DeviceEvent, said: Said, key: str) -> Sign:
    device = event.device
    return Sign(
        tenant_id=event.tenant_id, key=key, source=Source.DEVICE, code=said.code[:100],
        title=said.code.replace("_", " ").capitalize()[:200],
        subject=f"{device.name} · {said.part}" if said.part else device.name,
        severity=Severity(event.severity), text=event.message,
        site_id=device.site_id, gateway_id=device.gateway_id, device_id=device.id,
    )  # fmt: skip
