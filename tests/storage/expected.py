"""What rollups must be, computed plainly from all samples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from telemetry.ingest.batch import from_microseconds
from telemetry.quality import Quality
from telemetry.storage.marks import QUARTER_US

Row = tuple[int, int, float, int]
Figures = tuple[int, float, float, float, float, float, int, int, int]


def stored(rows: Iterable[Row]) -> list[Row]:
    """Return what is kept: the first of each key, by channel and time."""
    kept: dict[tuple[int, int], Row] = {}
    for row in rows:
        kept.setdefault(row[:2], row)
    return [kept[key] for key in sorted(kept)]


def quarters(rows: Iterable[Row]) -> dict[tuple[int, int], Figures]:
    """Return the figures by (channel, start in µs)."""
    groups: dict[tuple[int, int], list[Row]] = {}
    for row in stored(rows):
        if row[3] not in (Quality.BAD, Quality.MISSING):
            groups.setdefault((row[0], row[1] // QUARTER_US * QUARTER_US), []).append(row)
    return {key: _figures(group) for key, group in groups.items()}


def days(rows: Iterable[Row], zone: str) -> dict[tuple[int, dt.date], Figures]:
    """Return the figures by (channel, date in the zone): sums of quarters, in their order."""
    result: dict[tuple[int, dt.date], Figures] = {}
    for (channel, start), figures in sorted(quarters(rows).items()):
        key = (channel, from_microseconds(start).astimezone(ZoneInfo(zone)).date())
        before = result.get(key)
        result[key] = figures if before is None else _add(before, figures)
    return result


def _figures(group: list[Row]) -> Figures:
    total = 0.0
    for row in group:
        total += row[2]
    values = [row[2] for row in group]
    good = sum(row[3] == Quality.GOOD for row in group)
    return (len(group), total, min(values), max(values), values[0], values[-1],
            group[0][1], group[-1][1], good)  # fmt: skip


def _add(a: Figures, b: Figures) -> Figures:
    return (a[0] + b[0], a[1] + b[1], min(a[2], b[2]), max(a[3], b[3]), a[4], b[5], a[6], b[7],
            a[8] + b[8])  # fmt: skip
