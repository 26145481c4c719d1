"""Quarter hours and days of meters, computed meters included."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from metering.models import Meter, MeterTerm, Quantity, Register
from metering.series import Ints, Series
from metering.storage.entries import read_entries
from telemetry.storage.copying import POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US, copy_columns

# day: since 1970, local · amounts in millionths · estimated_quarters: with those booked by people,
# of which manual_quarters tells how many · peak_at: µs UTC
DAY_DTYPE = np.dtype(
    [("register", "<i4"), ("day", "<i4"), ("amount", "<i8"), ("quarters", "<i2"),
     ("estimated", "<i8"), ("estimated_quarters", "<i2"), ("prorated_quarters", "<i2"),
     ("manual_quarters", "<i2"), ("peak", "<i8"), ("peak_at", "<i8")]
)  # fmt: skip
Days = NDArray[np.void]

_DAYS = """
SELECT register_id, day, amount, quarters, estimated, estimated_quarters, prorated_quarters,
    manual_quarters, peak, peak_at
FROM metering_day
WHERE register_id = ANY(%(registers)s) AND day >= %(start)s AND day < %(end)s AND quarters > 0
ORDER BY register_id, day
"""
_AS_OF = """
SELECT start, amount, grade, method, revision, recorded_at, begin_register, end_register,
    adjustment, is_open, NULL::timestamptz AS superseded_at
FROM metering_interval WHERE register_id = %(register)s AND start >= %(start)s AND start < %(end)s
UNION ALL
SELECT start, amount, grade, method, revision, recorded_at, begin_register, end_register,
    adjustment, is_open, superseded_at
FROM metering_interval_past
WHERE register_id = %(register)s AND start >= %(start)s AND start < %(end)s
ORDER BY start, revision
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a quarter; amounts and registers in millionths of the unit."""

    start: dt.datetime
    amount: int
    grade: int
    method: int
    revision: int
    recorded_at: dt.datetime
    begin_register: int | None
    end_register: int | None
    adjustment: int
    is_open: bool
    superseded_at: dt.datetime | None


def read_series(registers: Iterable[int], first: int, last: int) -> dict[int, Series]:
    """Return the quarters [first, last] (numbers since 1970) of registers."""
    wanted = sorted(set(registers))
    rows = read_entries([(register, first, last) for register in wanted])
    found = {}
    for register in wanted:
        begin, end = np.searchsorted(rows["register"], [register, register + 1])
        part = rows[begin:end]
        found[register] = Series(
            part["number"].copy(), part["amount"].copy(), part["grade"].astype(np.int8)
        )
    return found


def meter_series(
    meters: Sequence[Meter], first: int, last: int, quantity: str = Quantity.IMPORT
) -> dict[uuid.UUID, Series]:
    """Return the quarters [first, last] of meters, by meter; none for one without the register.

    A computed meter has the quarters that all of its terms have.
    """
    sums = _terms(meters)
    needed = {meter for terms in sums.values() for meter, _factor in terms}
    registers = _registers(needed, quantity)
    series = read_series(registers.values(), first, last)
    found = {}
    for meter in meters:
        parts = [
            (series[registers[term]], factor)
            for term, factor in sums[meter.id]
            if term in registers
        ]
        if parts:
            found[meter.id] = parts[0][0] if not meter.is_virtual else sum_series(parts)
    return found


def meter_days(
    meters: Sequence[Meter], start: dt.date, end: dt.date, quantity: str = Quantity.IMPORT
) -> dict[uuid.UUID, Days]:
    """Return the local days of [start, end) by meter; see `DAY_DTYPE`.

    A computed meter has the days that all of its terms have; its peak is unknown (0).
    """
    sums = _terms(meters)
    needed = {meter for terms in sums.values() for meter, _factor in terms}
    registers = _registers(needed, quantity)
    rows = _read_days(list(registers.values()), start, end)
    found = {}
    for meter in meters:
        parts = [
            (_of(rows, registers[term]), factor)
            for term, factor in sums[meter.id]
            if term in registers
        ]
        if parts:
            found[meter.id] = parts[0][0] if not meter.is_virtual else _sum_days(parts)
    return found


def sum_series(parts: Sequence[tuple[Series, Decimal]]) -> Series:
    """Return the sum of series times factors, where all of them are known."""
    numbers = parts[0][0].numbers
    for series, _factor in parts[1:]:
        numbers = np.intersect1d(numbers, series.numbers, assume_unique=True)
    amounts = np.zeros(len(numbers), dtype=np.int64)
    grades = np.zeros(len(numbers), dtype=np.int8)
    for series, factor in parts:
        at = np.searchsorted(series.numbers, numbers)
        amounts += _times(series.amounts[at], factor)
        grades = np.maximum(grades, series.grades[at])
    return Series(numbers, amounts, grades)


def revisions_of(register: int, start: dt.datetime, end: dt.datetime) -> list[Revision]:
    """Return all that was ever said about the quarters of [start, end), oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_AS_OF, {"register": register, "start": start, "end": end})
        return [Revision(*row) for row in cursor.fetchall()]


