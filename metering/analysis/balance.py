"""The balance of a meter and its submeters: what is unmetered, and whom to suspect.

The band. A meter of class c may be wrong by ±c % of what it shows, and by one step of its
register. How wrong each meter is has nothing to do with the others, so the limits are
combined as the root of the sum of their squares, the parent's and the children's. The
limits themselves are taken, not standard deviations made from them: a class is a promise of
the maker, and a meter in use may drift to the limit of it, all year and in one direction, so
a longer period does not narrow the band. For a parent of 100 kWh with two equal children
this gives ±1.2 kWh with class 1, ±2.4 kWh with class 2 and ±4.2 kWh with class A of the
MID (3.5 %). Children 2 % above their parent are thus within the band of class 2 meters,
but not of class 1 meters, where both would have to be at opposite limits at once; 10 % is
outside the band of any meter one may bill with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from math import hypot
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.analysis.local import group_starts, local_days, to_date
from metering.analysis.stack import Stack, stack_series
from metering.series import Grade, Grades, Ints, Series, to_decimal

Floats = NDArray[np.float64]
_ROUNDING = 1e-12


class Verdict(StrEnum):
    """What a balance says."""

    WITHIN_BAND = "within_band"
    UNMETERED = "unmetered"  # the parent shows more than its children
    CHILDREN_EXCEED = "children_exceed"
    UNKNOWN = "unknown"  # no quarter is known of all meters


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One meter of the tree.

    Args: class_percent: limit of its error in % of what it shows. parent: key of the meter
    it lies behind. step: one step of its register, in millionths. feeds: it adds to what the
    parent shows less (production, discharge of a battery) and counts with a minus. usual:
    what it used to show in a quarter, in millionths; 0 where there is no history.
    """

    key: str
    series: Series
    class_percent: Decimal
    parent: str | None = None
    step: int = 0
    feeds: bool = False
    usual: int = 0

    @property
    def sign(self) -> int:
        """Return how what it shows counts among the children of its parent."""
        return -1 if self.feeds else 1


@dataclass(frozen=True, slots=True)
class Suspect:
    """Why a child may be to blame; shares are 0 to 1, `score` puts them together.

    `follows`: share of the ups and downs of the residual that go along with this child.
    `factor`: what its readings would have to be multiplied by if it alone were to blame.
    `silent`: it shows nothing although it has a history.
    """

    key: str
    score: float
    missing_share: float
    estimated_share: float
    silent: bool
    follows: float
    factor: float | None


@dataclass(frozen=True, slots=True)
class Sums:
    """What parent and children come to, in kWh; `residual` is parent − children."""

    parent: Decimal
    children: Decimal
    residual: Decimal
    band: Decimal
    verdict: Verdict

    @property
    def residual_percent(self) -> Decimal | None:
        """Return the residual in % of the parent; None where the parent shows nothing."""
        return self.residual / self.parent * 100 if self.parent else None


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of the quarters all meters know.

    `residuals` and `bands`: per quarter, in millionths. `asked`: quarters at least one meter
    knows. `suspects`: the children, the most suspicious first.
    """

    key: str
    numbers: Ints
    residuals: Ints
    bands: Floats
    grades: Grades
    asked: int
    total: Sums
    suspects: tuple[Suspect, ...]
    _ledger: _Ledger = field(repr=False)

    @property
    def coverage(self) -> float:
        """Return the share of the quarters that counts."""
        return len(self.numbers) / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class _Ledger:
    """Parent and children side by side, the parent first; `signs`: how each counts."""

    stack: Stack
    signs: list[int]
    limits: list[float]
    steps: list[int]

    def sum(self, amounts: Sequence[int]) -> Sums:
        """Return the sums of one amount per meter, the parent's first."""
        signed = [sign * int(amount) for sign, amount in zip(self.signs, amounts, strict=True)]
        residual = sum(signed)
        errors = [limit * amount for limit, amount in zip(self.limits, signed, strict=True)]
        band = hypot(*errors, *self.steps)
        return Sums(
            parent=to_decimal(signed[0]),
            children=to_decimal(signed[0] - residual),
            residual=to_decimal(residual),
            band=to_decimal(round(band)),
            verdict=_judge(residual, band),
        )

    def residuals(self) -> Ints:
        """Return parent − children of each quarter."""
        left = np.zeros(len(self.stack.numbers), dtype=np.int64)
        for sign, amounts in zip(self.signs, self.stack.amounts, strict=True):
            left += sign * amounts
        return left

    def bands(self) -> Floats:
        """Return the band of each quarter, in millionths."""
        squares = np.full(len(self.stack.numbers), hypot(*self.steps) ** 2)
        for limit, amounts in zip(self.limits, self.stack.amounts, strict=True):
            squares += np.square(limit * amounts)
        bands: Floats = np.sqrt(squares)
        return bands


