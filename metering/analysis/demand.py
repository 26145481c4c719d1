"""Demand: mean power over windows of the wall clock, its peaks and what they exceed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.analysis.local import (
    find_offsets,
    group_starts,
    local_days,
    to_date,
    to_moment,
)
from metering.series import MICRO, Grade, Grades, Ints, Series, to_decimal, to_micro

WIDTHS = (15, 30, 60)
_MINUTES = 15
_QUARTERS_AN_HOUR = 4


class UnknownWidth(ValueError):
    """Demand windows are 15, 30 or 60 minutes wide."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Demand windows of which at least one quarter is known, in the order of time.

    `starts`: first quarter of each. `lengths`: its quarters; fewer than usual only where the
    clock is set by half an hour. `known`: how many of them are there. `amounts`: millionths
    of kWh. `grades`: the worst of its quarters.
    """

    minutes: int
    starts: Ints
    lengths: Ints
    known: Ints
    amounts: Ints
    grades: Grades

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Tell of each window whether all its quarters are known."""
        whole: NDArray[np.bool_] = self.known == self.lengths
        return whole

    @property
    def powers(self) -> Ints:
        """Return the mean power of each in millionths of a kW; exact for whole windows."""
        return self.amounts * _QUARTERS_AN_HOUR // self.lengths

    def take(self, which: Any) -> Windows:
        """Return the windows of a mask, a slice or indexes."""
        return Windows(
            self.minutes,
            self.starts[which],
            self.lengths[which],
            self.known[which],
            self.amounts[which],
            self.grades[which],
        )


@dataclass(frozen=True, slots=True)
class Peak:
    """The demand of one whole window; `start` in UTC."""

    start: dt.datetime
    minutes: int
    power_kw: Decimal
    grade: Grade


