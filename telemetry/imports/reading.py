"""Rows of a file, understood: instants, numbers, and what could not be one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from telemetry.imports.clock import Clock, TimeProblem
from telemetry.imports.espi import EspiReading, read_feed, read_series
from telemetry.imports.files import BoundedBytes
from telemetry.imports.plan import SPANNING, Plan
from telemetry.imports.tables import Raw, csv_rows, xlsx_rows
from telemetry.quality import Quality

MAX_SHOWN = 200
MAX_DEVICE_TEXT = 100


class Opener(Protocol):
    """Opens the file from its beginning, as often as needed."""

    def __call__(self) -> BoundedBytes:
        """Return the bytes."""


@dataclass(slots=True)
class Row:
    """What a row says: values by their position in `plan.columns`.

    `time` is µs UTC and None when it cannot be used; `problems` are (code, detail); `missing`
    counts cells that say there is no value; `device` is the text of the device's column.
    """

    number: int
    time: int | None = None
    values: list[tuple[int, float]] = field(default_factory=list)
    quality: int = Quality.GOOD
    device: str = ""
    missing: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""


class FileReader:
    """Reads one file by its plan, from the row behind `after` on.

    `source` is what is open; `state` goes on where another reader stopped.
    """

    def __init__(
        self,
        opener: Opener,
        plan: Plan,
        *,
        latest: int,
        after: int = 0,
        state: dict[str, Any] | None = None,
    ) -> None:
        self._opener, self._plan, self._after = opener, plan, after
        self._clock = Clock(plan, latest=latest, state=state)
        self._missing = frozenset(text.lower() for text in plan.missing)
        self._sentinels = frozenset(plan.sentinels)
        self.source = opener()

    @property
    def state(self) -> dict[str, Any]:
        """What the next reader has to know besides the number of the last row."""
        return self._clock.state

    def rows(self) -> Iterator[Row]:
        """Yield every row, those that cannot be used too.

        Raises: FileProblem.
        """
        if self._plan.format == "espi":
            yield from self._intervals()
            return
        read = xlsx_rows if self._plan.format == "xlsx" else csv_rows
        for raw in read(self.source, self._plan, after=self._after):
            yield self._understand(raw)

    def _understand(self, raw: Raw) -> Row:
        row = Row(raw.number)
        cells, plan = raw.cells, self._plan
        try:
            if plan.device_column is not None:
                row.device = str(cells[plan.device_column]).strip()[:MAX_DEVICE_TEXT]
            times = [cells[index] for index in plan.time_columns]
            row.time = self._clock.instant(times, row.device)
        except IndexError:
            row.problems.append(("too_few_columns", f"The row has only {len(cells)} cells."))
        except TimeProblem as problem:
            row.problems.append((problem.code, str(problem)))
        else:
            self._add_values(row, cells)
        if row.problems:
            row.text = _shown(cells)
        return row

    def _add_values(self, row: Row, cells: list[Any]) -> None:
        for position, column in enumerate(self._plan.columns):
            if column.index >= len(cells):
                row.missing += 1
                continue
            try:
                value = self._number(cells[column.index])
            except ValueError:
                shown = str(cells[column.index])[:40]
                row.problems.append(
                    ("bad_number", f"{shown!r} is no number ({column.header or column.channel}).")
                )
                continue
            if value is None:
                row.missing += 1
            else:
                row.values.append((position, value))

    def _number(self, cell: Any) -> float | None:
        """Return a number, None for a missing one.

        Raises: ValueError: it is none.
        """
        if isinstance(cell, bool) or not isinstance(cell, (str, int, float)):
            raise ValueError(cell)
        if isinstance(cell, str):
            text = cell.strip()
            if text.lower() in self._missing:
                return None
            value = parse_number(text, self._plan.decimal)
        else:
            value = float(cell)
        return None if value in self._sentinels else value

    def _intervals(self) -> Iterator[Row]:
        series = read_series(self._opener())
        positions = {column.index: position for position, column in enumerate(self._plan.columns)}
        owners: dict[str, int | None] = {}
        for item in read_feed(self.source):
            if not isinstance(item, EspiReading) or item.number <= self._after:
                continue
            if item.block not in owners:
                owners[item.block] = next(
                    (n for n, one in enumerate(series) if one.owns(item.block)), None
                )
            owner = owners[item.block]
            if owner is not None:
                yield self._interval(item, owner, positions)

    def _interval(self, item: EspiReading, owner: int, positions: dict[int, int]) -> Row:
        row = Row(item.number, quality=item.quality)
        try:
            row.time = self._clock.checked(item.start * 1_000_000)
        except TimeProblem as problem:
            row.problems.append((problem.code, str(problem)))
            row.text = f"{item.start} {item.value}"
            return row
        pairs = ((2 * owner, item.value), (2 * owner + 1, item.cost))
        for index, value in pairs:
            if index in positions and value is not None:
                row.values.append((positions[index], float(value)))
        return row


def parse_number(text: str, decimal: str = ".") -> float:
    """Read a number; thousands may be grouped by the other sign, a blank or an apostrophe.

    Raises: ValueError: it is none, or not finite.
    """
    for sign in ("\u00a0", "\u202f", " ", "'"):
        text = text.replace(sign, "")
    if decimal == ",":
        text = text.replace(".", "").replace(",", ".")
    elif "," in text:
        whole, point, rest = text.partition(".")
        groups = whole.lstrip("+-").split(",")
        if any(len(group) != 3 for group in groups[1:]) or not 1 <= len(groups[0]) <= 3:
            raise ValueError(text)
        text = f"{whole.replace(',', '')}{point}{rest}"
    if "_" in text:
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def shift_of(plan: Plan, position: int) -> int:
    """Return by how many µs the stamp of a value lies behind the start of its interval."""
    if plan.stamp == "end" and plan.columns[position].kind in SPANNING:
        return plan.interval_seconds * 1_000_000
    return 0


def _shown(cells: list[Any]) -> str:
    text = " | ".join(str(cell) for cell in cells)
    return "".join(sign if sign.isprintable() else "·" for sign in text)[:MAX_SHOWN]
