"""Hands zones out to the processes that control them, and keeps how it went."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm, Source
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from alarms.sources.checks import effective_checks, words_in_english
from alarms.sources.shipped import Check
from automation.control.pace import CYCLE, skipped
from automation.models import RecipeState, ZoneControl, ZoneController

ALARM_CODE = "zones_failing"


class Claim(NamedTuple):
    """Zones that this process looks at now: their tenants by control; skipped: looks left out."""

    zones: dict[uuid.UUID, uuid.UUID]
    skipped: int


def claim_zones(*, most: int, now: dt.datetime) -> Claim:
    """Take zones whose turn it is, so that no other process does; the longest waiting first.

    Their next turn is a cycle later. One that is late goes on from now.
    """
    with all_tenants(), transaction.atomic():
        due = active_zones().filter(Q(next_at__lte=now) | Q(next_at=None))
        rows = list(
            due.select_for_update(of=("self",), skip_locked=True, no_key=True)
            .order_by(F("next_at").asc(nulls_first=True), "id")
            .values_list("id", "tenant_id", "next_at")[:most]
        )
        mine = ZoneControl.objects.filter(id__in=[row[0] for row in rows])
        late = Q(next_at=None) | Q(next_at__lte=now - CYCLE)
        # first those in time: the others would be among them afterwards
        mine.exclude(late).filter(next_at__lte=now).update(next_at=F("next_at") + CYCLE)
        mine.filter(late).update(next_at=now + CYCLE)
    return Claim({row[0]: row[1] for row in rows}, sum(skipped(row[2], now) for row in rows))


def active_zones() -> QuerySet[ZoneControl]:
    """Return the zones in which something acts or has a time to come."""
    controllers = ZoneController.objects.filter(control=OuterRef("pk"), is_enabled=True)
    return ZoneControl.objects.filter(
        Exists(controllers) | Q(recipe_state=RecipeState.RUNNING) | Q(mode_until__isnull=False)
    )


def count_zones() -> int:
    """Return how many zones of all tenants are active."""
    with all_tenants():
        return active_zones().count()


def note_cycle(
    *, done: Collection[uuid.UUID], failed: Mapping[uuid.UUID, str], now: dt.datetime
) -> None:
    """Keep which zones were looked at, and what went wrong in which."""
    with all_tenants():
        ZoneControl.objects.filter(id__in=done).update(last_cycle_at=now, errors=0)
        for control_id, error in failed.items():
            ZoneControl.objects.filter(id=control_id).update(
                last_cycle_at=now, errors=F("errors") + 1, last_error=error[:500],
                last_error_at=now,
            )  # fmt: skip


def tell_failures(*, tenants: Iterable[uuid.UUID], now: dt.datetime) -> None:
    """Raise an alarm where more of the zones than a limit (10 %) failed when last looked at.

    It ends when no more than that do.
    """
    wanted = set(tenants)
    with all_tenants():
        zones = active_zones().filter(tenant_id__in=wanted).order_by().values("tenant_id")
        counts = zones.annotate(number=Count("id"), failing=Count("id", filter=Q(errors__gt=0)))
        shares = {row["tenant_id"]: (row["failing"], row["number"]) for row in counts}
        raised = set(
            Alarm.objects.filter(tenant_id__in=wanted, source=Source.SYSTEM, code=ALARM_CODE,
                                 ending="").values_list("tenant_id", flat=True)
        )  # fmt: skip
    check = effective_checks()[ALARM_CODE]
    for tenant_id in wanted:
        failing, number = shares.get(tenant_id, (0, 0))
        is_bad = check.is_enabled and failing * 100 > (check.limit or 0.0) * number
        if is_bad == (tenant_id in raised):
            continue
        with tenant_scope(tenant_id):
            if is_bad:
                raise_alarm(_sign(check, tenant_id, failing, number), at=now, now=now)
            else:
                clear_alarm(tenant_id, f"system:{ALARM_CODE}", at=now, now=now)


def _sign(check: Check, tenant_id: uuid.UUID, failing: int, zones: int) -> Sign:
    value = round(100 * failing / zones, 1)
    title, text, advice = words_in_english(check, value=value, subject="")
    return Sign(
        tenant_id=tenant_id, key=f"system:{ALARM_CODE}", source=Source.SYSTEM, code=ALARM_CODE,
        title=title, subject=f"{failing}/{zones}", severity=check.severity, text=text,
        advice=advice, value=value, limit=check.limit, unit="%",
    )  # fmt: skip