@dataclass(frozen=True, slots=True)
class Excess:
    """How the contracted power was kept.

    `peaks`: the windows above it, highest first. `energy_kwh`: what was drawn above it.
    `checked` and `incomplete`: windows that could and could not be judged.
    """

    limit_kw: Decimal
    peaks: tuple[Peak, ...]
    energy_kwh: Decimal
    checked: int
    incomplete: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a running window comes to if the power stays as it is.

    `allowed_kw`: the mean power of the rest that just keeps the limit, never below 0; None
    without a limit or without a rest. `reached`: the limit is broken whatever comes.
    """

    start: dt.datetime
    end: dt.datetime
    remaining_seconds: float
    power_kw: Decimal
    allowed_kw: Decimal | None
    exceeds: bool
    reached: bool


def find_windows(series: Series, *, minutes: int, zone: ZoneInfo) -> Windows:
    """Add the quarters up to windows that begin at local hours and parts of them.

    Raises: UnknownWidth: minutes is none of 15, 30 and 60.
    """
    if minutes not in WIDTHS:
        raise UnknownWidth(f"{minutes} minutes is no width of a demand window: use 15, 30 or 60.")
    if not len(series):
        none = np.empty(0, dtype=np.int64)
        return Windows(minutes, none, none, none, none, series.grades)
    grid, starts, lengths = _grid(series.numbers, minutes, zone)
    owners = np.searchsorted(starts, series.numbers - grid, side="right") - 1
    firsts = group_starts(owners)
    rows = owners[firsts]
    return Windows(
        minutes=minutes,
        starts=starts[rows] + grid,
        lengths=lengths[rows],
        known=np.diff(np.append(firsts, len(owners))).astype(np.int64),
        amounts=np.add.reduceat(series.amounts, firsts),
        grades=np.maximum.reduceat(series.grades, firsts),
    )


def _grid(numbers: Ints, minutes: int, zone: ZoneInfo) -> tuple[int, Ints, Ints]:
    """Return the first quarter of a grid over all numbers, its windows and their lengths."""
    first = int(numbers[0]) - _QUARTERS_AN_HOUR
    full = np.arange(first, int(numbers[-1]) + _QUARTERS_AN_HOUR + 1, dtype=np.int64)
    offsets = find_offsets(full, zone)
    windows = np.diff((full * _MINUTES + offsets) // minutes) != 0
    # an hour that the clock shows twice is two windows
    turns = np.diff(offsets) != 0
    starts = np.concatenate([[0], np.flatnonzero(windows | turns) + 1]).astype(np.int64)
    return first, starts, np.diff(np.append(starts, len(full))).astype(np.int64)


def find_peaks(windows: Windows, *, count: int) -> list[Peak]:
    """Return the highest whole windows, highest first; of equal ones the earliest."""
    whole = windows.take(windows.whole)
    order = np.lexsort((whole.starts, -whole.powers))[:count]
    return _peaks(whole.take(order))


def _peaks(windows: Windows) -> list[Peak]:
    rows = zip(windows.starts, windows.powers, windows.grades, strict=True)
    return [
        Peak(to_moment(start), windows.minutes, to_decimal(power), Grade(int(grade)))
        for start, power, grade in rows
    ]


def peak_per_day(windows: Windows, *, zone: ZoneInfo) -> dict[dt.date, Peak]:
    """Return the highest whole window that begins on each local day."""
    whole = windows.take(windows.whole)
    days = local_days(whole.starts, zone)
    best = _best_rows(whole, days)
    return dict(zip(map(to_date, days[best]), _peaks(whole.take(best)), strict=True))


def peak_per_month(windows: Windows, *, zone: ZoneInfo) -> dict[dt.date, Peak]:
    """Return the highest whole window of each local month, by the first day of the month."""
    peaks: dict[dt.date, Peak] = {}
    for day, peak in peak_per_day(windows, zone=zone).items():
        month = day.replace(day=1)
        if month not in peaks or peak.power_kw > peaks[month].power_kw:
            peaks[month] = peak
    return peaks


def _best_rows(windows: Windows, keys: Ints) -> NDArray[np.intp]:
    """Return the earliest highest row of each key."""
    order = np.lexsort((windows.starts, -windows.powers, keys))
    return order[group_starts(keys[order])]


def find_excess(windows: Windows, *, limit_kw: Decimal) -> Excess:
    """Return when and by how much the demand exceeded the contracted power."""
    whole = windows.take(windows.whole)
    above = whole.take(whole.powers > to_micro(limit_kw))
    # lengths of 1, 2 and 4 quarters divide both sides without a rest
    kept = to_micro(limit_kw) * above.lengths // _QUARTERS_AN_HOUR
    return Excess(
        limit_kw=limit_kw,
        peaks=tuple(find_peaks(above, count=len(above))),
        energy_kwh=to_decimal(int((above.amounts - kept).sum())),
        checked=len(whole),
        incomplete=len(windows) - len(whole),
    )


def load_factor(windows: Windows) -> float | None:
    """Return mean over highest demand of the whole windows; None without a demand."""
    powers = windows.powers[windows.whole]
    if not len(powers) or powers.max() <= 0:
        return None
    return float(powers.mean() / powers.max())


def duration_curve(windows: Windows, *, points: int = 500) -> list[tuple[float, float]]:
    """Return (share of the time, kW reached or exceeded in it), from the peak downwards.

    The first point is the peak and the last the lowest demand, whatever `points` is (≥ 2).
    """
    powers = np.sort(windows.powers[windows.whole])[::-1]
    if not len(powers):
        return []
    count = min(points, len(powers))
    rows = np.linspace(0, len(powers) - 1, count).round().astype(np.int64)
    shares = (rows + 1) / len(powers)
    kilowatts = powers[rows] / MICRO
    return list(zip(shares.tolist(), kilowatts.tolist(), strict=True))


def predict_demand(
    *,
    start: dt.datetime,
    minutes: int,
    now: dt.datetime,
    energy_kwh: Decimal,
    power_kw: Decimal,
    limit_kw: Decimal | None = None,
) -> Prediction:
    """Return the demand of the window that runs, from its energy so far and the power now.

    Args: start: of the window. energy_kwh: since `start`. power_kw: assumed for the rest.
    """
    end = start + dt.timedelta(minutes=minutes)
    remaining = min(max((end - now).total_seconds(), 0.0), minutes * 60.0)
    hours, rest = Decimal(minutes) / 60, Decimal(remaining) / 3600
    power = (energy_kwh + power_kw * rest) / hours
    allowed = None
    if limit_kw is not None and rest:
        allowed = max((limit_kw * hours - energy_kwh) / rest, Decimal(0))
    return Prediction(
        start=start,
        end=end,
        remaining_seconds=remaining,
        power_kw=power,
        allowed_kw=allowed,
        exceeds=limit_kw is not None and power > limit_kw,
        reached=limit_kw is not None and energy_kwh > limit_kw * hours,
    )
