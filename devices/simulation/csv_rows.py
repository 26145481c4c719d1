"""From the rows of a meter file to values at UTC instants.

Local times without offset are ambiguous for an hour each autumn: the first time a wall
clock time appears it means summer time, and when the file goes back it means winter
time. An equal time with equal values is a row written twice. Wall clock times that the
spring change leaves out do not exist; such rows are counted and left out, because no
instant belongs to them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from devices.canonical import lookup
from energy.lib.units import Conversion, conversion

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "-"})


class MappingError(ValueError):
    """The mapping or the header of the file does not say what is what."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A column of the file, the metric it is sent as, and the unit of its numbers."""

    column: str
    metric: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TimedRow:
    """Values of one instant, by metric, in the units of the payload."""

    at: dt.datetime
    values: dict[str, float]


@dataclass(slots=True)
class Counts:
    """What became of the rows and values of a file."""

    rows: int = 0
    missing_values: int = 0
    bad_values: int = 0
    bad_times: int = 0
    nonexistent_times: int = 0
    first_problem: str = ""

    def note(self, kind: str, problem: str) -> None:
        """Count a problem and keep the first one as an example."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.first_problem = self.first_problem or problem


def parse_mapping(text: str) -> list[ColumnMapping]:
    """Read "Column=metric:unit,Column=metric".

    Raises:
        MappingError: a part is not of this form, or a metric stands twice.
    """
    mappings = []
    for part in text.split(","):
        column, equals, target = part.partition("=")
        metric, _, unit = target.partition(":")
        if not equals or not column.strip() or not metric.strip():
            raise MappingError(f"{part!r} is not of the form Column=metric:unit.")
        mappings.append(ColumnMapping(column.strip(), metric.strip(), unit.strip()))
    if len({mapping.metric for mapping in mappings}) != len(mappings):
        raise MappingError("A metric stands twice in the mapping.")
    return mappings


def payload_conversions(
    mappings: Iterable[ColumnMapping], units_by_metric: Mapping[str, str]
) -> dict[str, Conversion]:
    """Return how the file's numbers become those that the device's payload holds.

    Args: units_by_metric: unit of the payload for metrics that have a channel.

    Raises:
        UnknownUnit, IncompatibleUnits: the file's unit does not fit the metric.
    """
    conversions = {}
    for mapping in mappings:
        template = lookup(mapping.metric)
        known = units_by_metric.get(mapping.metric) or (template.source_unit if template else "")
        wanted = known or mapping.unit  # a metric without unit is sent as the file has it
        conversions[mapping.metric] = conversion(mapping.unit or wanted, wanted)
    return conversions


def time_columns(header: Sequence[str], wanted: str) -> list[str]:
    """Return the columns that make up the time: one of this name, else its words.

    Raises:
        MappingError: the file has no such columns.
    """
    names = [wanted] if wanted in header else wanted.split()
    absent = [name for name in names if name not in header]
    if absent or not names:
        raise MappingError(f"The file has no column {absent}; it has {list(header)}.")
    return names


@dataclass(slots=True)
class RowReader:
    """Reads the rows of one file in order."""

    mappings: Sequence[ColumnMapping]
    conversions: Mapping[str, Conversion]
    time_names: Sequence[str]
    time_format: str
    zone: ZoneInfo
    counts: Counts = field(default_factory=Counts)
    _last: TimedRow | None = None

    def read(self, rows: Iterable[Mapping[str, str | None]]) -> Iterator[TimedRow]:
        """Yield what can be sent; the rest is in `counts`."""
        for row in rows:
            self.counts.rows += 1
            values = self._values(row)
            at = self._instant(row, values)
            if at is not None and values:
                self._last = TimedRow(at, values)
                yield self._last

    def _values(self, row: Mapping[str, str | None]) -> dict[str, float]:
        values = {}
        for mapping in self.mappings:
            text = (row.get(mapping.column) or "").strip()
            if text.lower() in MISSING:
                self.counts.missing_values += 1
                continue
            try:
                number = float(text)
            except ValueError:
                number = math.nan
            if math.isfinite(number):
                values[mapping.metric] = self.conversions[mapping.metric].apply(number)
            else:
                self.counts.note("bad_values", f"{mapping.column} is {text[:40]!r}")
        return values

    def _instant(
        self, row: Mapping[str, str | None], values: Mapping[str, float]
    ) -> dt.datetime | None:
        text = " ".join((row.get(name) or "").strip() for name in self.time_names)
        try:
            local = dt.datetime.strptime(text, self.time_format)  # noqa: DTZ007 (zone follows)
        except ValueError:
            self.counts.note("bad_times", f"the time {text[:40]!r} does not fit the format")
            return None
        if local.tzinfo is not None:
            return local.astimezone(dt.UTC)
        return self._from_wall_clock(local, values)

    def _from_wall_clock(
        self, local: dt.datetime, values: Mapping[str, float]
    ) -> dt.datetime | None:
        first = local.replace(tzinfo=self.zone).astimezone(dt.UTC)
        second = local.replace(tzinfo=self.zone, fold=1).astimezone(dt.UTC)
        if first == second:
            return first
        if first > second:  # PEP 495: folds are the other way round in a spring gap
            self.counts.note("nonexistent_times", f"{local} does not exist in {self.zone}")
            return None
        if self._last is None or first > self._last.at:
            return first
        is_repeated = first == self._last.at and dict(values) == self._last.values
        return first if is_repeated else second
