"""What meters cost: as billed, as now known, to date. In the scope of the tenant."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from metering.models import BillingPeriod, CostLine, CostState, Meter
from metering.queries.series import meter_days
from metering.series import to_decimal

GROUPS = ("day", "month", "component", "band", "meter")
VIEWS = ("known", "billed")
TAXES = ("percent", "levy")


@dataclass(frozen=True, slots=True)
class CostRow:
    """Costs that belong together; `key` is a day, a month, a component, a band or a meter.

    quantity: None where units differ. provisional: how many lines may still change.
    """

    key: str
    component: str
    unit: str
    quantity: Decimal | None
    amount: Decimal
    currency: str
    provisional: int
    missing_quarters: int


@dataclass(frozen=True, slots=True)
class Known:
    """How well the consumption of some days is known, in quarter hours of its meters.

    prorated: measured over a longer time and shared out; estimated: with what people booked.
    """

    measured: int
    estimated: int
    missing: int
    prorated: int = 0

    @property
    def _expected(self) -> int:
        return max(1, self.measured + self.prorated + self.estimated + self.missing)

    @property
    def prorated_share(self) -> float:
        """From 0 to 1, of what should be there."""
        return self.prorated / self._expected

    @property
    def estimated_share(self) -> float:
        """From 0 to 1, of what should be there."""
        return self.estimated / self._expected

    @property
    def missing_share(self) -> float:
        """From 0 to 1, of what should be there."""
        return self.missing / self._expected


def find_lines(
    meters: Sequence[Meter], start: dt.date, end: dt.date, *, view: str = "known"
) -> QuerySet[CostLine]:
    """Return the lines of the local days [start, end).

    view: known – all that holds, adjustments included; billed – what bills said of these days.
    """
    lines = CostLine.objects.filter(
        meter__in=[meter.id for meter in meters], day__gte=start, day__lt=end, superseded_at=None
    )
    if view == "billed":
        lines = lines.filter(period__isnull=False, is_adjustment=False)
    return lines


def cost_rows(
    meters: Sequence[Meter], start: dt.date, end: dt.date, *, by: str = "day", view: str = "known"
) -> list[CostRow]:
    """Return the costs of the local days [start, end), summed up by one of `GROUPS`."""
    lines = find_lines(meters, start, end, view=view)
    if by == "month":
        lines = lines.annotate(month=TruncMonth("day"))
    names = ["component", "band", "unit"] if by == "band" else [by if by != "meter" else "meter_id"]
    if by == "component":
        names = ["component", "unit"]
    rows = (
        lines.values(*names, "currency")
        .annotate(
            quantities=Sum("quantity"),
            amounts=Sum("amount"),
            open_lines=Count("id", filter=Q(is_provisional=True)),
            unpriced=Sum("missing_quarters"),
        )
        .order_by(*names, "currency")
    )
    return [
        CostRow(
            key=str(row[names[0]] if by != "band" else row["band"]),
            component=row.get("component", ""), unit=row.get("unit", ""),
            quantity=row["quantities"] if "unit" in row else None, amount=row["amounts"],
            currency=row["currency"], provisional=row["open_lines"],
            missing_quarters=row["unpriced"],
        )
        for row in rows
    ]  # fmt: skip


def totals(
    meters: Sequence[Meter], start: dt.date, end: dt.date, *, view: str = "known"
) -> dict[str, Decimal]:
    """Return the sums of amounts by currency."""
    rows = find_lines(meters, start, end, view=view).values("currency")
    return {row["currency"]: row["total"] for row in rows.annotate(total=Sum("amount"))}


def period_to_date(site_id: uuid.UUID, today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the days [start, end) of the bill that runs.

    The open billing period of today; without one the month, or what the last bill left of it.
    """
    periods = BillingPeriod.objects.filter(site_id=site_id)
    running = periods.filter(start__lte=today, end__gt=today, closed_at=None).first()
    if running is not None:
        return running.start, running.end
    first = today.replace(day=1)
    last = periods.filter(end__lte=today, end__gt=first).order_by("-end").first()
    after = (first + dt.timedelta(days=32)).replace(day=1)
    return (last.end if last else first), after


def known_quality(meters: Sequence[Meter], start: dt.date, end: dt.date, quarters: int) -> Known:
    """Return how well the days [start, end) are known. Args: quarters: that each meter has."""
    measured = estimated = prorated = 0
    found = meter_days(meters, start, end)
    for rows in found.values():
        estimated += int(rows["estimated_quarters"].sum())
        together = int(rows["prorated_quarters"].sum())
        prorated += together
        measured += int(rows["quarters"].sum()) - int(rows["estimated_quarters"].sum()) - together
    missing = max(0, quarters * len(meters) - measured - prorated - estimated)
    return Known(measured, estimated, missing, prorated)


def consumption(meters: Sequence[Meter], start: dt.date, end: dt.date) -> dict[uuid.UUID, Decimal]:
    """Return what meters counted on the days [start, end), in their units."""
    found = meter_days(meters, start, end)
    return {meter: to_decimal(int(rows["amount"].sum())) for meter, rows in found.items()}


def list_periods(site_id: uuid.UUID | None = None) -> QuerySet[BillingPeriod]:
    """Return billing periods, the newest first."""
    rows = BillingPeriod.objects.select_related("site").order_by("-start", "id")
    return rows.filter(site_id=site_id) if site_id else rows


def find_period(period_id: uuid.UUID) -> BillingPeriod:
    """Return one. Raises: BillingPeriod.DoesNotExist."""
    return list_periods().get(id=period_id)


def billed_totals(
    periods: Sequence[BillingPeriod],
) -> dict[uuid.UUID, list[tuple[str, Decimal]]]:
    """Return what closed periods billed, adjustments included, by currency."""
    rows = (
        CostLine.objects.filter(period__in=[row.id for row in periods])
        .values("period_id", "currency")
        .annotate(total=Sum("amount"))
        .order_by("period_id", "currency")
    )
    found: dict[uuid.UUID, list[tuple[str, Decimal]]] = {}
    for row in rows:
        found.setdefault(row["period_id"], []).append((row["currency"], row["total"]))
    return found


def problems(meters: Sequence[Meter]) -> list[CostState]:
    """Return the meters whose costs cannot be computed, with the reason."""
    rows = CostState.objects.filter(meter__in=[meter.id for meter in meters]).exclude(error="")
    return list(rows.select_related("meter").order_by(F("meter__name")))


def charged_meters(site_id: uuid.UUID) -> list[Meter]:
    """Return the meters of a site that cost something, or could."""
    return list(Meter.objects.filter(site_id=site_id).select_related("site").order_by("name", "id"))
