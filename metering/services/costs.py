"""Costs: computed again, billed, and tried out before a tariff is changed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Min
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from devices.models import Site
from metering.models import BillingPeriod, CostLine, Meter, TariffVersion
from metering.queries.rating import rate_meters
from metering.queries.statements import keep_shares
from metering.services.tariffs import FIRST_DAY, LAST_DAY
from metering.storage.cost_months import months_of, sum_months
from metering.storage.costs import Difference, compare, current_lines, write

MAX_DAYS = 800
_DAY = dt.timedelta(days=1)


class CostRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


@dataclass(frozen=True, slots=True)
class Recalculated:
    """How many lines were written, ended and written as adjustments; sums by currency."""

    written: int = 0
    ended: int = 0
    adjustments: int = 0
    before: Mapping[str, Decimal] = field(default_factory=dict)
    after: Mapping[str, Decimal] = field(default_factory=dict)

    def __add__(self, other: Recalculated) -> Recalculated:
        return Recalculated(
            self.written + other.written,
            self.ended + other.ended,
            self.adjustments + other.adjustments,
            _merge(self.before, other.before),
            _merge(self.after, other.after),
        )


def recalculate_costs(
    *,
    meters: Sequence[Meter],
    start: dt.date,
    end: dt.date,
    now: dt.datetime,
    is_trial: bool = False,
) -> Recalculated:
    """Make the lines of the local days [start, end) say what the ledger costs now.

    What has not changed stays. What was billed stays too; its difference is an adjustment.
    Days that are not over are provisional, and replaced without a trace.

    Raises: UnknownPriceSeries. TooLarge.
    """
    of_site: dict[uuid.UUID, list[Meter]] = defaultdict(list)
    for meter in meters:
        of_site[meter.site_id].append(meter)
    done = Recalculated()
    for site_id, group in of_site.items():
        with transaction.atomic():
            site = lock_site(site_id)
            found = find_difference(site, group, start, end, now=now)
            if not is_trial:
                write(found, now=now)
        done += Recalculated(
            len(found.fresh), len(found.ended), len(found.adjustments), found.before, found.after
        )
    return done


def find_difference(
    site: Site,
    meters: Sequence[Meter],
    start: dt.date,
    end: dt.date,
    *,
    now: dt.datetime,
    extra: TariffVersion | None = None,
) -> Difference:
    """Return what differs on the local days [start, end), up to today."""
    today = local_today(site, now)
    end = min(end, today + _DAY)
    start = min(start, _first_provisional(meters) or start)
    if start >= end:
        return Difference()
    rated = rate_meters(site, meters, start, end, today=today, extra=extra)
    closed = BillingPeriod.objects.filter(site=site, closed_at__isnull=False)
    return compare(
        current_lines(meters, start, end), rated,
        closed=list(closed.values_list("start", "end")), today=today, now=now,
    )  # fmt: skip


def lock_site(site_id: uuid.UUID) -> Site:
    """Return a site whose costs nobody else writes meanwhile. Raises: Site.DoesNotExist."""
    return Site.objects.select_for_update(no_key=True).get(id=site_id)


def local_today(site: Site, now: dt.datetime) -> dt.date:
    """Return the day it is at a site."""
    return now.astimezone(ZoneInfo(site.timezone)).date()


@transaction.atomic
def open_period(
    *, site_id: uuid.UUID, start: dt.date, end: dt.date, now: dt.datetime
) -> BillingPeriod:
    """Make a period [start, end) of local days that is to be billed.

    Raises: Site.DoesNotExist. CostRefused.
    """
    site = lock_site(site_id)
    for day, place in ((start, "start"), (end, "end")):
        if not FIRST_DAY <= day <= LAST_DAY:
            raise CostRefused("out_of_range", _("The day is out of range."), place)
    if not dt.timedelta() < end - start <= dt.timedelta(days=MAX_DAYS):
        raise CostRefused("out_of_order", _("The end has to be after the start."), "end")
    if BillingPeriod.objects.filter(site=site, start__lt=end, end__gt=start).exists():
        raise CostRefused("overlaps", _("Another billing period has some of these days."), "start")
    period = BillingPeriod.objects.create(tenant_id=site.tenant_id, site=site, start=start, end=end)
    _record("billing_period.opened", period, now)
    return period


@transaction.atomic
def close_period(*, period_id: uuid.UUID, now: dt.datetime) -> BillingPeriod:
    """Bill a period: its lines, and adjustments of earlier ones, are never changed after this.

    Raises: BillingPeriod.DoesNotExist. CostRefused.
    """
    site_id = BillingPeriod.objects.get(id=period_id).site_id
    site = lock_site(site_id)
    period = BillingPeriod.objects.select_for_update(of=("self",)).get(id=period_id)
    if period.closed_at is not None:
        raise CostRefused("closed", _("It is closed already."))
    if period.end > local_today(site, now):
        raise CostRefused("not_over", _("Its last day is not over yet."), "end")
    meters = list(Meter.objects.filter(site=site))
    recalculate_costs(meters=meters, start=period.start, end=period.end, now=now)
    open_lines = CostLine.objects.filter(meter__site=site, period=None, superseded_at=None)
    lines = open_lines.filter(day__gte=period.start, day__lt=period.end, is_adjustment=False)
    lines.update(period=period)
    open_lines.filter(is_adjustment=True).update(period=period)
    sum_months(months_of((meter.id for meter in meters), period.start, period.end))
    period.closed_at, period.shares = now, keep_shares(period)
    period.save()
    _record("billing_period.closed", period, now)
    return period


@transaction.atomic
def remove_period(*, period_id: uuid.UUID, now: dt.datetime) -> None:
    """Drop a period that was not billed.

    Raises: BillingPeriod.DoesNotExist. CostRefused.
    """
    period = BillingPeriod.objects.select_for_update(of=("self",)).get(id=period_id)
    if period.closed_at is not None:
        raise CostRefused("closed", _("What was billed stays."))
    _record("billing_period.removed", period, now)
    period.delete()


def _first_provisional(meters: Sequence[Meter]) -> dt.date | None:
    lines = CostLine.objects.filter(
        meter__in=[meter.id for meter in meters], is_provisional=True, superseded_at=None
    )
    found: dt.date | None = lines.aggregate(first=Min("day"))["first"]
    return found


def _merge(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {key: one.get(key, Decimal(0)) + other.get(key, Decimal(0)) for key in {*one, *other}}


def _record(action: str, period: BillingPeriod, now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=period.tenant_id, obj=period, label=str(period),
        detail={"site": str(period.site_id), "start": str(period.start), "end": str(period.end)},
    )  # fmt: skip
