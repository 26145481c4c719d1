"""What is wrong at connectors right now, for alarms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import QuerySet

from accounts.tenancy import all_tenants
from alarms.sources.findings import Finding
from alarms.sources.shipped import Check
from charging.events import MISMATCHES, Kind
from charging.models import Connector
from charging.services.currents import Excess
from charging.states import S
from devices.models import Lifecycle

ROWS = 1000
FAULTS = (S.FAULT, S.RECOVERING)
_QUIET = (Lifecycle.DECOMMISSIONED, Lifecycle.MAINTENANCE)


def silent(check: Check, *, now: dt.datetime) -> Iterator[Finding]:
    """Find controllers that were heard once and have said nothing for longer than the limit."""
    lasting = dt.timedelta(seconds=check.limit or 0)
    for one in _read(_watched().filter(seen_at__lt=now - lasting)):
        if one.seen_at is not None:
            seconds = round((now - one.seen_at).total_seconds())
            yield _finding(one, value=seconds, since=one.seen_at + lasting)


def faults() -> Iterator[Finding]:
    """Find connectors in a fault, or still recovering from one."""
    for one in _read(_watched().filter(state__in=FAULTS)):
        yield _finding(one, value=None, since=one.state_since)


def mismatches(found: list[Excess]) -> Iterator[Finding]:
    """Find contactors that are not where the state says, or that let current through."""
    told = set()
    for one in found:
        if one.kind == Kind.CONTACTOR_MISMATCH:
            told.add(one.connector.id)
            yield _finding(one.connector, value=None, since=one.since)
    for connector in _read(_watched().filter(seen__noticed__mismatches__gte=MISMATCHES)):
        if connector.id not in told:
            yield _finding(connector, value=None, since=connector.state_since)


def overcurrents(found: list[Excess]) -> Iterator[Finding]:
    """Find vehicles that draw more than their limit and 10 %, for at least five seconds."""
    for one in found:
        if one.kind == Kind.OVERCURRENT:
            yield _finding(one.connector, value=round(one.value, 1), since=one.since)


def _watched() -> QuerySet[Connector]:
    rows = Connector.objects.exclude(charge_point__device__lifecycle__in=_QUIET)
    return (
        rows.filter(tenant__is_active=True, tenant__suspended_at=None)
        .select_related("charge_point__device")
        .order_by("id")
    )


def _read(rows: QuerySet[Connector]) -> list[Connector]:
    with all_tenants():
        return list(rows[:ROWS])


def _finding(one: Connector, *, value: float | None, since: dt.datetime | None) -> Finding:
    point = one.charge_point
    return Finding(
        one.tenant_id, str(one.id), str(one), value=value, since=since, site_id=point.site_id,
        device_id=point.device_id,
    )  # fmt: skip