def _judge(residual: int, band: float) -> Verdict:
    if abs(residual) <= band:
        return Verdict.WITHIN_BAND
    return Verdict.UNMETERED if residual > 0 else Verdict.CHILDREN_EXCEED


def check_balance(parent: MeterReading, children: Sequence[MeterReading]) -> Balance:
    """Compare a meter with the sum of its submeters."""
    ledger = _open_ledger(parent, children)
    stack = ledger.stack
    total = ledger.sum([int(row.sum()) for row in stack.amounts])
    if not len(stack.numbers):
        total = replace(total, verdict=Verdict.UNKNOWN)
    residuals = ledger.residuals()
    return Balance(
        key=parent.key,
        numbers=stack.numbers,
        residuals=residuals,
        bands=ledger.bands(),
        grades=stack.worst,
        asked=stack.asked,
        total=total,
        suspects=_rank(children, stack, residuals, total.verdict),
        _ledger=ledger,
    )


def _open_ledger(parent: MeterReading, children: Sequence[MeterReading]) -> _Ledger:
    meters = [parent, *children]
    stack = stack_series([meter.series for meter in meters])
    return _Ledger(
        stack=stack,
        signs=[1, *(-child.sign for child in children)],
        limits=[float(meter.class_percent) / 100 for meter in meters],
        steps=[meter.step for meter in meters],
    )


def balance_per_day(balance: Balance, *, zone: ZoneInfo) -> dict[dt.date, Sums]:
    """Return the balance of each local day, of the quarters that count."""
    days = local_days(balance.numbers, zone)
    if not len(days):
        return {}
    starts = group_starts(days)
    amounts = [np.add.reduceat(row, starts) for row in balance._ledger.stack.amounts]
    return {
        to_date(day): balance._ledger.sum([each[row] for each in amounts])
        for row, day in enumerate(days[starts])
    }


def check_tree(meters: Sequence[MeterReading]) -> Mapping[str, Balance]:
    """Return the balance of every meter that has submeters."""
    balances: dict[str, Balance] = {}
    for meter in meters:
        children = [child for child in meters if child.parent == meter.key]
        if children:
            balances[meter.key] = check_balance(meter, children)
    return balances


def _rank(
    children: Sequence[MeterReading], stack: Stack, residuals: Ints, verdict: Verdict
) -> tuple[Suspect, ...]:
    outside = verdict in (Verdict.UNMETERED, Verdict.CHILDREN_EXCEED)
    gap = residuals.astype(np.float64)
    spread = float(gap.var()) if len(gap) else 0.0
    suspects = [
        _suspect(child, amounts, gap, spread, missing / max(stack.asked, 1), outside)
        for child, amounts, missing in zip(
            children, stack.amounts[1:], stack.missing[1:], strict=True
        )
    ]
    return tuple(sorted(suspects, key=lambda suspect: (-suspect.score, suspect.key)))


def _suspect(
    child: MeterReading, amounts: Ints, gap: Floats, spread: float, missing: float, outside: bool
) -> Suspect:
    estimated = float(np.mean(child.series.grades == Grade.ESTIMATED)) if len(child.series) else 0.0
    silent = bool(child.usual > 0 and len(amounts) and not amounts.any())
    follows, slope = _regress(amounts, gap, spread) if outside else (0.0, None)
    innocent = (1 - missing) * (1 - estimated) * (1 - follows) * (0.1 if silent else 1.0)
    return Suspect(
        key=child.key,
        score=1 - innocent,
        missing_share=missing,
        estimated_share=estimated,
        silent=silent,
        follows=follows,
        factor=None if slope is None else 1 + child.sign * slope,
    )


def _regress(amounts: Ints, gap: Floats, spread: float) -> tuple[float, float | None]:
    """Return r² of the residual with a child, and its slope through the origin, if any."""
    row = amounts.astype(np.float64)
    squares, products = float(row @ row), float(row @ gap)
    if not squares:
        return 0.0, None
    row -= row.mean()
    variance = float(row @ row)
    # a child that always shows the same follows nothing but its own rounding
    if variance <= _ROUNDING * squares or not spread:
        return 0.0, products / squares
    follows = min(float(row @ gap) ** 2 / (variance * spread * len(row)), 1.0)
    return follows, products / squares
