"""Finds out whom a rota means when a step is due."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction

from accounts.models import User
from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Notification, NotificationTarget, OnCallRota
from alarms.notify.holding import due_time
from alarms.notify.on_call import Rota, StandIn, who_is_on_call
from alarms.notify.weeks import week_of, zone_of
from alarms.services.ladders import Ladders, hold_of
from alarms.services.people import members, targets_of

BATCH_ROWS = 100
State = Notification.State
Reason = Notification.Reason


def as_rota(rota: OnCallRota) -> Rota:
    """Return a rota as it is asked; reads members and stand-ins unless they are prefetched."""
    people = sorted(rota.members.all(), key=lambda member: (member.position, str(member.id)))
    stand_ins = sorted(rota.stand_ins.all(), key=lambda one: (one.created_at, str(one.id)))
    return Rota(
        people=tuple(str(member.person_id) for member in people), first=rota.first_date,
        zone=zone_of(rota.timezone), handover=rota.handover, days=rota.turn_days,
        hours=week_of(rota.hours, rota.timezone),
        stand_ins=tuple(
            StandIn(one.start, one.end, str(one.person_id) if one.person_id else None)
            for one in stand_ins
        ),
    )  # fmt: skip


def person_on_call(rota: OnCallRota, at: dt.datetime) -> User | None:
    """Return who is on call and still belongs to the tenant."""
    found = who_is_on_call(as_rota(rota), at)
    return members(rota.tenant_id).filter(id=uuid.UUID(found)).first() if found else None


def call_people(*, now: dt.datetime) -> int:
    """Turn steps to rotas that are due into those to people; return how many there were.

    With nobody on call the administrators are told: an alarm is told to somebody.
    """
    with all_tenants(), transaction.atomic():
        due = Notification.objects.filter(
            state=State.WAITING, due_at__lte=now, target=None
        ).order_by("due_at", "id")
        rows = list(due.select_for_update(skip_locked=True, of=("self",))[:BATCH_ROWS])
        for row in rows:
            with tenant_scope(row.tenant_id):
                _call(row, row.tenant_id, now)
    return len(rows)


def _call(row: Notification, tenant_id: uuid.UUID, now: dt.datetime) -> None:
    person = person_on_call(row.rota, now) if row.rota else None
    if person is not None:
        targets = targets_of([person])
    else:
        targets = [rung.target for rung in Ladders(tenant_id).default() if rung.target]
    Notification.objects.bulk_create(
        [_told(row, target, now) for target in targets], ignore_conflicts=True
    )
    row.state, row.reason = State.DROPPED, Reason.EXPANDED if person else Reason.NOBODY
    row.save(update_fields=["state", "reason"])


def _told(row: Notification, target: NotificationTarget, now: dt.datetime) -> Notification:
    """Return the step for one target; quiet hours of the person hold it like any other."""
    due = due_time(now, dt.timedelta(), hold_of(target), bypasses=row.bypasses_quiet)
    return Notification(
        tenant_id=row.tenant_id, alarm_id=row.alarm_id, kind=row.kind, target=target,
        rota_id=row.rota_id, route_id=row.route_id, step=row.step, occasion=row.occasion,
        due_at=due.at, was_held=due.was_held, bypasses_quiet=row.bypasses_quiet,
    )  # fmt: skip
