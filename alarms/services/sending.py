"""Messages on their way: who takes one, what came of it, when it is tried again."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.tenancy import all_tenants, tenant_scope
from alarms.delivery.outcome import Outcome
from alarms.models import (
    DeliveryAttempt,
    MessageKind,
    MessageState,
    Notification,
    NotificationMessage,
    NotificationTarget,
    PushSubscription,
    TargetKind,
)
from alarms.services.people import administrators, make_personal
from devices.models import Severity

# after the first try, the second …; the message is given up when they are used up
RETRIES = tuple(dt.timedelta(seconds=s) for s in (10, 30, 60, 300, 900, 3600, 10_800, 21_600))
MAX_TRIES = len(RETRIES) + 1
# whoever holds a message says so again in time; when the process has died another takes it up
LEASE = dt.timedelta(seconds=20)
# of a target, before it rests; then a single message is tried after each rest
FAILURES_BEFORE_REST = 5
LONGEST_REST = dt.timedelta(hours=1)
# threads of each kind; what hangs in one kind does not hold up another
AT_ONCE: dict[str, int] = {
    TargetKind.EMAIL: 16, TargetKind.WEBHOOK: 32, TargetKind.APPRISE: 4, TargetKind.WEB_PUSH: 16,
    TargetKind.IN_APP: 8,
}  # fmt: skip
TENANTS_AT_ONCE = 4  # of the threads of a kind a tenant has one part in so many
CANDIDATES_OF_TENANT = 16
MAX_CANDIDATES = 500
MAX_FORGOTTEN = 500
_FIRST_REST = dt.timedelta(minutes=1)
_PENDING = (MessageState.WAITING, MessageState.SENDING)


def claim_messages(
    *, now: dt.datetime, flying: Collection[NotificationMessage]
) -> list[NotificationMessage]:
    """Take what is due, some of each tenant, so that none waits for the flood of another.

    Args: flying: what this process is sending; to a target goes one at a time.
    """
    room = _Room(flying)
    with all_tenants():
        return [
            message
            for tenant_id, kind, target_id, message_id in _candidates(now, room)
            if room.has(tenant_id, kind, target_id)
            and (message := _claim(message_id, now)) is not None
            and room.take(tenant_id, kind, target_id)
        ]


class _Room:
    """What can still be sent at once, of each kind and of each tenant."""

    def __init__(self, flying: Collection[NotificationMessage]) -> None:
        self._kinds: Counter[str] = Counter()
        self._tenants: Counter[tuple[uuid.UUID, str]] = Counter()
        self.targets: set[uuid.UUID] = set()
        for message in flying:
            self.take(message.tenant_id, message.target.kind, message.target_id)

    def kinds(self) -> list[str]:
        return [kind for kind, most in AT_ONCE.items() if self._kinds[kind] < most]

    def has(self, tenant_id: uuid.UUID, kind: str, target_id: uuid.UUID) -> bool:
        return (
            self._kinds[kind] < AT_ONCE[kind]
            and self._tenants[tenant_id, kind] < max(1, AT_ONCE[kind] // TENANTS_AT_ONCE)
            and target_id not in self.targets
        )

    def take(self, tenant_id: uuid.UUID, kind: str, target_id: uuid.UUID) -> bool:
        self._kinds[kind] += 1
        self._tenants[tenant_id, kind] += 1
        self.targets.add(target_id)
        return True


def _candidates(now: dt.datetime, room: _Room) -> list[tuple[uuid.UUID, str, uuid.UUID, uuid.UUID]]:
    due = NotificationMessage.objects.filter(
        Q(target__paused_until=None) | Q(target__paused_until__lte=now),
        state__in=_PENDING, next_try_at__lte=now, target__kind__in=room.kinds(),
    ).exclude(target_id__in=room.targets)  # fmt: skip
    whose = [F("tenant_id"), F("target__kind")]
    place = Window(RowNumber(), partition_by=whose, order_by=["next_try_at", "id"])
    fair = due.annotate(place=place).filter(place__lte=CANDIDATES_OF_TENANT)
    rows = fair.order_by("place", "next_try_at", "id")
    return list(rows.values_list("tenant_id", "target__kind", "target_id", "id")[:MAX_CANDIDATES])


def _claim(message_id: uuid.UUID, now: dt.datetime) -> NotificationMessage | None:
    with transaction.atomic():
        rows = NotificationMessage.objects.filter(
            id=message_id, state__in=_PENDING, next_try_at__lte=now
        )
        message = rows.select_for_update(skip_locked=True, of=("self",)).first()
        if message is None:
            return None
        message.state, message.claim = MessageState.SENDING, uuid.uuid4()
        message.next_try_at = now + LEASE
        message.tries += 1
        message.save(update_fields=["state", "claim", "next_try_at", "tries", "updated_at"])
    return (
        NotificationMessage.objects.select_related("target", "target__person", "tenant")
        .filter(id=message_id)
        .first()
    )


def keep_claims(claims: Collection[uuid.UUID], *, now: dt.datetime) -> None:
    """Say that messages are still being sent."""
    with all_tenants():
        rows = NotificationMessage.objects.filter(claim__in=claims, state=MessageState.SENDING)
        rows.update(next_try_at=now + LEASE)


def record(
    message: NotificationMessage, outcome: Outcome, *, now: dt.datetime, seconds: float
) -> bool:
    """Note what came of a try; False if another process has taken the message up since."""
    with tenant_scope(message.tenant_id), transaction.atomic():
        ours = NotificationMessage.objects.filter(id=message.id, claim=message.claim)
        if not ours.filter(state=MessageState.SENDING).select_for_update().exists():
            return False
        DeliveryAttempt.objects.create(
            message=message, number=message.tries, at=now, is_ok=outcome.is_ok,
            error=outcome.error, seconds=round(seconds, 3),
        )  # fmt: skip
        _note_browsers(message, outcome, now)
        if outcome.is_ok:
            _note_taken(ours, message, now)
        else:
            _note_failure(ours, message, outcome, now)
    return True


def requeue(message: NotificationMessage, *, now: dt.datetime) -> bool:
    """Try a message that was given up again, from the beginning, under the same id.

    False: it was not given up.
    """
    with tenant_scope(message.tenant_id), transaction.atomic():
        rows = NotificationMessage.objects.filter(id=message.id, state=MessageState.DEAD)
        fresh = {"tries": 0, "error": "", "claim": None}
        if not rows.update(state=MessageState.WAITING, next_try_at=now, **fresh):
            return False
        targets = NotificationTarget.objects.filter(id=message.target_id)
        targets.update(paused_until=None, failures=0)
    return True


def forget_old(*, now: dt.datetime) -> int:
    """Delete what was sent long ago, with its tries and notes, of all tenants; return how many."""
    before = now - dt.timedelta(days=settings.NOTIFY_LOG_DAYS)
    with all_tenants():
        old = NotificationMessage.objects.filter(made_at__lt=before, next_try_at=None)
        ids = list(old.order_by("made_at").values_list("id", flat=True)[:MAX_FORGOTTEN])
        NotificationMessage.objects.filter(id__in=ids).delete()
        done = Notification.objects.filter(message=None, due_at__lt=before).exclude(
            state=Notification.State.WAITING
        )
        rows = list(done.order_by("due_at").values_list("id", flat=True)[:MAX_FORGOTTEN])
        Notification.objects.filter(id__in=rows).delete()
    return len(ids)


def queue_test(target: NotificationTarget, *, now: dt.datetime) -> NotificationMessage:
    """Let a test go to a target, by the same way as alarms."""
    with override(target.language):
        subject = _("Test of %(name)s") % {"name": target.name}
    return _queue(target, MessageKind.TEST, subject, {}, now)


def _note_taken(
    ours: QuerySet[NotificationMessage], message: NotificationMessage, now: dt.datetime
) -> None:
    ours.update(state=MessageState.SENT, sent_at=now, next_try_at=None, claim=None, error="")
    failed = NotificationTarget.objects.filter(id=message.target_id, failures__gt=0)
    failed.update(failures=0, paused_until=None)


def _note_failure(
    ours: QuerySet[NotificationMessage],
    message: NotificationMessage,
    outcome: Outcome,
    now: dt.datetime,
) -> None:
    is_dead = outcome.is_final or message.tries >= MAX_TRIES
    if is_dead:
        ours.update(state=MessageState.DEAD, next_try_at=None, claim=None, error=outcome.error)
    else:
        pause = RETRIES[message.tries - 1]
        ours.update(
            state=MessageState.WAITING, next_try_at=now + pause, claim=None, error=outcome.error
        )
    _let_rest(message.target_id, now)
    if is_dead:
        _complain(message, outcome, now)


def _let_rest(target_id: uuid.UUID, now: dt.datetime) -> None:
    """After failures in a row try a target seldom: what waits for it must not hold up others."""
    target = NotificationTarget.objects.select_for_update().get(id=target_id)
    target.failures += 1
    over = target.failures - FAILURES_BEFORE_REST
    if over >= 0:
        target.paused_until = now + min(_FIRST_REST * 2 ** min(over, 10), LONGEST_REST)
    target.save(update_fields=["failures", "paused_until", "updated_at"])


def _complain(message: NotificationMessage, outcome: Outcome, now: dt.datetime) -> None:
    """Tell people in the app that a message was given up."""
    if message.kind == MessageKind.TROUBLE:
        return
    target = message.target
    people = [target.person] if target.person else administrators(message.tenant_id)
    for person in people:
        bell = make_personal(person, TargetKind.IN_APP)
        with override(bell.language):
            values = {"name": target.name, "error": outcome.error}
            text = _("%(name)s could not be told: %(error)s") % values
            subject = _("A notification was given up")
        _queue(bell, MessageKind.TROUBLE, subject, {"text": text}, now)


def _queue(
    target: NotificationTarget, kind: str, subject: str, content: dict[str, str], now: dt.datetime
) -> NotificationMessage:
    base = {
        "tenant": {"id": str(target.tenant_id), "name": target.tenant.name},
        "language": target.language, "timezone": target.timezone,
    }  # fmt: skip
    return NotificationMessage.objects.create(
        target=target, kind=kind, subject=subject[:300], content=base | content,
        severity=Severity.INFO, made_at=now, next_try_at=now,
    )  # fmt: skip


def _note_browsers(message: NotificationMessage, outcome: Outcome, now: dt.datetime) -> None:
    if outcome.gone:
        PushSubscription.objects.filter(id__in=outcome.gone).delete()
    if outcome.reached:
        PushSubscription.objects.filter(id__in=outcome.reached).update(last_ok_at=now)
        reached = sorted({*message.reached, *outcome.reached})
        NotificationMessage.objects.filter(id=message.id).update(reached=reached)
