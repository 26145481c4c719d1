"""Amounts of meters by step of a report, read from the ledger.

Days and longer come from the sums by day, shorter steps from quarter hours. All amounts are
millionths of the meter's unit, so sums are those of the ledger to the last digit.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from metering.analysis.compare import Period
from metering.analysis.local import day_number, find_offsets, first_quarter, quarter_at
from metering.models import Meter, Quantity
from metering.queries.series import Days, meter_days, meter_series
from metering.series import Grade, Ints, Series, to_decimal
from reports.documents.content import QualityLine

LONG_STEPS = ("1d", "1mo")
_HOUR = 4


@dataclass(frozen=True, slots=True)
class Shares:
    """How many quarter hours there should be, and how those that are there are known."""

    expected: int
    measured: int = 0
    prorated: int = 0
    estimated: int = 0
    manual: int = 0

    def __add__(self, other: Shares) -> Shares:
        return Shares(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        )

    @property
    def known(self) -> int:
        """Return how many are there."""
        return self.measured + self.prorated + self.estimated + self.manual

    @property
    def line(self) -> QualityLine | None:
        """Return the shares in percent; None where nothing could be known yet."""
        if not self.expected:
            return None
        missing = max(self.expected - self.known, 0)
        parts = (self.measured, self.estimated, self.prorated, self.manual, missing)
        return QualityLine(*(Decimal(part) * 100 / self.expected for part in parts))


@dataclass(frozen=True, slots=True)
class Buckets:
    """The steps of a period: `starts` in quarters since 1970, with the end of the last one."""

    starts: Ints
    width: str
    zone: ZoneInfo

    def __len__(self) -> int:
        return len(self.starts) - 1

    def expected(self, until: int) -> Ints:
        """Return how many quarters each has that are over. Args: until: a quarter."""
        return np.diff(np.minimum(self.starts, until))

    def local(self, place: int) -> dt.datetime:
        """Return when a step begins, on the clock of the site."""
        return dt.datetime.fromtimestamp(int(self.starts[place]) * 900, self.zone)


@dataclass(frozen=True, slots=True)
class MeterFigures:
    """One register of a meter by step. `known` and `guessed`: quarters of each step."""

    meter: Meter
    quantity: str
    amounts: Ints
    known: Ints
    guessed: Ints
    shares: Shares

    @property
    def total(self) -> Decimal:
        """Return the sum of the period, in the meter's unit."""
        return to_decimal(int(self.amounts.sum()))

    def value(self, place: int) -> Decimal | None:
        """Return the amount of a step; None where nothing is known."""
        return to_decimal(int(self.amounts[place])) if self.known[place] else None


def cut_buckets(period: Period, width: str, zone: ZoneInfo) -> Buckets:
    """Return the steps of local days: hours and days follow the clock of the site."""
    if width in LONG_STEPS:
        days = [period.start + dt.timedelta(days=n) for n in range(period.days)]
        firsts = [day for day in days if width == "1d" or day.day == 1 or day == period.start]
        edges = [first_quarter(day, zone) for day in [*firsts, period.end]]
        return Buckets(np.array(edges, dtype=np.int64), width, zone)
    first, last = first_quarter(period.start, zone), first_quarter(period.end, zone)
    quarters = np.arange(first, last, dtype=np.int64)
    if width == "1h":
        minutes = quarters * 15 + find_offsets(quarters, zone)
        # an hour that the clock shows twice is two steps
        turns = np.diff(find_offsets(quarters, zone), prepend=0) != 0
        hours = np.diff(minutes // 60, prepend=-1) != 0
        quarters = quarters[hours | turns]
    return Buckets(np.append(quarters, last), width, zone)


def read_figures(
    meters: Sequence[Meter], period: Period, buckets: Buckets, *, now: dt.datetime
) -> list[MeterFigures]:
    """Return import and export of meters, in the order of the meters; those that exist."""
    read = _from_days if buckets.width in LONG_STEPS else _from_series
    found = {quantity: read(meters, period, buckets, quantity, now) for quantity in Quantity.values}
    return [
        found[quantity][meter.id]
        for meter in meters
        for quantity in Quantity.values
        if meter.id in found[quantity]
    ]


def shares_of(series: Series, expected: int) -> Shares:
    """Count the quarters of a series by how they are known."""
    counts = np.bincount(series.grades.astype(np.int64), minlength=len(Grade))
    return Shares(
        expected,
        measured=int(counts[Grade.MEASURED]),
        prorated=int(counts[Grade.PRORATED]),
        estimated=int(counts[Grade.ESTIMATED]),
        manual=int(counts[Grade.MANUAL]),
    )


def _from_days(
    meters: Sequence[Meter], period: Period, buckets: Buckets, quantity: str, now: dt.datetime
) -> dict[uuid.UUID, MeterFigures]:
    found = meter_days(meters, period.start, period.end, quantity)
    firsts = np.array([day_number(buckets.local(n).date()) for n in range(len(buckets))])
    expected = int(buckets.expected(quarter_at(now)).sum())
    return {
        meter.id: _sum_days(meter, quantity, found[meter.id], firsts, expected)
        for meter in meters
        if meter.id in found
    }


def _sum_days(meter: Meter, quantity: str, days: Days, firsts: Ints, expected: int) -> MeterFigures:
    places = np.searchsorted(firsts, days["day"], side="right") - 1
    amounts, known, guessed = (
        _add_up(places, days[name].astype(np.int64), len(firsts))
        for name in ("amount", "quarters", "estimated_quarters")
    )
    prorated, manual = int(days["prorated_quarters"].sum()), int(days["manual_quarters"].sum())
    shares = Shares(
        expected,
        measured=int(known.sum()) - int(guessed.sum()) - prorated,
        prorated=prorated,
        estimated=int(guessed.sum()) - manual,
        manual=manual,
    )
    return MeterFigures(meter, quantity, amounts, known, guessed, shares)


def _from_series(
    meters: Sequence[Meter], period: Period, buckets: Buckets, quantity: str, now: dt.datetime
) -> dict[uuid.UUID, MeterFigures]:
    first, last = int(buckets.starts[0]), int(buckets.starts[-1])
    found = meter_series(meters, first, last - 1, quantity)
    expected = int(buckets.expected(quarter_at(now)).sum())
    return {
        meter.id: _sum_series(meter, quantity, found[meter.id], buckets, expected)
        for meter in meters
        if meter.id in found
    }


def _sum_series(
    meter: Meter, quantity: str, series: Series, buckets: Buckets, expected: int
) -> MeterFigures:
    places = np.searchsorted(buckets.starts, series.numbers, side="right") - 1
    count = len(buckets)
    ones = np.ones(len(series), dtype=np.int64)
    guesses = (series.grades >= Grade.PRORATED).astype(np.int64)
    return MeterFigures(
        meter, quantity,
        amounts=_add_up(places, series.amounts, count),
        known=_add_up(places, ones, count),
        guessed=_add_up(places, guesses, count),
        shares=shares_of(series, expected),
    )  # fmt: skip


def _add_up(places: Ints, values: Ints, count: int) -> Ints:
    """Return the sums of values by place, in whole numbers."""
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, places, values)
    return sums
