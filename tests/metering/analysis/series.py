"""Series for tests: from amounts, from samples of power, and from the files of real meters."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metering.analysis.local import Days, count_quarters, day_number, quarter_at, to_date
from metering.series import MICRO, Grade, Series

REALDATA = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[4] / "shared/realdata"))
FILES = REALDATA / "series"
UTC = ZoneInfo("UTC")
needs_files = pytest.mark.skipif(
    not (FILES / "FACTS.json").exists(), reason=f"no real data at {FILES}; set REALDATA_DIR"
)


def facts(name: str) -> dict[str, Any]:
    """Return the published figures of one file."""
    found: dict[str, Any] = json.loads((FILES / "FACTS.json").read_text())[name]
    return found


def near(expected: float, digits: int) -> Any:
    """Compare with a figure that was rounded to so many digits."""
    return pytest.approx(expected, abs=0.51 * 10**-digits)


def quarters(
    start: dt.datetime, kwh: Iterable[float], grades: Sequence[Grade] | None = None
) -> Series:
    """Return amounts in kWh of the quarters from `start` on; NaN is left out."""
    values = np.array(list(kwh), dtype=np.float64)
    numbers = np.arange(len(values), dtype=np.int64) + quarter_at(start)
    marks = np.array(grades or [Grade.MEASURED] * len(values), dtype=np.int8)
    series = Series(numbers, np.rint(np.nan_to_num(values) * MICRO).astype(np.int64), marks)
    return series.take(~np.isnan(values))


def integrate(rows: Sequence[tuple[dt.datetime, float]], *, minutes: int) -> Series:
    """Add up mean kW of `minutes` by quarter; rows may be missing."""
    sums: dict[int, float] = {}
    for moment, kilowatts in rows:
        quarter = quarter_at(moment)
        sums[quarter] = sums.get(quarter, 0.0) + kilowatts * minutes / 60
    numbers = np.array(sorted(sums), dtype=np.int64)
    amounts = np.array([round(sums[n] * MICRO) for n in sorted(sums)], dtype=np.int64)
    return Series(numbers, amounts, np.zeros(len(numbers), dtype=np.int8))


def spread_hours(rows: Sequence[tuple[dt.datetime, float]]) -> Series:
    """Share kWh of hours out evenly; the fourth quarter takes the rest."""
    numbers, amounts = [], []
    for moment, kwh in rows:
        whole = round(kwh * MICRO)
        parts = [whole // 4] * 3 + [whole - 3 * (whole // 4)]
        numbers += [quarter_at(moment) + n for n in range(4)]
        amounts += parts
    grades = np.full(len(numbers), Grade.PRORATED, dtype=np.int8)
    return Series(np.array(numbers, dtype=np.int64), np.array(amounts, dtype=np.int64), grades)


def read_household() -> Series:
    """Return two days of minutes of a household in Paris, by quarter."""
    path = FILES / "uci-household/household_power_consumption_2007-02-05_06.txt"
    with path.open() as lines:
        rows = [
            (
                dt.datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H:%M:%S").replace(
                    tzinfo=ZoneInfo("Europe/Paris")
                ),
                float(row["Global_active_power"]),
            )
            for row in csv.DictReader(lines, delimiter=";")
        ]
    return integrate(rows, minutes=1)


def read_solar_day(name: str) -> dict[str, Series]:
    """Return production, grid_import and grid_export of one day of minutes, by quarter."""
    with (FILES / "openevse-solar-grid" / name).open() as lines:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines)][1:]
    kilowatts: dict[str, list[tuple[dt.datetime, float]]] = {
        "production": [], "grid_import": [], "grid_export": []
    }  # fmt: skip
    for time, solar, grid in rows:
        moment = dt.datetime.fromisoformat(time).replace(tzinfo=dt.UTC)
        power = 0.0 if grid == "null" else float(grid) / 1000
        made = 0.0 if solar == "null" else float(solar) / 1000
        for key, value in [
            ("production", made), ("grid_import", max(power, 0)), ("grid_export", max(-power, 0))
        ]:  # fmt: skip
            kilowatts[key].append((moment, value))
    return {key: integrate(rows, minutes=1) for key, rows in kilowatts.items()}


def read_school() -> Series:
    """Return a year of hours of a school, whose clock is never set."""
    with (FILES / "school-hourly-2018/school_eload_converted.csv").open() as lines:
        rows = [
            (dt.datetime.fromisoformat(row["time"]).replace(tzinfo=dt.UTC), float(row["eload"]))
            for row in csv.DictReader(lines)
            if row["eload"]
        ]
    return spread_hours(rows)


def days_of(start: dt.date, kwh: Iterable[float], zone: ZoneInfo = UTC) -> Days:
    """Return whole days of so many kWh each, from `start` on; NaN is left out."""
    values = np.array(list(kwh), dtype=np.float64)
    numbers = np.arange(len(values), dtype=np.int64) + day_number(start)
    dates = [to_date(n) for n in numbers]
    expected = np.array(
        [count_quarters(day, day + dt.timedelta(days=1), zone=zone) for day in dates],
        dtype=np.int64,
    )
    amounts = np.rint(np.nan_to_num(values) * MICRO).astype(np.int64)
    return Days(numbers, amounts, expected, expected, expected * 0).take(~np.isnan(values))


def read_rows(name: str) -> list[tuple[dt.datetime, float]]:
    """Return the rows of a packed file of start and kWh; NaN are left out."""
    with gzip.open(FILES / name, "rt") as lines:
        rows = [
            (dt.datetime.fromisoformat(row["start"]), float(row["value"]))
            for row in csv.DictReader(lines)
        ]
    return [(moment, value) for moment, value in rows if not np.isnan(value)]
