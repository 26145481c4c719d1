"""Keeps quiet what has an explanation, and speaks of it when the explanation is over."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.services.platform_tenant import PLATFORM_TENANT_ID
from accounts.tenancy import all_tenants
from alarms.engine.incidents import DEAF, GATEWAY_OFFLINE, SILENCES, explained_gateway
from alarms.models import Alarm, AlarmEvent, Suppression
from alarms.services.reasons import Reason, find_reasons

BATCH_ROWS = 500
Kind = AlarmEvent.Kind


def suppress(alarms: Collection[Alarm], *, now: dt.datetime) -> None:
    """Say of fresh alarms why nobody is told, in the transaction that raised them.

    The objects are changed as well. An alarm that explains others takes them to itself.
    """
    if not alarms:
        return
    reasons = find_reasons(alarms, now=now)
    with transaction.atomic():
        _set_reasons([(alarm, reasons[alarm.id]) for alarm in alarms if alarm.id in reasons], now)
        for alarm in alarms:
            gateway_id = explained_gateway(alarm.key)
            if gateway_id is not None and not alarm.ending:
                _attach(_lonely(tenant_id=alarm.tenant_id, gateway_id=gateway_id), now)


def release(*, now: dt.datetime) -> int:
    """Look again at what is quiet and at what should be; return how many were released.

    What has no explanation any more is told; what has another, or got one since it was
    raised, is explained by that. Rows that somebody holds at the moment are left to the
    next call. Runs for all tenants.
    """
    released = 0
    with all_tenants():
        released += _wake(now)
        for alarms in _batches(_open().exclude(suppressed_because="")):
            released += _look_again(alarms, now)
        for alarms in _batches(_unattached()):
            _attach_rows(alarms, now)
    return released


def review(alarms: QuerySet[Alarm], *, now: dt.datetime) -> int:
    """Look again at quiet alarms whose reason may be over; return how many were released."""
    return sum(_look_again(batch, now) for batch in _batches(alarms))


@transaction.atomic
def _wake(now: dt.datetime) -> int:
    """Speak again of open alarms whose snooze is over and that nobody took care of."""
    rows = _open().filter(snoozed_until__lte=now).order_by("key", "id")
    alarms = list(rows.select_for_update(of=("self",), skip_locked=True, no_key=True)[:BATCH_ROWS])
    _update(alarms, snoozed_until=None)
    told = [(alarm, "") for alarm in alarms if not alarm.suppressed_because]
    _tell(told, Kind.RELEASED, now)
    return len(told)


def _open() -> QuerySet[Alarm]:
    return Alarm.objects.filter(ending="")


def _says_nothing_is_heard() -> Q:
    return Q(code__in=SILENCES) | Q(version__definition__when__kind="no_data")


def _lonely(**of: object) -> QuerySet[Alarm]:
    """Return open alarms of silence that nobody took care of and no open alarm explains."""
    return (
        _open()
        .filter(_says_nothing_is_heard(), acknowledged_at=None, **of)
        .exclude(Q(suppressed_because=Suppression.PARENT, parent__ending=""))
    )


def _unattached() -> QuerySet[Alarm]:
    """Return open alarms raised while what explains them was being raised elsewhere."""
    parents = Alarm.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        gateway_id=OuterRef("gateway_id"),
        ending="",
        code=GATEWAY_OFFLINE,
    )
    is_deaf = Alarm.objects.filter(tenant_id=PLATFORM_TENANT_ID, key__in=DEAF, ending="").exists()
    silent = _lonely().filter(suppressed_because="")
    if not is_deaf:
        return silent.filter(Exists(parents))
    gateways = _open().filter(code=GATEWAY_OFFLINE, suppressed_because="", acknowledged_at=None)
    ids = silent.values("id").union(gateways.values("id"))
    return _open().filter(id__in=ids)


def _batches(alarms: QuerySet[Alarm]) -> Iterator[list[Alarm]]:
    """Yield the alarms in the order of their ids, some at a time; each batch is read anew."""
    rows = alarms.order_by("id")
    batch = list(rows[:BATCH_ROWS])
    while batch:
        yield batch
        batch = list(rows.filter(id__gt=batch[-1].id)[:BATCH_ROWS])


@transaction.atomic
def _look_again(batch: list[Alarm], now: dt.datetime) -> int:
    alarms = list(_locked(batch).exclude(suppressed_because=""))
    reasons = find_reasons(alarms, now=now)
    free = [alarm for alarm in alarms if alarm.id not in reasons]
    other = [(alarm, reasons[alarm.id]) for alarm in alarms if alarm.id in reasons]
    _set_reasons([(alarm, reason) for alarm, reason in other if _differs(alarm, reason)], now)
    _set_free(free, now)
    return len(free)


def _differs(alarm: Alarm, reason: Reason) -> bool:
    return (alarm.suppressed_because, alarm.parent_id) != (reason.because, reason.parent_id)


def _attach(alarms: QuerySet[Alarm], now: dt.datetime) -> None:
    for batch in _batches(alarms):
        _attach_rows(batch, now)


@transaction.atomic
def _attach_rows(batch: list[Alarm], now: dt.datetime) -> None:
    alarms = list(_locked(batch).filter(acknowledged_at=None))
    reasons = find_reasons(alarms, now=now)
    found = [(alarm, reasons[alarm.id]) for alarm in alarms if alarm.id in reasons]
    _set_reasons([(alarm, reason) for alarm, reason in found if _differs(alarm, reason)], now)


def _locked(batch: Iterable[Alarm]) -> QuerySet[Alarm]:
    ids = [alarm.id for alarm in batch]
    return (
        _open()
        .filter(id__in=ids)
        .order_by("id")
        .select_for_update(of=("self",), skip_locked=True, no_key=True)
    )


def _set_reasons(found: Collection[tuple[Alarm, Reason]], now: dt.datetime) -> None:
    groups: dict[tuple[str, object], list[Alarm]] = defaultdict(list)
    for alarm, reason in found:
        groups[reason.because, reason.parent_id].append(alarm)
        alarm.suppressed_because, alarm.parent_id = reason.because, reason.parent_id
    for (because, parent_id), alarms in groups.items():
        _update(alarms, suppressed_because=because, parent_id=parent_id)
    _tell([(alarm, _words(reason)) for alarm, reason in found], Kind.SUPPRESSED, now)


def _set_free(alarms: Collection[Alarm], now: dt.datetime) -> None:
    """Tell of alarms; that they belonged to an incident is kept."""
    for alarm in alarms:
        alarm.suppressed_because = Suppression.NONE
    _update(alarms, suppressed_because=Suppression.NONE)
    _tell([(alarm, "") for alarm in alarms], Kind.RELEASED, now)


def _update(alarms: Collection[Alarm], **changes: object) -> None:
    if alarms:
        Alarm.objects.filter(id__in=[alarm.id for alarm in alarms]).update(**changes)


def _words(reason: Reason) -> str:
    """Return `because: detail`; `quiet_words.suppression_text` says it in the reader's language."""
    return f"{reason.because}: {reason.detail}" if reason.detail else str(reason.because)


def _tell(found: Collection[tuple[Alarm, str]], kind: str, now: dt.datetime) -> None:
    AlarmEvent.objects.bulk_create(
        AlarmEvent(tenant_id=alarm.tenant_id, alarm=alarm, kind=kind, at=now, text=text)
        for alarm, text in found
    )
