"""Lets costs follow the ledger and the tariffs, a bounded part at each look."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import translation

from accounts.tenancy import tenant_scope
from metering.models import CostState, Meter
from metering.queries.rating import extend_days
from metering.services.cost_marks import LIVE, Mark, write_marks
from metering.services.costs import local_today, lock_site, recalculate_costs

logger = logging.getLogger(__name__)

MOVED = 500  # meters whose ledger is looked at in a look
METERS = 50  # of a site that are computed together
DAYS = 100  # that are computed at once
FAILED = dt.timedelta(minutes=10)
UNAVAILABLE = (psycopg.OperationalError, OperationalError, InterfaceError)
_DAY = dt.timedelta(days=1)

# a computed meter changes with what it is computed from
_MOVED = """
WITH built AS (
    SELECT register.meter_id AS source, max(state.built_at) AS built_at
    FROM metering_ledger_state AS state
    JOIN metering_register AS register ON register.id = state.register_id
    WHERE state.built_at IS NOT NULL GROUP BY 1
), meters AS (
    SELECT source AS meter_id, source, built_at FROM built
    UNION ALL
    SELECT term.virtual_id, source, built_at
    FROM built JOIN metering_meterterm AS term ON term.meter_id = source
), moved AS (
    SELECT meters.meter_id, max(meters.built_at) AS built_at, cost.seen_at
    FROM meters LEFT JOIN metering_cost_state AS cost ON cost.meter_id = meters.meter_id
    GROUP BY meters.meter_id, cost.seen_at
    HAVING max(meters.built_at) IS DISTINCT FROM cost.seen_at
    ORDER BY 2 LIMIT %(most)s
)
SELECT meter.tenant_id, moved.meter_id, moved.built_at, days.first, days.last + 1,
    CASE WHEN days.first >= (%(now)s AT TIME ZONE site.timezone)::date AND NOT is_first
        THEN %(later)s ELSE %(now)s END
FROM moved
JOIN metering_meter AS meter ON meter.id = moved.meter_id
JOIN devices_site AS site ON site.id = meter.site_id
CROSS JOIN LATERAL (SELECT moved.seen_at IS NULL AS is_first OFFSET 0) AS given
CROSS JOIN LATERAL (
    SELECT min(day.day) AS first, max(day.day) AS last
    FROM meters AS part
    JOIN metering_register AS register ON register.meter_id = part.source
    JOIN metering_day AS day ON day.register_id = register.id
    WHERE part.meter_id = moved.meter_id AND (moved.seen_at IS NULL
        OR day.changed_at > moved.seen_at OR day.changed_at = moved.built_at)
) AS days
WHERE EXISTS (SELECT FROM metering_tariffassignment AS used WHERE used.site_id = meter.site_id
    AND (used.meter_id IS NULL OR used.meter_id = meter.id))
"""
# fees of a day are due whether something was measured or not
_NEW_DAY = """
SELECT cost.tenant_id, cost.meter_id, NULL::timestamptz, cost.costed_to,
    (%(now)s AT TIME ZONE site.timezone)::date + 1, %(now)s
FROM metering_cost_state AS cost
JOIN metering_meter AS meter ON meter.id = cost.meter_id
JOIN devices_site AS site ON site.id = meter.site_id
WHERE cost.costed_to <= (%(now)s AT TIME ZONE site.timezone)::date
    AND (cost.due_to IS NULL OR cost.due_to <= (%(now)s AT TIME ZONE site.timezone)::date)
"""


@dataclass(frozen=True, slots=True)
class Followed:
    """How many meters were computed, how many could not be, and whether more is waiting."""

    meters: int = 0
    failed: int = 0
    is_more: bool = False


def follow_costs(*, now: dt.datetime, seconds: float = 2.0) -> Followed:
    """Compute what is due, oldest first, for about so many seconds; inside `all_tenants`.

    Meters that cannot be computed keep the reason and are tried again later.
    """
    deadline = time.monotonic() + seconds
    moved = _note(now)
    meters, failed = 0, 0
    while group := _due(now):
        broken = _compute(group, now=now)
        meters, failed = meters + len(group), failed + broken
        if time.monotonic() >= deadline:
            return Followed(meters, failed, is_more=True)
    return Followed(meters, failed, is_more=moved >= MOVED)


def _note(now: dt.datetime) -> int:
    """Mark what the ledger and the calendar changed; return how many meters moved."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, {"now": now, "later": now + LIVE, "most": MOVED})
        moved: list[Mark] = cursor.fetchall()
        cursor.execute(_NEW_DAY, {"now": now})
        begun: list[Mark] = cursor.fetchall()
    write_marks(moved)
    write_marks(begun)  # apart: soon after midnight many meters are in both
    return len(moved)


def _due(now: dt.datetime) -> list[CostState]:
    """Return states of one site that are due for the same days."""
    rows = CostState.objects.filter(due_at__lte=now, due_from__isnull=False)
    first = rows.select_related("meter").order_by("due_at", "meter_id").first()
    if first is None:
        return []
    same = rows.filter(
        meter__site_id=first.meter.site_id, due_from=first.due_from, due_to=first.due_to
    )
    return list(same.select_related("meter").order_by("meter_id")[:METERS])


def _compute(group: Sequence[CostState], *, now: dt.datetime) -> int:
    """Return how many meters could not be computed."""
    with tenant_scope(group[0].tenant_id), translation.override("en"):
        try:
            _compute_together([state.meter_id for state in group], now=now)
        except UNAVAILABLE:
            raise
        except Exception as error:
            if len(group) > 1:
                return sum(_compute([state], now=now) for state in group)
            logger.exception("The costs of meter %s cannot be computed", group[0].meter_id)
            _keep_problem(group[0].meter_id, error, now=now)
            return 1
    return 0


@transaction.atomic
def _compute_together(meters: Sequence[uuid.UUID], *, now: dt.datetime) -> None:
    found = list(Meter.objects.filter(id__in=meters).order_by("id"))
    site = lock_site(found[0].site_id)
    # locked after the site, as who assigns a tariff does
    states = list(CostState.objects.select_for_update().filter(meter_id__in=meters))
    starts = [state.due_from for state in states if state.due_from]
    ends = [state.due_to for state in states if state.due_to]
    if not starts or not ends:
        return
    start, today = min(starts), local_today(site, now)
    end = min(extend_days(site, found, start, max(ends)), today + _DAY)
    until = min(end, start + dt.timedelta(days=DAYS))
    recalculate_costs(meters=found, start=start, end=until, now=now)
    for state in states:
        state.error = ""
        state.costed_to = max(state.costed_to or until, until)
        if until < end:
            state.due_from, state.due_to = until, end
        else:
            state.due_from = state.due_to = state.due_at = None
        state.save()


def _keep_problem(meter_id: uuid.UUID, error: Exception, *, now: dt.datetime) -> None:
    name = type(error).__name__
    CostState.objects.filter(meter_id=meter_id).update(
        error=f"{name}: {error}"[:500], due_at=now + FAILED
    )
