"""Raises and clears alarms that come one by one: those of devices and of the platform."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F

from alarms.models import Alarm, AlarmEvent, Ending, Source
from alarms.services.suppression import suppress
from devices.models import Severity


@dataclass(frozen=True, slots=True)
class Sign:
    """That something is wrong; fields as those of `Alarm`."""

    tenant_id: uuid.UUID
    key: str
    source: Source
    code: str
    title: str
    subject: str
    severity: Severity
    text: str = ""
    advice: str = ""
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    site_id: uuid.UUID | None = None
    gateway_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None
    channel_id: int | None = None
    rule_id: uuid.UUID | None = None
    version_id: uuid.UUID | None = None

    def alarm(self, *, raised_at: dt.datetime) -> Alarm:
        """Return an alarm that says so, not saved."""
        alarm = Alarm(raised_at=raised_at)
        for name in self.__slots__:
            setattr(alarm, name, getattr(self, name))
        return alarm


def raise_alarm(sign: Sign, *, at: dt.datetime, now: dt.datetime) -> Alarm:
    """Open an alarm, or note that the open one of its key was said again.

    Args: at: since when it is wrong. now: when that became known.
    """
    with transaction.atomic():
        known = _open_one(sign.tenant_id, sign.key)
        if known is None:
            try:
                with transaction.atomic():
                    return _open(sign, at=at, now=now)
            except IntegrityError:  # somebody else did at this moment, or it was raised before
                known = _open_one(sign.tenant_id, sign.key) or _raised_one(sign, at)
        if known is None:
            raise RuntimeError(f"The alarm {sign.key} can neither be opened nor found.")
        _say_again(known, sign, at)
    return known


def clear_alarm(
    tenant_id: uuid.UUID,
    key: str,
    *,
    at: dt.datetime,
    now: dt.datetime,
    ending: Ending = Ending.CLEARED,
) -> Alarm | None:
    """End the open alarm of a key; None if there is none.

    Args: at: since when all is right; not before the alarm was raised.
    """
    with transaction.atomic():
        alarm = _open_one(tenant_id, key)
        if alarm is None:
            return None
        alarm.cleared_at, alarm.ending = max(at, alarm.raised_at), ending
        alarm.save(update_fields=["cleared_at", "ending", "updated_at"])
        AlarmEvent.objects.create(
            tenant_id=tenant_id, alarm=alarm, kind=AlarmEvent.Kind.CLEARED, at=now
        )
    return alarm


def _open(sign: Sign, *, at: dt.datetime, now: dt.datetime) -> Alarm:
    alarm = sign.alarm(raised_at=at)
    alarm.save()
    AlarmEvent.objects.create(
        tenant_id=sign.tenant_id, alarm=alarm, kind=AlarmEvent.Kind.RAISED, at=now
    )
    suppress([alarm], now=now)
    return alarm


def _open_one(tenant_id: uuid.UUID, key: str) -> Alarm | None:
    return (
        Alarm.objects.select_for_update(of=("self",), no_key=True)
        .filter(tenant_id=tenant_id, key=key, ending="")
        .first()
    )


def _raised_one(sign: Sign, at: dt.datetime) -> Alarm | None:
    """Return the alarm that was raised at that moment and has ended: it is said once more."""
    return (
        Alarm.objects.filter(tenant_id=sign.tenant_id, key=sign.key, raised_at=at)
        .exclude(ending__in=[Ending.WITHDRAWN, Ending.RULE_CHANGED, Ending.GONE])
        .first()
    )


def _say_again(alarm: Alarm, sign: Sign, at: dt.datetime) -> None:
    """Count a repetition, once; an older message, or one that came twice, counts nothing."""
    if at <= (alarm.repeated_at or alarm.raised_at):
        return
    changes = {"repeats": F("repeats") + 1, "repeated_at": at}
    if sign.text:
        changes |= {"text": sign.text, "value": sign.value}
    Alarm.objects.filter(id=alarm.id, tenant_id=alarm.tenant_id).update(**changes)
    alarm.refresh_from_db()
