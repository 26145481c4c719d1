"""Plans who is to be told of what happened to alarms."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Greatest

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm, AlarmEvent, Notification
from alarms.notify.holding import Due, Hold, due_time
from alarms.notify.weeks import zone_of
from alarms.services.ladders import Ladders, Rung, hold_of
from devices.models import Severity

logger = logging.getLogger(__name__)

BATCH_EVENTS = 200
_LOCK = 0x616C6172  # of PostgreSQL; one plans at a time, so that an end follows its beginning
_AT_ONCE = dt.timedelta()

Kind = AlarmEvent.Kind
State = Notification.State
Reason = Notification.Reason
_QUIET = (Kind.SNOOZED, Kind.SHELVED, Kind.SUPPRESSED)
_TOLD = (Kind.RAISED, Kind.RELEASED)
_ENDS = (Kind.CLEARED, Kind.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a look at events led to. failed: ids of events that could not be planned."""

    events: int = 0
    failed: tuple[int, ...] = ()


def plan_events(
    *, now: dt.datetime, limit: int = BATCH_EVENTS, without: Collection[int] = ()
) -> Planned:
    """Plan what follows from events of all tenants, in their order.

    The events and what they lead to are written in one transaction: none is missed or planned
    twice, whenever the process dies. One that fails stays unplanned and keeps no other waiting.
    Nothing is done while another process plans.

    Args: without: ids of events that are to wait.
    """
    with all_tenants(), transaction.atomic():
        if not _is_ours():
            return Planned()
        unplanned = AlarmEvent.objects.filter(planned_at=None).exclude(id__in=without)
        unplanned = unplanned.order_by("id")
        events = list(unplanned.select_for_update(skip_locked=True, of=("self",))[:limit])
        events.sort(key=lambda event: (event.tenant_id, event.id))
        failed: list[int] = []
        for tenant_id, its in groupby(events, key=lambda event: event.tenant_id):
            with tenant_scope(tenant_id):
                failed += _plan_of_tenant(tenant_id, list(its), now)
        ids = [event.id for event in events if event.id not in failed]
        AlarmEvent.objects.filter(id__in=ids).update(planned_at=now)
    return Planned(len(events), tuple(failed))


def _is_ours() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _plan_of_tenant(
    tenant_id: uuid.UUID, events: Sequence[AlarmEvent], now: dt.datetime
) -> list[int]:
    """Plan the events of the tenant in scope; return the ids of those that failed."""
    found = Alarm.objects.select_related("device", "site").in_bulk(
        {event.alarm_id for event in events}
    )
    ladders = Ladders(tenant_id)
    failed = []
    for event in events:
        alarm = found.get(event.alarm_id)
        if alarm is None:
            continue
        try:
            with transaction.atomic():
                _plan(alarm, event, ladders, now)
        except (OperationalError, InterfaceError):  # no fault of the event
            raise
        except Exception:
            logger.exception("Event %s of an alarm cannot be planned; it is tried again", event.id)
            failed.append(event.id)
    return failed


def _plan(alarm: Alarm, event: AlarmEvent, ladders: Ladders, now: dt.datetime) -> None:
    if event.kind in _TOLD:
        _tell(alarm, event, ladders, now)
    elif event.kind in _ENDS:
        _tell_end(alarm, event)
    elif event.kind == Kind.ACKNOWLEDGED:
        _drop(_later_steps(alarm), Reason.ANSWERED)
    elif event.kind == Kind.UNACKNOWLEDGED and alarm.is_open:
        dropped = alarm.notifications.filter(state=State.DROPPED, reason=Reason.ANSWERED)
        dropped.update(state=State.WAITING, reason="", due_at=Greatest("due_at", now))
    elif event.kind in _QUIET:
        waiting = alarm.notifications.filter(state=State.WAITING, kind=Notification.Kind.RAISED)
        _drop(waiting, Reason.SUPPRESSED)


def is_kept_quiet(alarm: Alarm, now: dt.datetime) -> bool:
    """Tell whether nobody is told of an alarm at the moment."""
    snoozed = alarm.snoozed_until is not None and alarm.snoozed_until > now
    return bool(alarm.suppressed_because) or snoozed


def _later_steps(alarm: Alarm) -> QuerySet[Notification]:
    return alarm.notifications.filter(
        state=State.WAITING, kind=Notification.Kind.RAISED, step__gt=0
    )


def _drop(rows: QuerySet[Notification], reason: str) -> None:
    rows.update(state=State.DROPPED, reason=reason)


def _tell(alarm: Alarm, event: AlarmEvent, ladders: Ladders, now: dt.datetime) -> None:
    """Plan the ladders of an alarm that was raised, or that may be told again."""
    if is_kept_quiet(alarm, now):
        return
    if event.kind == Kind.RELEASED and (not alarm.is_open or alarm.acknowledged_at):
        return
    rows = [
        _row(alarm, event, rung, bypasses=rung.bypasses and alarm.severity == Severity.CRITICAL)
        for rung in ladders.of(alarm)
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


def _row(alarm: Alarm, event: AlarmEvent, rung: Rung, *, bypasses: bool) -> Notification:
    hold = hold_of(rung.target) if rung.target else Hold(zone_of("UTC"))
    due = due_time(event.at, rung.after, hold, bypasses=bypasses)
    return Notification(
        tenant_id=alarm.tenant_id, alarm=alarm, kind=Notification.Kind.RAISED, target=rung.target,
        rota_id=rung.rota_id, route_id=rung.route_id, step=rung.number, due_at=due.at,
        occasion=f"{event.id}:{int(rung.after.total_seconds())}", was_held=due.was_held,
        bypasses_quiet=bypasses,
    )  # fmt: skip


def _tell_end(alarm: Alarm, event: AlarmEvent) -> None:
    """Let those know who were, or still will be, told that it began."""
    _drop(_later_steps(alarm), Reason.OVER)
    told = alarm.notifications.filter(
        Q(route=None) | Q(route__tells_end=True), kind=Notification.Kind.RAISED,
        state__in=[State.WAITING, State.HANDED], target__isnull=False,
    )  # fmt: skip
    told = told.select_related("target").order_by("target_id", "state", "-id")
    rows = []
    for _target, its in groupby(told, key=lambda one: one.target_id):
        rows.append(_end_row(alarm, event, next(its)))
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


def _end_row(alarm: Alarm, event: AlarmEvent, told: Notification) -> Notification:
    bypasses = told.bypasses_quiet
    hold = hold_of(told.target) if told.target else Hold(zone_of("UTC"))
    due = due_time(event.at, _AT_ONCE, hold, bypasses=bypasses)
    if told.state == State.WAITING:  # beginning and end go out together
        due = Due(max(told.due_at, event.at), was_held=told.was_held)
    return Notification(
        tenant_id=alarm.tenant_id, alarm=alarm, kind=Notification.Kind.ENDED, target=told.target,
        route_id=told.route_id, occasion=f"{event.id}:end", due_at=due.at, was_held=due.was_held,
        bypasses_quiet=bypasses,
    )  # fmt: skip
