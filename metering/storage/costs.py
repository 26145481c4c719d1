"""Cost lines: what is stored is compared with what was rated, and only differences written."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts.services.refusals import Refusal
from metering.models import CostLine, Meter
from metering.queries.rating import Rated
from metering.storage.cost_months import sum_months

Key = tuple[uuid.UUID, dt.date, str, str]
BATCH = 1_000
_MOST = Decimal(10) ** 14


class TooLarge(Refusal):
    """An amount that no bill can hold: a price or a reading is wrong."""

    def __str__(self) -> str:
        return _("An amount is too large to be billed: a price or a reading is wrong.")


@dataclass(frozen=True, slots=True)
class Stored:
    """What holds for a key: the line of the day, and adjustments of it."""

    line: CostLine | None = None
    adjustments: tuple[CostLine, ...] = ()

    def sums(self) -> tuple[Decimal, Decimal]:
        """Return quantity and amount."""
        lines = [*([self.line] if self.line else []), *self.adjustments]
        return (
            sum((line.quantity for line in lines), Decimal(0)),
            sum((line.amount for line in lines), Decimal(0)),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written so that lines say what was rated.

    fresh: new lines. ended: lines that hold no longer; provisional ones are not kept.
    before, after: sums of amounts by currency.
    """

    fresh: list[CostLine] = field(default_factory=list)
    ended: list[CostLine] = field(default_factory=list)
    before: dict[str, Decimal] = field(default_factory=dict)
    after: dict[str, Decimal] = field(default_factory=dict)

    @property
    def adjustments(self) -> list[CostLine]:
        """Return the lines that correct what was billed."""
        return [line for line in self.fresh if line.is_adjustment]


def current_lines(meters: Sequence[Meter], start: dt.date, end: dt.date) -> dict[Key, Stored]:
    """Return what holds on the local days [start, end) of meters."""
    rows = CostLine.objects.filter(
        meter__in=[meter.id for meter in meters], day__gte=start, day__lt=end, superseded_at=None
    )
    found: dict[Key, Stored] = defaultdict(Stored)
    for line in rows.select_related("meter", "version").order_by("id"):
        key = (line.meter_id, line.day, line.component, line.band)
        if line.is_adjustment:
            found[key] = replace(found[key], adjustments=(*found[key].adjustments, line))
        else:
            found[key] = replace(found[key], line=line)
    return found


def compare(
    stored: Mapping[Key, Stored],
    rated: Iterable[Rated],
    *,
    closed: Sequence[tuple[dt.date, dt.date]],
    today: dt.date,
    now: dt.datetime,
) -> Difference:
    """Return what differs. Args: closed: days [start, end) that were billed."""
    wanted = {_key(one): one for one in rated}
    found = Difference()
    for key in sorted({*stored, *wanted}):
        known, one = stored.get(key, Stored()), wanted.get(key)
        if any(start <= key[1] < end for start, end in closed):
            _adjust(found, known, one, now=now)
        else:
            _replace(found, known, one, today=today, now=now)
        _count(found, known, one)
    return found


def write(found: Difference, *, now: dt.datetime) -> None:
    """Store a difference, inside a transaction."""
    provisional = [line.id for line in found.ended if line.is_provisional]
    CostLine.objects.filter(id__in=provisional).delete()
    final = [line.id for line in found.ended if not line.is_provisional]
    CostLine.objects.filter(id__in=final).update(superseded_at=now)
    CostLine.objects.bulk_create(found.fresh, batch_size=BATCH)
    sum_months((line.meter_id, line.day) for line in (*found.ended, *found.fresh))


def _key(one: Rated) -> Key:
    return one.meter.id, one.item.day, one.item.component, one.item.band


def _replace(
    found: Difference, known: Stored, one: Rated | None, *, today: dt.date, now: dt.datetime
) -> None:
    fresh = None if one is None else _line(one, today=today, now=now)
    if known.line is not None:
        if fresh is not None and _says_the_same(known.line, fresh):
            return
        found.ended.append(known.line)
        if fresh is not None and not known.line.is_provisional:
            fresh.revision = known.line.revision + 1
    if fresh is not None:
        found.fresh.append(fresh)


def _adjust(found: Difference, known: Stored, one: Rated | None, *, now: dt.datetime) -> None:
    """Write the difference to what was billed; the line that was billed stays."""
    quantity, amount = known.sums()
    wanted = (one.item.quantity, one.item.amount) if one else (Decimal(0), Decimal(0))
    if wanted == (quantity, amount):
        return
    last = known.adjustments[-1] if known.adjustments else known.line
    if one is not None:
        line = _line(one, today=dt.date.max, now=now)
    elif last is not None:
        line = _copy(last, now=now)
    else:
        return
    line.quantity, line.amount = wanted[0] - quantity, wanted[1] - amount
    line.is_adjustment, line.corrects = True, known.line
    line.revision = len(known.adjustments) + 1
    found.fresh.append(line)


def _line(one: Rated, *, today: dt.date, now: dt.datetime) -> CostLine:
    item = one.item
    if max(abs(item.quantity), abs(item.amount)) >= _MOST:
        raise TooLarge
    return CostLine(
        tenant_id=one.meter.tenant_id, meter=one.meter, version=one.version, day=item.day,
        component=item.component, kind=item.kind, band=item.band, quantity=item.quantity,
        unit=item.unit, price=item.price, amount=item.amount,
        currency=one.version.tariff.currency, first_quarter=item.first_quarter,
        last_quarter=item.last_quarter, is_provisional=item.is_provisional or item.day >= today,
        missing_quarters=item.missing_quarters, revision=1, readings_at=now,
    )  # fmt: skip


def _copy(line: CostLine, *, now: dt.datetime) -> CostLine:
    return CostLine(
        tenant_id=line.tenant_id, meter=line.meter, version=line.version, day=line.day,
        component=line.component, kind=line.kind, band=line.band, unit=line.unit,
        price=line.price, currency=line.currency, first_quarter=line.first_quarter,
        last_quarter=line.last_quarter, is_provisional=False, missing_quarters=0, readings_at=now,
    )  # fmt: skip


_COMPARED = (
    "version_id", "kind", "quantity", "unit", "price", "amount", "currency", "first_quarter",
    "last_quarter", "is_provisional", "missing_quarters",
)  # fmt: skip


def _says_the_same(line: CostLine, fresh: CostLine) -> bool:
    return all(getattr(line, name) == getattr(fresh, name) for name in _COMPARED)


def _count(found: Difference, known: Stored, one: Rated | None) -> None:
    if one is not None:
        _add(found.after, one.version.tariff.currency, one.item.amount)
    for line in (known.line, *known.adjustments):
        if line is not None:
            _add(found.before, line.currency, line.amount)


def _add(sums: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    sums[currency] = sums.get(currency, Decimal(0)) + amount
