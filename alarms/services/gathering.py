"""Makes messages of what is due: many alarms to one target go out together."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import QuerySet

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import (
    Alarm,
    MessageKind,
    MessageState,
    Notification,
    NotificationMessage,
    NotificationTarget,
)
from alarms.notify.gathering import Note, Pace, plan_messages
from alarms.services.content import describe, subject_of
from alarms.services.people import members
from alarms.services.planning import is_kept_quiet
from devices.models import Severity

MAX_TARGETS = 200
MAX_NOTES = 500
HOUR = dt.timedelta(hours=1)

State = Notification.State
Reason = Notification.Reason
Kind = Notification.Kind


def due_targets(
    *, now: dt.datetime, without: Collection[uuid.UUID] = ()
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return tenant and target of what is due, longest waiting first. Runs for all tenants."""
    with all_tenants():
        due = Notification.objects.filter(
            state=State.WAITING, due_at__lte=now, target__isnull=False
        ).exclude(target_id__in=without)
        rows = due.order_by("due_at", "id").values_list("tenant_id", "target_id")
        return list(dict.fromkeys(rows[: MAX_TARGETS * 10]))[:MAX_TARGETS]


def gather(tenant_id: uuid.UUID, target_id: uuid.UUID, *, now: dt.datetime) -> dt.datetime | None:
    """Make a message of what a target is to be told now.

    Returns: when to ask again, if what is due has to wait for others or for the rate limit.
    """
    with tenant_scope(tenant_id), transaction.atomic():
        targets = NotificationTarget.objects.select_for_update(skip_locked=True, of=("self",))
        target = targets.select_related("person", "tenant").filter(id=target_id).first()
        if target is None:  # another process is at it
            return now
        due = _due(target, now)
        kept = _still_needed(target, due, now)
        return _make(target, kept, now) if kept else None


def _due(target: NotificationTarget, now: dt.datetime) -> list[Notification]:
    waiting = Notification.objects.filter(target=target, state=State.WAITING, due_at__lte=now)
    waiting = waiting.select_related("alarm", "alarm__site", "alarm__acknowledged_by")
    return list(waiting.order_by("due_at", "id").select_for_update(of=("self",))[:MAX_NOTES])


def _still_needed(
    target: NotificationTarget, due: Sequence[Notification], now: dt.datetime
) -> list[Notification]:
    """Drop what nobody needs to be told any more."""
    reason = _why_not_at_all(target)
    told = _told(target, due)
    kept = []
    for one in due:
        why = reason or _why_not(one, told, now)
        if why:
            one.state, one.reason = State.DROPPED, why
        else:
            kept.append(one)
            told |= {one.alarm_id} if one.kind == Kind.RAISED else set()
    Notification.objects.bulk_update(
        [one for one in due if one.state == State.DROPPED], ["state", "reason"]
    )
    return kept


def _why_not_at_all(target: NotificationTarget) -> str:
    if not target.is_active:
        return Reason.OFF
    if target.person_id and not members(target.tenant_id).filter(id=target.person_id).exists():
        return Reason.NOT_A_MEMBER
    return ""


def _told(target: NotificationTarget, due: Sequence[Notification]) -> set[uuid.UUID]:
    """Return the alarms whose beginning the target was told."""
    handed: QuerySet[Notification] = Notification.objects.filter(
        target=target, alarm__in={one.alarm_id for one in due}, kind=Kind.RAISED,
        state=State.HANDED,
    )  # fmt: skip
    return set(handed.values_list("alarm_id", flat=True))


def _why_not(one: Notification, told: set[uuid.UUID], now: dt.datetime) -> str:
    alarm = one.alarm
    if one.kind == Kind.ENDED:
        return "" if alarm.id in told else Reason.SUPPRESSED
    if is_kept_quiet(alarm, now):
        return Reason.SUPPRESSED
    if one.step and not alarm.is_open:
        return Reason.OVER
    if one.step and alarm.acknowledged_at is not None:
        return Reason.ANSWERED
    return ""


def _make(
    target: NotificationTarget, due: Sequence[Notification], now: dt.datetime
) -> dt.datetime | None:
    is_critical = any(one.alarm.severity == Severity.CRITICAL for one in due)
    pace = Pace(
        dt.timedelta(seconds=0 if is_critical else target.gather_seconds),
        most=target.most_per_hour * (2 if is_critical else 1), within=HOUR,
    )  # fmt: skip
    earlier = target.messages.filter(kind=MessageKind.ALARMS, made_at__gt=now - HOUR)
    sent = list(earlier.values_list("made_at", flat=True))
    first = plan_messages([Note(f"{one.id:020}", one.due_at) for one in due], pace, sent=sent)[0]
    if first.at > now:
        return first.at
    _write(target, due, now)
    return None


def _write(target: NotificationTarget, due: Sequence[Notification], now: dt.datetime) -> None:
    alarms: list[Alarm] = [one.alarm for one in due]
    content = describe(due, target)
    message = NotificationMessage.objects.create(
        target=target, content=content, subject=subject_of(content)[:300], next_try_at=now,
        severity=max(alarms, key=_rank).severity, made_at=now,
        state=MessageState.WAITING,
    )  # fmt: skip
    Notification.objects.filter(id__in=[one.id for one in due]).update(
        state=State.HANDED, message=message
    )


def _rank(alarm: Alarm) -> int:
    return Severity.values.index(alarm.severity)
