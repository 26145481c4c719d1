"""Amounts of a meter by quarter, hour, day or month, as known now or at an earlier moment."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.models import Meter, MeterTerm, Register
from metering.queries.series import sum_series
from metering.series import QUARTER_SECONDS, Grade, Series
from telemetry.storage.copying import copy_columns
from telemetry.timespec import INTERVALS, bucket_edges

STEPS = {"15m": "15m", "hour": "1h", "day": "1d", "month": "1mo"}
MAX_BUCKETS = 10_000
_DTYPE = np.dtype(
    [("register", "<i4"), ("number", "<i8"), ("amount", "<i8"), ("grade", "<i2"),
     ("revision", "<i2")]
)  # fmt: skip
_COLUMNS = "register_id, (extract(epoch FROM start) / 900)::int8, amount, grade, revision"
_WHERE = "register_id = ANY(%(registers)s::int[]) AND start >= %(start)s AND start < %(end)s"
_NOW = f"SELECT {_COLUMNS} FROM metering_interval WHERE {_WHERE}"  # noqa: S608
_THEN = f"""
{_NOW} AND recorded_at <= %(as_of)s
UNION ALL
SELECT {_COLUMNS} FROM metering_interval_past
WHERE {_WHERE} AND recorded_at <= %(as_of)s AND superseded_at > %(as_of)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Reading:
    """An amount of [start, end) in millionths; None where no quarter is known.

    `quarters`: how many of them are known by `Grade`; `missing`: that are not. `revision`: the
    highest of them.
    """

    start: dt.datetime
    end: dt.datetime
    amount: int | None
    quarters: tuple[int, int, int, int]
    missing: int
    revision: int

    def shares(self) -> dict[str, float]:
        """Return the shares of quarters by how they are known; they add up to 1."""
        whole = sum(self.quarters) + self.missing
        counts = zip([*Grade, None], [*self.quarters, self.missing], strict=True)
        return {
            "missing" if grade is None else grade.name.lower(): round(count / whole, 6)
            for grade, count in counts
        }


def edges_of(step: str, start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> list[dt.datetime]:
    """Return the edges of the buckets of a period; more than `MAX_BUCKETS` are cut off."""
    interval = INTERVALS[STEPS[step]]
    return bucket_edges(start, end, interval=interval, zone=zone, limit=MAX_BUCKETS + 1)


def read_readings(
    meter: Meter,
    quantity: str,
    edges: Sequence[dt.datetime],
    *,
    as_of: dt.datetime | None = None,
    now: dt.datetime,
) -> list[Reading]:
    """Return the amounts between neighbouring edges.

    A computed meter has the quarters that all of its terms have. Quarters of the future are
    not missing. Args: as_of: what was known then.
    """
    if len(edges) < 2:
        return []
    terms = _terms(meter)
    registers = dict(
        Register.objects.filter(meter_id__in=[term for term, _factor in terms], quantity=quantity)
        .values_list("meter_id", "id")
    )  # fmt: skip
    rows = _read(list(registers.values()), edges[0], edges[-1], as_of)
    parts = [(rows[rows["register"] == registers[term]], factor)
             for term, factor in terms if term in registers]  # fmt: skip
    if not parts:
        series, revisions = Series.empty(), np.empty(0, dtype=np.int16)
    else:
        series = sum_series([(_series(part), factor) for part, factor in parts])
        revisions = _revisions([part for part, _factor in parts], series)
    return _between(series, revisions, edges, now)


def _terms(meter: Meter) -> list[tuple[uuid.UUID, Decimal]]:
    if not meter.is_virtual:
        return [(meter.id, Decimal(1))]
    rows = MeterTerm.objects.filter(virtual=meter).order_by("id")
    return list(rows.values_list("meter_id", "factor"))


def _read(
    registers: list[int], start: dt.datetime, end: dt.datetime, as_of: dt.datetime | None
) -> NDArray[np.void]:
    values = {"registers": registers, "start": start, "end": end, "as_of": as_of}
    rows = copy_columns(_NOW if as_of is None else _THEN, values, _DTYPE)
    return rows[np.lexsort((rows["number"], rows["register"]))]


def _series(rows: NDArray[np.void]) -> Series:
    return Series(rows["number"], rows["amount"], rows["grade"].astype(np.int8))


def _revisions(parts: Sequence[NDArray[np.void]], series: Series) -> NDArray[np.int16]:
    found = np.zeros(len(series), dtype=np.int16)
    for rows in parts:
        found = np.maximum(found, rows["revision"][np.searchsorted(rows["number"], series.numbers)])
    return found


def _between(
    series: Series,
    revisions: NDArray[np.int16],
    edges: Sequence[dt.datetime],
    now: dt.datetime,
) -> list[Reading]:
    bounds = [_number_of(edge) for edge in edges]
    places = np.searchsorted(series.numbers, bounds)
    present = _number_of(now)
    found = []
    for at, (first, last) in enumerate(zip(bounds, bounds[1:], strict=False)):
        some = slice(int(places[at]), int(places[at + 1]))
        known = np.bincount(series.grades[some], minlength=len(Grade))
        count = int(known.sum())
        expected = max(count, min(last, present) - first, 1)
        found.append(
            Reading(
                edges[at],
                edges[at + 1],
                int(series.amounts[some].sum()) if count else None,
                tuple(map(int, known)),  # type: ignore[arg-type]
                expected - count,
                int(revisions[some].max()) if count else 0,
            )
        )
    return found


def _number_of(moment: dt.datetime) -> int:
    return -(-int(moment.timestamp()) // QUARTER_SECONDS)
