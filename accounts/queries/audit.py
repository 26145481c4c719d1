"""Reads of the audit trail; each names the tenant, because the table knows no scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Case, F, Q, QuerySet, UUIDField, Value, When
from django.utils.translation import gettext

from accounts.models import AuditEvent
from accounts.services.audit import FIRST, hash_of

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for; blank means everything. Times are UTC, `until` is not included."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    action: str = ""
    actor: str = ""
    text: str = ""


def list_events(*, tenant_id: uuid.UUID | None, wanted: AuditFilter) -> QuerySet[AuditEvent]:
    """Return a tenant's events, or with None the platform's; the newest first."""
    events = named(AuditEvent.objects.filter(tenant_id=tenant_id), for_staff=tenant_id is None)
    if wanted.since:
        events = events.filter(at__gte=wanted.since)
    if wanted.until:
        events = events.filter(at__lt=wanted.until)
    if wanted.action:
        events = events.filter(action__startswith=wanted.action)
    if wanted.actor:
        events = events.filter(Q(who__icontains=wanted.actor) | Q(through__icontains=wanted.actor))
    if wanted.text:
        events = events.filter(Q(object_label__icontains=wanted.text) | Q(object_id=wanted.text))
    return events.order_by("-number")


def named(events: QuerySet[AuditEvent], *, for_staff: bool) -> QuerySet[AuditEvent]:
    """Add what a reader may know: `who`, `who_id`, `through`, `through_id` and `address`.

    Customers read that it was platform staff, neither which of them nor from where; the row
    keeps it.
    """
    if for_staff:
        return events.annotate(
            who=F("actor_label"), who_id=F("actor_id"), through=F("impersonator_label"),
            through_id=F("impersonator_id"), address=F("ip_address"),
        )  # fmt: skip
    staff = Value(gettext("Platform staff"))
    is_staff, is_through = Q(actor_kind="staff"), Q(impersonator_id__isnull=False)
    return events.annotate(
        who=Case(When(is_staff, then=staff), default=F("actor_label")),
        who_id=Case(When(is_staff, then=None), default=F("actor_id")),
        through=Case(When(is_through, then=staff), default=Value("")),
        through_id=Value(None, output_field=UUIDField(null=True)),
        address=Case(When(is_staff | is_through, then=None), default=F("ip_address")),
    )


def known_actions(*, tenant_id: uuid.UUID | None) -> list[str]:
    """Return the actions that occur in a chain."""
    events = AuditEvent.objects.filter(tenant_id=tenant_id)
    return list(events.order_by("action").values_list("action", flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Broken:
    """The first event of a chain that is not what was written."""

    number: int
    reason: str


def chains() -> Iterator[uuid.UUID | None]:
    """Return the tenants that have events; None is the platform."""
    yield from (
        AuditEvent.objects.order_by("tenant_id").values_list("tenant_id", flat=True).distinct()
    )


def verify_chain(*, tenant_id: uuid.UUID | None) -> tuple[int, Broken | None]:
    """Follow a chain from its beginning; return how many events hold, and the first that does not.

    Reads a thousand events at a time. Events cut off at the end of a chain leave no trace
    in it: keep the newest hash elsewhere too (`audit_verify` prints it).
    """
    number, previous_hash = 0, FIRST
    while True:
        events = list(
            AuditEvent.objects.filter(tenant_id=tenant_id, number__gt=number).order_by("number")[
                :BATCH
            ]
        )
        for event in events:
            if event.number != number + 1:
                return number, Broken(number + 1, "is missing")
            if event.previous_hash != previous_hash:
                return number, Broken(event.number, "does not follow the event before it")
            if event.hash != hash_of(event):
                return number, Broken(event.number, "was changed")
            number, previous_hash = event.number, event.hash
        if len(events) < BATCH:
            return number, None


def newest_hash(*, tenant_id: uuid.UUID | None) -> str:
    """Return the hash at the end of a chain."""
    events = AuditEvent.objects.filter(tenant_id=tenant_id).order_by("-number")
    return events.values_list("hash", flat=True).first() or FIRST
