"""The CO₂ of what was bought in a period: quarters, or days, times the factor of the tariff.

Nothing of it is stored: a factor that is one number needs the sums that energy is drawn from,
and only one that is a series needs the quarters.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.analysis.compare import Against, Pair
from metering.analysis.local import day_number, first_quarter, to_date
from metering.models import Meter, Quantity
from metering.queries.counts import Counts, Key, read_counts
from metering.queries.coverage import Coverage, find_coverage, has_factor, topmost
from metering.queries.energy import Summary
from metering.queries.energy_costs import covered_days, is_like, pair_buckets
from metering.queries.frames import Frame, frame_of
from metering.queries.scopes import Scope
from metering.queries.series import meter_series
from metering.queries.tariffs import Segment, read_prices
from metering.series import MICRO, Grade, Ints, Series
from metering.tariffs.calendar import local_days
from metering.tariffs.components import micro
from metering.tariffs.definition import read_definition
from metering.tariffs.prices import PriceSeries

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EmissionBand:
    """What a meter bought, in grams by bucket; `guessed`: of energy that is estimated."""

    meter: Meter
    amounts: Floats
    guessed: Floats


@dataclass(frozen=True, slots=True)
class ComparedEmissions:
    """Another period in grams; both sums go up to the same moment."""

    against: Against
    pair: Pair
    current: float
    base: float
    amounts: Floats
    is_like: bool

    @property
    def percent(self) -> float | None:
        """Return the change in %; None without anything to compare with."""
        return (self.current - self.base) / self.base * 100 if self.base > 0 else None


@dataclass(frozen=True, slots=True)
class Emissions:
    """The CO₂ of a period. `unknown`: quarters of each bucket without a factor in its series.

    `units`: what was bought with a factor, in kWh or what else the meters count.
    """

    bands: tuple[EmissionBand, ...]
    unknown: Ints
    units: float
    coverage: Coverage
    compared: ComparedEmissions | None

    @property
    def amounts(self) -> Floats:
        """Return the grams of each bucket."""
        return sum((band.amounts for band in self.bands), np.zeros(len(self.unknown)))

    @property
    def total(self) -> float:
        """Return the grams of all buckets."""
        return float(self.amounts.sum())

    @property
    def grams_per_unit(self) -> float | None:
        """Return the mean factor."""
        return self.total / self.units if self.units > 0 else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Quarters of a meter, or days at their first quarter: millionths counted, and grams.

    `factors`: grams per unit; not a number where a series has none.
    """

    meter: Meter
    numbers: Ints
    amounts: Ints
    guessed: Ints
    factors: Floats

    @property
    def is_priced(self) -> NDArray[np.bool_]:
        """Tell of each row whether its factor is known."""
        return ~np.isnan(self.factors)

    @property
    def grams(self) -> Floats:
        """Return the grams of each row; none where the factor is not known."""
        return self.amounts / MICRO * np.nan_to_num(self.factors)

    def sums(self, values: Floats | Ints, edges: Ints) -> Floats:
        """Return the sums of a column by bucket."""
        running = np.concatenate([[0.0], np.cumsum(values)])
        return np.diff(running[np.searchsorted(self.numbers, edges)])


def read_emissions(
    summary: Summary, *, now: dt.datetime, against: Against | None = None
) -> Emissions:
    """Read the CO₂ of a period with as many queries whatever the number of meters."""
    scope, frame = summary.scope, summary.frame
    coverage = covered_days(scope, frame, now=now, holds=has_factor)
    rows = list(_emit(scope, frame, summary.counts, coverage))
    edges = frame.quarters
    return Emissions(
        bands=tuple(
            EmissionBand(
                meter,
                np.sum([one.sums(one.grams, edges) for one in own], axis=0),
                np.sum([one.sums(_guessed(one), edges) for one in own], axis=0),
            )
            for meter, own in _by_meter(rows)
        ),
        unknown=sum(
            (one.sums((~one.is_priced).astype(np.int64), edges).astype(np.int64) for one in rows),
            np.zeros(len(frame), dtype=np.int64),
        ),
        units=sum(float(one.amounts[one.is_priced].sum()) / MICRO for one in rows),
        coverage=coverage,
        compared=_compare(summary, rows, coverage, against, now=now) if against else None,
    )


