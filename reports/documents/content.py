"""What a report says, without how it looks: plain data for all writers.

Texts are ready in the reader's language. Percentages are 0…100. Times are aware.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import isfinite

Number = Decimal | float | int
Cell = str | Number | dt.datetime | dt.date | None


def finite(value: Number | None) -> float | None:
    """Return a number that can be drawn; None for a gap, infinity and what is no number."""
    if value is None or not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):
        return None
    return float(value)


class Kind(StrEnum):
    """What the cells of a column hold; a day is a local date, a time has a zone."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    PERCENT = "percent"
    TIME = "time"
    DAY = "day"


AMOUNTS = frozenset({Kind.NUMBER, Kind.MONEY, Kind.PERCENT})


@dataclass(frozen=True, slots=True)
class QualityLine:
    """Shares of the quarter hours by how they are known, together 100."""

    measured: Number
    estimated: Number = 0
    prorated: Number = 0
    manual: Number = 0
    missing: Number = 0


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number one looks for first. `note` says what it is compared with."""

    label: str
    value: Number | None
    unit: str = ""
    note: str = ""
    digits: int = 2


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """The numbers at the top of a report."""

    figures: Sequence[KeyFigure]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `unit` of money is its currency; `digits` follow the point."""

    name: str
    kind: Kind = Kind.TEXT
    unit: str = ""
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """A row that names the group of the rows below it."""

    title: str


Row = Sequence[Cell] | Heading


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. From an iterator they can be written once."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    totals: Sequence[Cell] | None = None
    quality: QualityLine | None = None


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """Values by category; None is a gap. `estimated` is the share (0…1) of each value."""

    name: str
    values: Sequence[Number | None]
    estimated: Sequence[Number] = ()

    def value_at(self, index: int) -> float | None:
        """Return a value as it is drawn; None is a gap."""
        return finite(self.values[index]) if index < len(self.values) else None

    def estimated_share(self, index: int) -> float:
        """Return how much of a value is not measured, 0…1."""
        share = float(self.estimated[index]) if index < len(self.estimated) else 0.0
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars beside each other, or on top of each other where `is_stacked`."""

    title: str
    categories: Sequence[str]
    series: Sequence[ChartSeries]
    unit: str = ""
    digits: int = 2
    is_stacked: bool = False
    quality: QualityLine | None = None


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines through points that lie evenly."""

    title: str
    categories: Sequence[str]
    series: Sequence[ChartSeries]
    unit: str = ""
    digits: int = 2
    quality: QualityLine | None = None


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A field for each day (row) and hour (column); on a 25-hour day the hours have one more."""

    title: str
    days: Sequence[str]
    hours: Sequence[str]
    values: Sequence[Sequence[Number | None]]
    unit: str = ""
    digits: int = 2
    quality: QualityLine | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs, one a line."""

    body: str
    title: str = ""


Chart = BarChart | LineChart | HeatMap
Section = KeyFigures | Table | Chart | Text | QualityLine


@dataclass(frozen=True, slots=True)
class Document:
    """A report. Times are shown in `zone`; `language` is a code of Django, such as tr."""

    title: str
    subtitle: str
    organisation: str
    site: str
    period_label: str
    zone: zoneinfo.ZoneInfo
    generated_at: dt.datetime
    language: str
    notes: Sequence[str] = ()
    sections: Sequence[Section] = ()


def is_empty(section: Section) -> bool:
    """Say whether there is nothing to show; rows of an iterator are known only when read."""
    match section:
        case KeyFigures(figures=figures):
            return not figures
        case BarChart() | LineChart():
            numbers = range(len(section.categories))
            return all(one.value_at(n) is None for one in section.series for n in numbers)
        case HeatMap(values=values):
            return all(finite(value) is None for day in values for value in day)
        case Text(body=body):
            return not body.strip()
        case _:
            return False
