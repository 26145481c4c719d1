"""The statement of a billing period: lines for an invoice, taxes, and the shares of occupants."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, Count, F, Max, Min, Q, QuerySet, Sum, Value, When

from metering.models import AllocationKey, BillingPeriod, CostCentre, CostLine, Meter
from metering.queries.costs import TAXES, Known, consumption, known_quality
from metering.series import to_decimal, to_micro
from metering.tariffs.calendar import local_days


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A component of a tariff at a meter over all days of the period.

    price: None where it differed. An adjustment is of days that were billed before.
    """

    meter: str
    meter_id: uuid.UUID
    tariff: str
    component: str
    band: str
    kind: str
    unit: str
    quantity: Decimal
    price: Decimal | None
    amount: Decimal
    currency: str
    is_tax: bool
    is_adjustment: bool
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class Share:
    """What a cost centre bears."""

    centre: str
    kind: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a bill says. net: without taxes; by currency."""

    period: BillingPeriod
    lines: list[StatementLine]
    net: dict[str, Decimal]
    tax: dict[str, Decimal]
    shares: list[Share]
    quality: Known
    is_final: bool

    @property
    def total(self) -> dict[str, Decimal]:
        """Return net and taxes together."""
        return {key: self.net.get(key, Decimal(0)) + self.tax.get(key, Decimal(0))
                for key in {*self.net, *self.tax}}  # fmt: skip


def make_statement(period: BillingPeriod) -> Statement:
    """Return what a period billed; what it would bill while it is open."""
    meters = list(Meter.objects.filter(site_id=period.site_id).order_by("name", "id"))
    if period.closed_at is not None:
        chosen = Q(period=period)
    else:
        pending = Q(is_adjustment=True, period=None)
        own = Q(day__gte=period.start, day__lt=period.end)
        chosen = Q(meter__site_id=period.site_id, superseded_at=None) & (own | pending)
    rows = CostLine.objects.filter(chosen)
    lines = _lines(rows)
    charged = {line.meter_id for line in lines}
    quarters = local_days(period.start, period.end, ZoneInfo(period.site.timezone)).edges
    return Statement(
        period=period, lines=lines,
        net=_sum(line for line in lines if not line.is_tax),
        tax=_sum(line for line in lines if line.is_tax),
        shares=_shares(period, lines) if period.shares is None else _billed(period.shares),
        quality=known_quality(
            [meter for meter in meters if meter.id in charged], period.start, period.end,
            int(quarters[-1] - quarters[0]),
        ),
        is_final=period.closed_at is not None,
    )  # fmt: skip


def _lines(rows: QuerySet[CostLine]) -> list[StatementLine]:
    grouped = (
        rows.annotate(
            meter_name=F("meter__name"), tariff_name=F("version__tariff__name")
        )
        .values(
            "meter_name", "meter_id", "tariff_name", "component", "band", "kind", "unit",
            "currency", "is_adjustment",
        )
        .annotate(
            quantities=Sum("quantity"), amounts=Sum("amount"), low=Min("price"), high=Max("price"),
            unknown=Count("id", filter=Q(price=None)), first=Min("day"), last=Max("day"),
            order=Case(When(is_adjustment=True, then=Value("b")), default=Value("a"),
                       output_field=CharField()),
        )
        .order_by("meter_name", "meter_id", "order", "component", "band")
    )  # fmt: skip
    return [
        StatementLine(
            meter=row["meter_name"], meter_id=row["meter_id"], tariff=row["tariff_name"],
            component=row["component"], band=row["band"], kind=row["kind"], unit=row["unit"],
            quantity=row["quantities"],
            price=row["low"] if row["low"] == row["high"] and not row["unknown"] else None,
            amount=row["amounts"], currency=row["currency"], is_tax=row["kind"] in TAXES,
            is_adjustment=row["is_adjustment"], first_day=str(row["first"]),
            last_day=str(row["last"]),
        )
        for row in grouped
    ]  # fmt: skip


def _sum(lines: Iterable[StatementLine]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        found[line.currency] += line.amount
    return dict(found)


def keep_shares(period: BillingPeriod) -> list[dict[str, str]]:
    """Return the shares of a period as they are stored when it is closed."""
    found = _shares(period, _lines(CostLine.objects.filter(period=period)))
    return [
        {"centre": row.centre, "kind": row.kind, "amount": f"{row.amount:f}",
         "currency": row.currency}
        for row in found
    ]  # fmt: skip


def _billed(stored: Sequence[Mapping[str, str]]) -> list[Share]:
    return [
        Share(row["centre"], row["kind"], Decimal(row["amount"]), row["currency"]) for row in stored
    ]


def _shares(period: BillingPeriod, lines: Sequence[StatementLine]) -> list[Share]:
    """Return what each cost centre bears of the lines that a key covers."""
    keys = AllocationKey.objects.filter(site_id=period.site_id)
    of_meter = {key.meter_id: key for key in keys.prefetch_related("shares__centre__meter")}
    amounts: dict[tuple[AllocationKey, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        key = of_meter.get(line.meter_id) or of_meter.get(None)
        if key is not None:
            amounts[key, line.currency] += line.amount
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for (key, currency), amount in amounts.items():
        for centre, part in split(amount, weights_of(key, period)).items():
            found[centre.name, centre.kind, currency] += part
    return [Share(*names[:2], part, names[2]) for names, part in sorted(found.items())]


def weights_of(key: AllocationKey, period: BillingPeriod) -> dict[CostCentre, Decimal]:
    """Return how much each cost centre counts in a period; no two have to sum to anything."""
    shares = list(key.shares.all())
    if key.method == AllocationKey.Method.FIXED:
        return {share.centre: share.percent or Decimal(0) for share in shares}
    if key.method == AllocationKey.Method.AREA:
        return {share.centre: share.centre.area_m2 or Decimal(0) for share in shares}
    meters = [share.centre.meter for share in shares if share.centre.meter is not None]
    used = consumption(meters, period.start, period.end)
    return {
        share.centre: used.get(share.centre.meter_id, Decimal(0))
        if share.centre.meter_id
        else Decimal(0)
        for share in shares
    }


def split(amount: Decimal, weights: Mapping[CostCentre, Decimal]) -> dict[CostCentre, Decimal]:
    """Return parts that add up to the amount exactly; nothing where nobody counts."""
    total = sum(weights.values(), Decimal(0))
    if total <= 0:
        return {}
    whole, whole_weight = to_micro(amount), to_micro(total)
    parts, before, taken = {}, 0, 0
    for centre in sorted(weights, key=lambda one: (one.name, str(one.id))):
        before += to_micro(weights[centre])
        until = whole * before // whole_weight
        parts[centre] = to_decimal(until - taken)
        taken = until
    return parts
