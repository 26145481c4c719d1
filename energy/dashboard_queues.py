"""What waits for somebody, for the admin's first page: certificates, claims, the outbox."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, QuerySet

from devices.models import Claim, DeviceCertificate, OutboundMessage
from devices.models.claim import OPEN_STATES
from devices.queries_certificates import ENDS_SOON
from devices.queries_claims import unclaimed_boxes

WAITS_LONG_SECONDS = 60
MAX_TENANTS = 25


@dataclass(frozen=True, slots=True)
class TenantQueue:
    """What waits for one tenant: certificates that end within 30 days, and open claims."""

    id: uuid.UUID
    name: str
    certificates: int
    claims: int


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits. `oldest_seconds`: how long the oldest message could have been sent."""

    tenants: list[TenantQueue]
    tenant_count: int
    certificates: int
    claims: int
    unclaimed: int
    outbox: int
    oldest_seconds: float

    @property
    def open_states(self) -> str:
        """Return the states of open claims, as the list's filter takes them."""
        return ",".join(OPEN_STATES)

    @property
    def is_late(self) -> bool:
        """Tell whether messages wait for longer than a reconnect takes."""
        return self.oldest_seconds > WAITS_LONG_SECONDS


def read_queues(names: Mapping[uuid.UUID, str], *, now: dt.datetime) -> Queues:
    """Count for the tenants named; four queries, runs under `all_tenants`."""
    valid = DeviceCertificate.objects.filter(revoked_at=None, not_after__gt=now)
    certificates = _by_tenant(valid.filter(not_after__lte=now + ENDS_SOON))
    claims = _by_tenant(Claim.objects.filter(state__in=OPEN_STATES))
    queues = [
        TenantQueue(id_, names[id_], certificates.get(id_, 0), claims.get(id_, 0))
        for id_ in names
        if id_ in certificates or id_ in claims
    ]
    queues.sort(key=lambda queue: -(queue.certificates + queue.claims))
    waiting = OutboundMessage.objects.aggregate(number=Count("id"), oldest=Min("not_before"))
    oldest = (now - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
    return Queues(
        tenants=queues[:MAX_TENANTS],
        tenant_count=len(queues),
        certificates=sum(certificates.values()),
        claims=sum(claims.values()),
        unclaimed=unclaimed_boxes().count(),
        outbox=waiting["number"],
        oldest_seconds=max(0.0, oldest),
    )


def _by_tenant(rows: QuerySet[Any]) -> dict[uuid.UUID, int]:
    counted = rows.order_by().values("tenant_id").annotate(number=Count("id"))
    return {row["tenant_id"]: row["number"] for row in counted}
