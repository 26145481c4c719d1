"""The energy of days or billing periods beside the temperatures of their days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.analysis.local import Days, day_number
from metering.series import MICRO, Ints

Floats = NDArray[np.float64]

SHARE = 0.9
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in each period, and what the days of the periods were like.

    `kwh` and `lengths` (days): one entry per period; a period is a day or a bill. `numbers`
    (days since 1970-01-01), `owners` (index of the period) and `temperatures` (mean °C; NaN
    in all rows where none are asked for): one entry per known day.
    """

    kwh: Floats
    lengths: Ints
    numbers: Ints
    owners: Ints
    temperatures: Floats

    def __len__(self) -> int:
        return len(self.kwh)

    @property
    def is_billing(self) -> bool:
        """Tell whether the periods are longer than days."""
        return bool((self.lengths > 1).any())

    def average(self, rows: NDArray[Any]) -> Floats:
        """Return the mean of each period of rows of days, (days,) or (days, columns)."""
        counts = np.bincount(self.owners, minlength=len(self))
        starts = np.searchsorted(self.owners, np.arange(len(self)))
        if not len(self):
            return np.zeros(rows.shape, dtype=np.float64)
        sums = np.add.reduceat(rows.astype(np.float64), starts, axis=0)
        means: Floats = sums / counts.reshape(-1, *[1] * (rows.ndim - 1))
        return means


@dataclass(frozen=True, slots=True)
class Bill:
    """One billing period: the local days [start, end)."""

    start: dt.date
    end: dt.date
    kwh: Decimal


class Problem(StrEnum):
    """Why a baseline period says too little about a year."""

    TOO_SHORT = "too_short"  # less than 365 days
    TOO_FEW_DAYS = "too_few_days"  # less than 90 % of them can be used
    TOO_FEW_TEMPERATURES = "too_few_temperatures"  # known on less than 90 % of them
    NEGATIVE_USE = "negative_use"  # the site gives more than it takes on some days


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """Whether a baseline period is enough, after CalTRACK 2.0."""

    days_asked: int
    days_usable: int
    problems: tuple[Problem, ...]

    @property
    def enough(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


def pick_usable(days: Days) -> Days:
    """Return the days known in whole of which at most a tenth was guessed."""
    return days.take(days.whole & (days.estimated <= (1 - SHARE) * days.expected))


def check_sufficiency(
    days: Days,
    *,
    start: dt.date,
    end: dt.date,
    temperatures: Mapping[dt.date, float] | None = None,
) -> Sufficiency:
    """Judge a baseline period of local days [start, end); without temperatures only the use."""
    asked = (end - start).days
    usable = pick_usable(days.between(start, end))
    warm = sum(start <= day < end for day in temperatures or ())
    found = {
        Problem.TOO_SHORT: asked < YEAR_DAYS,
        Problem.TOO_FEW_DAYS: len(usable) < SHARE * asked,
        Problem.TOO_FEW_TEMPERATURES: temperatures is not None and warm < SHARE * asked,
        Problem.NEGATIVE_USE: bool((usable.amounts < 0).any()),
    }
    return Sufficiency(
        asked, len(usable), tuple(problem for problem, is_so in found.items() if is_so)
    )


def use_of_days(days: Days, temperatures: Mapping[dt.date, float] | None = None) -> Use:
    """Return the usable days; with temperatures only those whose temperature is known."""
    usable = pick_usable(days)
    degrees = np.full(len(usable), np.nan)
    if temperatures is not None:
        by_number = {day_number(day): value for day, value in temperatures.items()}
        degrees = np.array(
            [by_number.get(int(n), np.nan) for n in usable.numbers], dtype=np.float64
        )
        usable, degrees = usable.take(~np.isnan(degrees)), degrees[~np.isnan(degrees)]
    return Use(
        kwh=usable.amounts / MICRO,
        lengths=np.ones(len(usable), dtype=np.int64),
        numbers=usable.numbers,
        owners=np.arange(len(usable), dtype=np.int64),
        temperatures=degrees,
    )


def use_of_bills(bills: Sequence[Bill], temperatures: Mapping[dt.date, float]) -> Use:
    """Return the bills with known temperatures on at least 90 % of their days, in order."""
    kwh: list[float] = []
    lengths: list[int] = []
    rows: list[tuple[int, int, float]] = []
    for bill in sorted(bills, key=lambda bill: bill.start):
        length = (bill.end - bill.start).days
        dates = [bill.start + dt.timedelta(days=n) for n in range(length)]
        known = [(day_number(day), temperatures[day]) for day in dates if day in temperatures]
        if known and len(known) >= SHARE * length:
            rows += [(number, len(kwh), value) for number, value in known]
            kwh.append(float(bill.kwh))
            lengths.append(length)
    return Use(
        kwh=np.array(kwh, dtype=np.float64),
        lengths=np.array(lengths, dtype=np.int64),
        numbers=np.array([number for number, _, _ in rows], dtype=np.int64),
        owners=np.array([owner for _, owner, _ in rows], dtype=np.int64),
        temperatures=np.array([value for _, _, value in rows], dtype=np.float64),
    )
