"""What is wrong at a tenant: certificates that end, readings that miss, what is rejected."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

from django.db.models import Count, Q, Sum

from accounts.models import Tenant
from accounts.services.platform_tenant import PLATFORM_TENANT_ID, platform_tenant
from accounts.tenancy import all_tenants
from alarms.models import MessageKind, MessageState, NotificationMessage
from alarms.sources.findings import Finding
from alarms.sources.shipped import Check
from devices.models import DeviceCertificate, Lifecycle, Severity
from telemetry.models import RejectedMessage
from telemetry.truth.models import SequenceGap

MAX_ROWS = 1000
_DAY = dt.timedelta(days=1)
# nobody renews what ended long ago
_FORGOTTEN = 30 * _DAY


def certificates(check: Check, *, now: dt.datetime) -> Iterator[Finding]:
    """Find devices whose newest certificate ends within the limit, in days, or has ended."""
    ending = (
        DeviceCertificate.objects.filter(
            revoked_at=None,
            replaced_by=None,
            not_after__lte=now + (check.limit or 0) * _DAY,
            not_after__gt=now - _FORGOTTEN,
        )
        .exclude(device__lifecycle=Lifecycle.DECOMMISSIONED)
        .select_related("device")
        .order_by("not_after", "id")
    )
    with all_tenants():
        rows = list(ending[:MAX_ROWS])
    for row in rows:
        days = max(0.0, (row.not_after - now) / _DAY)
        device = row.device
        yield Finding(
            row.tenant_id, str(device.id), device.name, value=round(days, 1),
            severity=_worse_with_time(check.severity, days), site_id=device.site_id,
            gateway_id=device.gateway_id, device_id=device.id,
        )  # fmt: skip


def _worse_with_time(severity: Severity, days: float) -> Severity:
    if days <= 1:
        return Severity.CRITICAL
    return Severity.ERROR if days <= 7 and severity != Severity.CRITICAL else severity


def sequence_gaps(check: Check, *, now: dt.datetime) -> Iterator[Finding]:
    """Find gaps that are open, and for a day those for which nobody asks any more."""
    lasting = now - dt.timedelta(seconds=check.for_seconds)
    gaps = (
        SequenceGap.objects.filter(filled_at=None, since__lte=lasting)
        .filter(Q(given_up_at=None) | Q(given_up_at__gt=now - _DAY))
        .exclude(sequence__device__lifecycle=Lifecycle.DECOMMISSIONED)
        .select_related("sequence__device")
        .order_by("since", "id")
    )
    with all_tenants():
        rows = list(gaps[:MAX_ROWS])
    for gap in rows:
        device = gap.sequence.device
        yield Finding(
            gap.tenant_id, str(gap.id), device.name, value=gap.missing, since=gap.since,
            site_id=device.site_id, gateway_id=device.gateway_id, device_id=device.id,
        )  # fmt: skip


def undelivered(check: Check, *, now: dt.datetime) -> Iterator[Finding]:
    """Find tenants whose notifications of the last day were given up, more than the limit."""
    dead = NotificationMessage.objects.filter(
        state=MessageState.DEAD, kind=MessageKind.ALARMS, made_at__gt=now - _DAY
    )
    with all_tenants():
        rows = dead.order_by().values("tenant_id", "tenant__name").annotate(number=Count("id"))
        found = [row for row in rows if row["number"] > (check.limit or 0)]
    for row in found:
        id_ = row["tenant_id"]
        yield Finding(id_, str(id_), row["tenant__name"], value=row["number"])


class RejectedRate:
    """Measures how many messages of each tenant are rejected, once a minute."""

    def __init__(self) -> None:
        self._counts: dict[uuid.UUID, int] = {}
        self._counted_at: dt.datetime | None = None
        self._rates: dict[uuid.UUID, float] = {}

    def find(self, check: Check, *, now: dt.datetime) -> list[Finding] | None:
        """Return the tenants above the limit, a minute; unknown senders are the platform's.

        None before the second measurement.
        """
        passed = None if self._counted_at is None else (now - self._counted_at).total_seconds()
        if passed is None or not 0 <= passed < 60:
            self._measure(now, passed)
        if passed is None:
            return None
        above = {id_: rate for id_, rate in self._rates.items() if rate > (check.limit or 0)}
        names = dict(Tenant.objects.filter(id__in=above).values_list("id", "name"))
        return [
            Finding(id_, str(id_), names[id_], value=round(rate, 1))
            for id_, rate in above.items()
            if id_ in names
        ]

    def _measure(self, now: dt.datetime, passed: float | None) -> None:
        counts = _count_rejected(now)
        if passed is not None and passed > 0:
            self._rates = {
                # messages that are forgotten make a count smaller: that is no rate
                id_: max(0, count - self._counts.get(id_, 0)) * 60 / passed
                for id_, count in counts.items()
            }
        self._counts, self._counted_at = counts, now


def _count_rejected(now: dt.datetime) -> dict[uuid.UUID, int]:
    rows = (
        RejectedMessage.objects.filter(last_received_at__gt=now - _DAY)
        .order_by()
        .values("tenant_id")
        .annotate(times=Sum("count"))
    )
    counts = {row["tenant_id"] or PLATFORM_TENANT_ID: row["times"] for row in rows}
    if PLATFORM_TENANT_ID in counts:
        platform_tenant()
    return counts
