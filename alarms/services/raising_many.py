"""Raises many alarms at once: a site without power is hundreds of devices in one moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.tenancy import tenant_scope
from alarms.models import Alarm, AlarmEvent
from alarms.services.raising import Sign, raise_alarm
from alarms.services.suppression import suppress

Found = tuple[Sign, dt.datetime]


def raise_alarms(found: Sequence[Found], *, now: dt.datetime) -> None:
    """Open an alarm for each sign, as `raise_alarm` does, in the order of their keys.

    Those that are known already cost one by one. Runs under `all_tenants`; the rows that a sign
    names must belong to its tenant, which the database checks once more.
    """
    found = sorted(found, key=lambda one: one[0].key)
    if not found:
        return
    try:
        with transaction.atomic():
            _open_all(found, now)
    except IntegrityError:  # one of them is open, or was raised at that moment before
        for sign, at in found:
            with tenant_scope(sign.tenant_id):
                raise_alarm(sign, at=at, now=now)


def _open_all(found: Sequence[Found], now: dt.datetime) -> None:
    # the base manager: it does not read the tenant of each row that is pointed to
    alarms = Alarm._base_manager.bulk_create(sign.alarm(raised_at=at) for sign, at in found)
    AlarmEvent._base_manager.bulk_create(
        AlarmEvent(tenant_id=alarm.tenant_id, alarm=alarm, kind=AlarmEvent.Kind.RAISED, at=now)
        for alarm in alarms
    )
    suppress(alarms, now=now)
