"""The same registers in another period."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from metering.analysis.compare import (
    Against,
    Comparison,
    Pair,
    Period,
    Side,
    compare_series,
    pair_periods,
)
from metering.models import Meter, Quantity
from metering.queries.series import meter_days, meter_series
from metering.series import Series, to_decimal
from reports.content.figures import MeterFigures
from reports.content.subject import Subject

Key = tuple[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """The other period, and each register against itself there."""

    period: Period
    registers: dict[Key, Comparison]

    def of(self, figures: MeterFigures) -> Comparison | None:
        """Return the comparison of a register; None where nothing is known of the base."""
        found = self.registers.get((figures.meter.id, figures.quantity))
        return found if found is not None and found.base.known_share else None


def compare(subject: Subject, figures: Sequence[MeterFigures]) -> Compared | None:
    """Compare with the period that is asked for; one that runs only up to now."""
    if subject.question.compare == "none":
        return None
    pair = pair_periods(
        subject.question.period, Against(subject.question.compare), zone=subject.zone,
        now=subject.now,
    )  # fmt: skip
    read = _by_quarter if pair.running else _by_day
    return Compared(pair.base_period, read(subject, figures, pair))


def _by_day(subject: Subject, figures: Sequence[MeterFigures], pair: Pair) -> dict[Key, Comparison]:
    base = pair.base_period
    asked = max(pair.base.last - pair.base.first, 1)
    days = {
        quantity: meter_days(subject.meters, base.start, base.end, quantity)
        for quantity in Quantity.values
    }
    found = {}
    for one in figures:
        rows = days[one.quantity].get(one.meter.id)
        if rows is not None:
            other = Side(
                to_decimal(int(rows["amount"].sum())),
                int(rows["quarters"].sum()) / asked,
                int(rows["estimated_quarters"].sum()) / asked,
            )
            current = Side(one.total, one.shares.known / max(one.shares.expected, 1), 0.0)
            found[one.meter.id, one.quantity] = Comparison(current, other, pair.shorter)
    return found


def _by_quarter(
    subject: Subject, figures: Sequence[MeterFigures], pair: Pair
) -> dict[Key, Comparison]:
    found = {}
    for quantity in Quantity.values:
        current, base = (
            _series(subject.meters, span.first, span.last, quantity)
            for span in (pair.current, pair.base)
        )
        for id_ in current.keys() & base.keys():
            found[id_, quantity] = compare_series(current[id_], pair, base=base[id_])
    return found


def _series(
    meters: Sequence[Meter], first: int, last: int, quantity: str
) -> dict[uuid.UUID, Series]:
    found = meter_series(meters, first, last - 1, quantity) if last > first else {}
    return {id_: one for id_, one in found.items() if len(one)}