def _times(amounts: Ints, factor: Decimal) -> Ints:
    if factor == factor.to_integral_value():
        return amounts * int(factor)
    return np.rint(amounts * float(factor)).astype(np.int64)


def _terms(meters: Sequence[Meter]) -> dict[uuid.UUID, list[tuple[uuid.UUID, Decimal]]]:
    sums: dict[uuid.UUID, list[tuple[uuid.UUID, Decimal]]] = defaultdict(list)
    computed = [meter.id for meter in meters if meter.is_virtual]
    if computed:
        for term in MeterTerm.objects.filter(virtual_id__in=computed).order_by("id"):
            sums[term.virtual_id].append((term.meter_id, term.factor))
    for meter in meters:
        if not meter.is_virtual:
            sums[meter.id] = [(meter.id, Decimal(1))]
    return sums


def _registers(meters: Iterable[uuid.UUID], quantity: str) -> dict[uuid.UUID, int]:
    rows = Register.objects.filter(meter_id__in=list(meters), quantity=quantity)
    return dict(rows.values_list("meter_id", "id"))


def _read_days(registers: list[int], start: dt.date, end: dt.date) -> Days:
    rows = copy_columns(_DAYS, {"registers": registers, "start": start, "end": end}, DAY_DTYPE)
    rows["day"] += POSTGRES_EPOCH_DAYS
    rows["peak_at"] += POSTGRES_EPOCH_US
    return rows[np.lexsort((rows["day"], rows["register"]))]


def _of(rows: Days, register: int) -> Days:
    begin, end = np.searchsorted(rows["register"], [register, register + 1])
    return rows[begin:end]


def _sum_days(parts: Sequence[tuple[Days, Decimal]]) -> Days:
    """Return the days that all parts have; the part that knows least of a day counts."""
    numbers = reduce(np.intersect1d, (days["day"] for days, _factor in parts))
    found = np.zeros(len(numbers), dtype=DAY_DTYPE)
    found["day"] = numbers
    found["quarters"] = np.iinfo(np.int16).max
    for days, factor in parts:
        rows = days[np.searchsorted(days["day"], numbers)]
        found["amount"] += _times(rows["amount"], factor)
        found["estimated"] += np.abs(_times(rows["estimated"], factor))
        found["quarters"] = np.minimum(found["quarters"], rows["quarters"])
        for name in ("estimated_quarters", "prorated_quarters", "manual_quarters"):
            found[name] = np.maximum(found[name], rows[name])
    guessed = np.minimum(found["estimated_quarters"], found["quarters"])
    found["estimated_quarters"] = guessed
    found["prorated_quarters"] = np.minimum(found["prorated_quarters"], found["quarters"] - guessed)
    found["manual_quarters"] = np.minimum(found["manual_quarters"], guessed)
    return found
