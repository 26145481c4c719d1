"""Lines of costs by bucket: sums of months, of days in SQL, of hours and quarters shared out."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum

from metering.analysis.local import day_number, to_moment
from metering.models import CostLine, CostMonth
from metering.queries.cost_quarters import SharedLine, share_lines
from metering.queries.coverage import topmost
from metering.queries.frames import Frame, Step
from metering.queries.scopes import Scope
from metering.series import Ints, to_micro
from metering.tariffs.items import UNPRICED

Key = tuple[uuid.UUID, str, str]


@dataclass(slots=True)
class Strand:
    """One component of one meter in one currency; amounts in its millionths.

    By bucket: `amounts`, of which `open` is provisional; `unpriced`: quarters without a price.
    `before`: until the moment up to which periods are compared. `billed`: what closed periods
    billed of `amounts`; `adjusted`: what has been added to them since.
    """

    meter: uuid.UUID
    component: str
    currency: str
    amounts: Ints
    open: Ints
    unpriced: Ints
    before: int = 0
    billed: int = 0
    adjusted: int = 0


def read_strands(scope: Scope, frame: Frame, *, cut: int | None = None) -> list[Strand]:
    """Return what holds for the topmost meters that cost something.

    Args: cut: the quarter until which `before` counts; where days are read one that begins a
        day. None: the end.
    """
    last = int(frame.quarters[-1]) if cut is None else cut
    read = {Step.DAY: _of_days, Step.MONTH: _of_months}.get(frame.step, _of_quarters)
    found = read(scope, frame, last)
    tops = {meter.id for meter in topmost(scope, {strand.meter for strand in found})}
    return [strand for strand in found if strand.meter in tops]


def _of_months(scope: Scope, frame: Frame, cut: int) -> Collection[Strand]:
    """Read the sums of whole months; only in that of the cut days are told apart."""
    until = to_moment(cut).astimezone(frame.zone).date()
    cut_month = until.replace(day=1)
    rows = CostMonth.objects.filter(
        meter__in=[meter.id for meter in scope.meters],
        month__gte=frame.period.start, month__lt=frame.period.end,
    ).values_list(
        "meter_id", "component", "currency", "month", "amount", "provisional", "billed",
        "adjusted", "unpriced",
    )  # fmt: skip
    places = _places(frame)
    found: dict[Key, Strand] = {}
    for meter, name, currency, month, amount, opened, billed, adjusted, unpriced in rows:
        strand = _strand(found, (meter, name, currency), frame)
        at = places[day_number(month)]
        strand.amounts[at] = to_micro(amount)
        strand.open[at], strand.unpriced[at] = to_micro(opened), unpriced
        strand.billed += to_micro(billed)
        strand.adjusted += to_micro(adjusted)
        strand.before += to_micro(amount) if month < cut_month else 0
    begun = _lines(scope, frame).filter(day__gte=cut_month, day__lt=until, is_adjustment=False)
    sums = begun.values_list("meter_id", "component", "currency").annotate(sums=Sum("amount"))
    for meter, name, currency, amount in sums.order_by():
        _strand(found, (meter, name, currency), frame).before += to_micro(amount)
    return [found[key] for key in sorted(found)]


def _of_days(scope: Scope, frame: Frame, cut: int) -> Collection[Strand]:
    """Sum up in SQL, grouped by what lines are: faster than a sum for each of it."""
    until = to_moment(cut).astimezone(frame.zone).date()
    rows = (
        _lines(scope, frame)
        .annotate(
            is_before=Q(day__lt=until),
            is_billed=Q(period__isnull=False),
            is_unpriced=Q(band=UNPRICED),
        )
        .values_list(
            "meter_id", "component", "currency", "day", "is_adjustment", "is_provisional",
            "is_before", "is_billed", "is_unpriced",
        )
        .annotate(amounts=Sum("amount"), missing=Sum("missing_quarters"))
        .order_by()
    )  # fmt: skip
    places = _places(frame)
    found: dict[Key, Strand] = {}
    for *key, day, adjusts, opened, before, billed, unpriced, sums, missing in _fetch(rows):
        strand = _strand(found, (key[0], key[1], key[2]), frame)
        amount = to_micro(sums)
        if adjusts:
            strand.adjusted += amount
            continue
        at = places[day_number(day)]
        strand.amounts[at] += amount
        strand.open[at] += amount if opened else 0
        strand.unpriced[at] += missing if unpriced else 0
        strand.before += amount if before else 0
        strand.billed += amount if billed else 0
    return [found[key] for key in sorted(found)]


def _places(frame: Frame) -> dict[int, int]:
    """Return the bucket that begins with a day."""
    return {} if frame.days is None else {int(day): at for at, day in enumerate(frame.days)}


def _fetch(rows: QuerySet[CostLine, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Read with room for 100,000 lines, so that they are hashed and not sorted on disk."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '32MB'")
        return list(rows)


def _of_quarters(scope: Scope, frame: Frame, cut: int) -> Collection[Strand]:
    found: dict[Key, Strand] = {}
    lines = list(_lines(scope, frame).order_by("day", "id"))
    for line in lines:
        strand = _strand(found, (line.meter_id, line.component, line.currency), frame)
        if line.is_adjustment:
            strand.adjusted += to_micro(line.amount)
    held = [line for line in lines if not line.is_adjustment]
    meters = {meter.id: meter for meter in scope.meters}
    period = frame.period
    _add_up(found, share_lines(held, meters, period.start, period.end, frame.zone), frame, cut)
    return found.values()


def _add_up(found: dict[Key, Strand], shared: Iterable[SharedLine], frame: Frame, cut: int) -> None:
    for part in shared:
        line = part.line
        strand = _strand(found, (line.meter_id, line.component, line.currency), frame)
        count = len(part.amounts)
        running = np.concatenate([[0], np.cumsum(part.amounts)])
        by_bucket = np.diff(running[np.clip(frame.quarters - part.first, 0, count)])
        strand.amounts += by_bucket
        if line.is_provisional:
            strand.open += by_bucket
        if line.band == UNPRICED:
            last = line.first_quarter + line.missing_quarters  # they are one run but for DST gaps
            edges: Ints = np.clip(frame.quarters, line.first_quarter, last)
            strand.unpriced += edges[1:] - edges[:-1]
        strand.before += int(running[min(max(cut - part.first, 0), count)])
        strand.billed += to_micro(line.amount) if line.period_id else 0


def _lines(scope: Scope, frame: Frame) -> QuerySet[CostLine]:
    return CostLine.objects.filter(
        meter__in=[meter.id for meter in scope.meters], superseded_at=None,
        day__gte=frame.period.start, day__lt=frame.period.end,
    )  # fmt: skip


def _strand(found: dict[Key, Strand], key: Key, frame: Frame) -> Strand:
    if key not in found:
        amounts, opened, unpriced = np.zeros((3, len(frame)), dtype=np.int64)
        found[key] = Strand(*key, amounts, opened, unpriced)
    return found[key]
