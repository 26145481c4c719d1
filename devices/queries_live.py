"""Live events by their numbers, in the tenant scope of the caller."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from django.db.models import Max, Min, QuerySet

from accounts.tenancy import current_tenant_id, tenant_scope
from devices.models import LiveEvent, Severity

SEVERITIES = tuple(severity.value for severity in Severity)  # the mildest first


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in the order of their numbers.

    `seq` is the number to go on from. `is_complete` is False when events that came after the
    number asked for are deleted already.
    """

    events: Sequence[LiveEvent]
    seq: int
    newest_seq: int
    has_more: bool
    is_complete: bool


def list_live_events(
    *,
    types: Collection[str],
    since_seq: int | None,
    limit: int,
    site_id: uuid.UUID | None = None,
    device_id: uuid.UUID | None = None,
    min_severity: str = "",
) -> EventPage:
    """Return the events after a number, the oldest first; without one, the newest."""
    oldest, newest = known_numbers()
    found = _filter(types=types, site_id=site_id, device_id=device_id, min_severity=min_severity)
    found = found.filter(seq__lte=newest)
    if since_seq is None:
        rows = list(found.order_by("-seq")[:limit])[::-1]
        return EventPage(rows, newest, newest, has_more=False, is_complete=True)
    rows = list(found.filter(seq__gt=since_seq).order_by("seq")[: limit + 1])
    has_more, rows = len(rows) > limit, rows[:limit]
    last = rows[-1].seq if has_more else None
    return EventPage(
        rows,
        last if last is not None else max(newest, since_seq),
        newest,
        has_more=has_more,
        is_complete=since_seq >= oldest - 1,
    )


def known_numbers() -> tuple[int, int]:
    """Return the smallest and the largest number that the tenant in scope has; 1, 0 for none.

    Also for guests those of the whole tenant: else what they may not see looked like a hole.
    """
    tenant_id = current_tenant_id()
    with tenant_scope(tenant_id) if tenant_id else nullcontext():
        numbered = LiveEvent.objects.filter(seq__isnull=False)
        found = numbered.aggregate(Min("seq"), Max("seq"))
    return found["seq__min"] or 1, found["seq__max"] or 0


def at_least(min_severity: str) -> Collection[str]:
    """Return the severities from one upwards; all for ""."""
    return SEVERITIES[SEVERITIES.index(min_severity) :] if min_severity else SEVERITIES


def _filter(
    *,
    types: Collection[str],
    site_id: uuid.UUID | None,
    device_id: uuid.UUID | None,
    min_severity: str,
) -> QuerySet[LiveEvent]:
    found: QuerySet[LiveEvent] = LiveEvent.objects.filter(seq__isnull=False, type__in=types)
    if site_id:
        found = found.filter(site_id=site_id)
    if device_id:
        found = found.filter(device_id=device_id)
    return found.filter(severity__in=at_least(min_severity)) if min_severity else found