def _guessed(rows: _Rows) -> Floats:
    return rows.guessed / MICRO * np.nan_to_num(rows.factors)


def _by_meter(rows: Sequence[_Rows]) -> list[tuple[Meter, list[_Rows]]]:
    found: dict[uuid.UUID, list[_Rows]] = {}
    for one in rows:
        found.setdefault(one.meter.id, []).append(one)
    return [(own[0].meter, own) for own in found.values()]


def _compare(
    summary: Summary,
    rows: Sequence[_Rows],
    coverage: Coverage,
    against: Against,
    *,
    now: dt.datetime,
) -> ComparedEmissions:
    scope, frame = summary.scope, summary.frame
    pair = pair_buckets(frame, against, now=now)
    base = frame_of(frame.unit, frame.step, pair.base_period, frame.zone)
    before = find_coverage(scope, pair.base_period.start, pair.base_period.end, has_factor)
    tops = topmost(scope, before.segments)
    others = list(_emit(scope, base, read_counts(tops, base), before))
    zero = np.zeros(len(base))
    return ComparedEmissions(
        against=against,
        pair=pair,
        current=_until(rows, pair.current.last),
        base=_until(others, pair.base.last),
        amounts=sum((one.sums(one.grams, base.quarters) for one in others), zero)[: len(frame)],
        is_like=is_like(summary, pair, coverage, before),
    )


def _until(rows: Sequence[_Rows], cut: int) -> float:
    return sum(float(one.grams[one.numbers < cut].sum()) for one in rows)


def _emit(
    scope: Scope, frame: Frame, counts: Mapping[Key, Counts], coverage: Coverage
) -> Iterator[_Rows]:
    """Yield what the topmost meters with a factor bought, tariff by tariff."""
    parts = [
        (meter, part, co2)
        for meter in topmost(scope, coverage.segments)
        for part in coverage.segments[meter.id]
        if (co2 := read_definition(part.version.definition).co2) is not None
    ]
    serial = {meter.id: meter for meter, _part, co2 in parts if co2.series is not None}
    first, last = int(frame.quarters[0]), int(frame.quarters[-1]) - 1
    quarters = meter_series(list(serial.values()), first, last) if serial else {}
    prices = read_prices((co2.series for _m, _p, co2 in parts if co2.series), first, last)
    for meter, part, co2 in parts:
        if co2.series is not None:
            yield _serial(meter, part, quarters.get(meter.id), prices.get(co2.series), frame)
        elif (known := counts.get((meter.id, Quantity.IMPORT.value))) is not None:
            yield _even(meter, part, known, micro(co2.grams_per_kwh or "0") / MICRO, frame)


def _even(meter: Meter, part: Segment, counts: Counts, grams: float, frame: Frame) -> _Rows:
    """Return rows of one factor, in the grain that energy was read in."""
    begin, end = _edges(part, frame)
    if frame.by_day:
        begin, end = day_number(part.start), day_number(part.end)
    low, high = np.searchsorted(counts.numbers, [begin, end])
    rows = slice(int(low), int(high))
    numbers = counts.numbers[rows]
    if frame.by_day and len(numbers):
        days = local_days(to_date(int(numbers[0])), to_date(int(numbers[-1]) + 1), frame.zone)
        numbers = days.edges[numbers - numbers[0]]
    amounts = counts.amounts[rows]
    factors = np.full(len(amounts), grams)
    return _Rows(meter, numbers, amounts, counts.guessed_amounts[rows], factors)


def _serial(
    meter: Meter, part: Segment, series: Series | None, factors: PriceSeries | None, frame: Frame
) -> _Rows:
    """Return the quarters, each with the factor that a series has for it."""
    begin, end = _edges(part, frame)
    found = series or Series.empty()
    low, high = np.searchsorted(found.numbers, [begin, end])
    found = found.take(slice(int(low), int(high)))
    grams = np.full(len(found), np.nan)
    if factors is not None:
        values, known = factors.look_up(found.numbers)
        grams[known] = values[known] / MICRO
    guessed = np.where(found.grades >= Grade.ESTIMATED, found.amounts, 0)
    return _Rows(meter, found.numbers, found.amounts, guessed, grams)


def _edges(part: Segment, frame: Frame) -> tuple[int, int]:
    return first_quarter(part.start, frame.zone), first_quarter(part.end, frame.zone)
