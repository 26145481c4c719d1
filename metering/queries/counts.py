"""What meters counted, by quarter or by local day, and its sums by bucket."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from metering.analysis.local import Days as LocalDays
from metering.analysis.local import day_number, first_quarter, to_date
from metering.models import Meter, Quantity
from metering.queries.frames import Frame
from metering.queries.series import Days, meter_days, meter_series
from metering.series import QUARTER_US, Grade, Ints, Series

Key = tuple[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class Counts:
    """Amounts of one register; each row is a quarter, or a local day.

    `numbers`: of quarters or of days, ascending. `amounts`, `guessed_amounts`, `peaks` (of a
    quarter hour): millionths. `known`, `guessed`: quarters, of which estimated or booked by
    people (`manual`: only those). `prorated`: quarters that were measured together with others.
    `peak_at`: µs; 0 where it is not known.
    """

    numbers: Ints
    amounts: Ints
    known: Ints
    guessed: Ints
    guessed_amounts: Ints
    prorated: Ints
    manual: Ints
    peaks: Ints
    peak_at: Ints

    @property
    def series(self) -> Series:
        """Return the amounts as a series of quarters or days."""
        grades = np.where(self.guessed > 0, Grade.ESTIMATED, Grade.MEASURED).astype(np.int8)
        return Series(self.numbers, self.amounts, grades)

    def whole_days(self, zone: ZoneInfo) -> Series:
        """Return the days of which every quarter is known."""
        return self.series.take(self.known >= expected_quarters(self.numbers, zone))

    def local_days(self, zone: ZoneInfo) -> LocalDays:
        """Return the days as the analysis wants them."""
        expected = expected_quarters(self.numbers, zone)
        known = np.minimum(self.known, expected)
        days = LocalDays(self.numbers, self.amounts, known, expected, self.guessed)
        return days.take(known > 0)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums of a register by bucket; amounts in millionths, the rest in quarters."""

    amounts: Ints
    guessed_amounts: Ints
    known: Ints
    guessed: Ints
    prorated: Ints
    manual: Ints


def expected_quarters(days: Ints, zone: ZoneInfo) -> Ints:
    """Return how many quarters local days have."""
    if not len(days):
        return np.empty(0, dtype=np.int64)
    first = int(days[0])
    return _lengths(first, int(days[-1]), zone)[days - first]


@lru_cache(maxsize=64)
def _lengths(first: int, last: int, zone: ZoneInfo) -> Ints:
    """Return the quarters of each day of [first, last]; all meters of a page ask the same."""
    days = range(first, last + 2)
    edges = np.array([first_quarter(to_date(day), zone) for day in days], dtype=np.int64)
    lengths: Ints = edges[1:] - edges[:-1]
    lengths.flags.writeable = False
    return lengths


def read_counts(meters: Sequence[Meter], frame: Frame) -> dict[Key, Counts]:
    """Read the period of a frame by (meter, quantity); as many queries for any meters."""
    if frame.by_day:
        return read_days(meters, frame.period.start, frame.period.end)
    first, last = int(frame.quarters[0]), int(frame.quarters[-1]) - 1
    found: dict[Key, Counts] = {}
    for quantity in Quantity.values:
        for meter, series in meter_series(meters, first, last, quantity).items():
            found[meter, quantity] = _of_quarters(series)
    return found


def read_days(meters: Sequence[Meter], start: dt.date, end: dt.date) -> dict[Key, Counts]:
    """Read local days of [start, end) by (meter, quantity)."""
    found: dict[Key, Counts] = {}
    for quantity in Quantity.values:
        for meter, days in meter_days(meters, start, end, quantity).items():
            found[meter, quantity] = _of_days(days)
    return found


def cut_days(counts: Counts, start: dt.date, end: dt.date) -> Counts:
    """Return the local days of [start, end)."""
    first, last = np.searchsorted(counts.numbers, [day_number(start), day_number(end)])
    rows = slice(int(first), int(last))
    return Counts(*(getattr(counts, name)[rows] for name in Counts.__slots__))


def add_up(counts: Counts, edges: Ints) -> Tally:
    """Sum the rows of each bucket, given the edges in the grain of the rows."""
    at = np.searchsorted(counts.numbers, edges)

    def sums(values: Ints) -> Ints:
        running = np.concatenate([[0], np.cumsum(values)])
        return running[at[1:]] - running[at[:-1]]

    return Tally(
        amounts=sums(counts.amounts),
        guessed_amounts=sums(counts.guessed_amounts),
        known=sums(counts.known),
        guessed=sums(counts.guessed),
        prorated=sums(counts.prorated),
        manual=sums(counts.manual),
    )


def sum_counts(parts: Iterable[tuple[Counts, int]]) -> Counts | None:
    """Return the sum of registers times +1 or −1; None of none.

    Where one of them is missing the others count, and the quarter does not count as known.
    The peak of a sum is not known.
    """
    given = list(parts)
    if len(given) < 2:
        return given[0][0] if given and given[0][1] == 1 else None
    numbers = np.unique(np.concatenate([counts.numbers for counts, _sign in given]))
    known = np.full(len(numbers), np.iinfo(np.int64).max)
    amounts, guessed, guessed_amounts, prorated, manual = np.zeros(
        (5, len(numbers)), dtype=np.int64
    )
    for counts, sign in given:
        at = np.searchsorted(numbers, counts.numbers)
        here = np.zeros(len(numbers), dtype=np.int64)
        here[at] = counts.known
        known = np.minimum(known, here)
        amounts[at] += sign * counts.amounts
        guessed[at] = np.maximum(guessed[at], counts.guessed)
        prorated[at] = np.maximum(prorated[at], counts.prorated)
        manual[at] = np.maximum(manual[at], counts.manual)
        guessed_amounts[at] += counts.guessed_amounts
    nothing = np.zeros(len(numbers), dtype=np.int64)
    guessed = np.minimum(guessed, known)
    return Counts(
        numbers=numbers, amounts=amounts, known=known, guessed=guessed,
        guessed_amounts=guessed_amounts, prorated=np.minimum(prorated, known - guessed),
        manual=np.minimum(manual, guessed), peaks=nothing, peak_at=nothing,
    )  # fmt: skip


def _of_quarters(series: Series) -> Counts:
    guessed = series.grades >= Grade.ESTIMATED
    return Counts(
        numbers=series.numbers,
        amounts=series.amounts,
        known=np.ones(len(series), dtype=np.int64),
        guessed=guessed.astype(np.int64),
        guessed_amounts=np.where(guessed, series.amounts, 0),
        prorated=(series.grades == Grade.PRORATED).astype(np.int64),
        manual=(series.grades == Grade.MANUAL).astype(np.int64),
        peaks=series.amounts,
        peak_at=series.numbers * QUARTER_US,
    )


def _of_days(days: Days) -> Counts:
    return Counts(
        numbers=days["day"].astype(np.int64),
        amounts=days["amount"].astype(np.int64),
        known=days["quarters"].astype(np.int64),
        guessed=days["estimated_quarters"].astype(np.int64),
        guessed_amounts=days["estimated"].astype(np.int64),
        prorated=days["prorated_quarters"].astype(np.int64),
        manual=days["manual_quarters"].astype(np.int64),
        peaks=days["peak"].astype(np.int64),
        peak_at=days["peak_at"].astype(np.int64),
    )
