"""Figures of buckets, computed in arrays from samples or rollups.

No mean, sum, difference or energy is made of bad or missing values, but a bucket tells the
worst quality in it all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemetry.ingest.batch import SampleBatch, to_microseconds
from telemetry.rows import SEVERITIES, Floats, Ints, Rows

HOUR_US = 3_600_000_000


class ValuesTooLarge(ArithmeticError):
    """A sum of the stored values exceeds what a number can hold (1.8e308)."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """How to read one channel.

    `hold`: how long a sample stands for the value after it. `may_reset`: a fall means
    that the counter began again at zero. `expected`: the distance of its samples.
    """

    channel_id: int
    hold: dt.timedelta = dt.timedelta(minutes=15)
    may_reset: bool = False
    expected: dt.timedelta = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The period [start, end) and the edges of the buckets that cover it.

    `until`: the present if that is earlier than `end`; no value is held beyond it.
    """

    start: dt.datetime
    end: dt.datetime
    until: dt.datetime
    edges: Sequence[dt.datetime]


@dataclass(frozen=True, slots=True)
class Cells:
    """One aggregate of a channel: the buckets with any sample, rising (0 is the first).

    `values` is NaN where no sample was usable. `severity` is a place in `rows.TRUST`;
    `counts` are the usable samples.
    """

    positions: Ints
    values: Floats
    severity: Ints
    counts: Ints


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of usable samples laid on the buckets of some channels, all sorted.

    `rows` may hold one row of each channel before the start. `cell` numbers channel and
    bucket together, -1 before the start.
    """

    plans: Sequence[ChannelPlan]
    edges: Ints
    start: int
    until: int
    rows: Rows
    slot: Ints
    cell: Ints

    @property
    def width(self) -> int:
        """Buckets of a channel."""
        return len(self.edges) - 1

    @property
    def size(self) -> int:
        """Buckets of all channels."""
        return len(self.plans) * self.width


def make_figures(
    *,
    plans: Sequence[ChannelPlan],
    window: Window,
    aggregates: Sequence[str],
    rows: Rows,
    unusable: SampleBatch,
) -> dict[tuple[int, str], Cells]:
    """Return the cells of every channel and aggregate.

    Args: rows: with the last one before the start, for delta and energy. unusable: the bad
    and missing samples of the period.

    Raises:
        ValuesTooLarge: a device sent nonsense that is finite; raw samples show it.
    """
    plans = sorted(plans, key=lambda plan: plan.channel_id)
    grid = _lay(plans, window, rows)
    worst = np.full(grid.size, -1, dtype=np.int64)
    inside = grid.cell >= 0
    np.maximum.at(worst, grid.cell[inside], rows.severity[inside])
    if len(unusable):
        at = _cells(grid.plans, grid.edges, unusable["channel"], unusable["time"])
        np.maximum.at(worst, at, SEVERITIES[unusable["quality"]])
    counts = np.bincount(grid.cell[inside], rows.count[inside], grid.size).astype(np.int64)
    found: dict[tuple[int, str], Cells] = {}
    for name in aggregates:
        with np.errstate(over="ignore", invalid="ignore"):
            if name == "energy":
                values, severity = _energy(grid, worst)
            else:
                values, severity = _AGGREGATES[name](grid), worst
        if np.isinf(values).any():
            raise ValuesTooLarge
        found |= _split(grid, name, values, severity, counts)
    return found


def _lay(plans: Sequence[ChannelPlan], window: Window, rows: Rows) -> Grid:
    edges = np.array([to_microseconds(edge) for edge in window.edges], dtype=np.int64)
    start = to_microseconds(window.start)
    cell = _cells(plans, edges, rows.channel, rows.first_time)
    return Grid(
        plans, edges, start, to_microseconds(window.until), rows,
        np.searchsorted(_ids(plans), rows.channel), np.where(rows.first_time < start, -1, cell),
    )  # fmt: skip


def _ids(plans: Sequence[ChannelPlan]) -> Ints:
    return np.array([plan.channel_id for plan in plans], dtype=np.int64)


def _cells(
    plans: Sequence[ChannelPlan], edges: Ints, channel: NDArray[np.integer], time: Ints
) -> Ints:
    slot = np.searchsorted(_ids(plans), channel)
    return slot * (len(edges) - 1) + np.searchsorted(edges, time, side="right") - 1


def _split(
    grid: Grid, name: str, values: Floats, severity: Ints, counts: Ints
) -> dict[tuple[int, str], Cells]:
    found = {}
    for slot, plan in enumerate(grid.plans):
        part = slice(slot * grid.width, (slot + 1) * grid.width)
        positions = np.flatnonzero(severity[part] >= 0)
        found[plan.channel_id, name] = Cells(
            positions, values[part][positions], severity[part][positions],
            counts[part][positions],
        )  # fmt: skip
    return found


def _runs(grid: Grid) -> tuple[Ints, Ints, Rows]:
    """Return the cells that have rows, where the rows of each begin, and the rows inside."""
    inside = grid.cell >= 0
    cell = grid.cell[inside]
    begins = np.flatnonzero(np.diff(cell, prepend=-1))
    return cell[begins], begins, grid.rows.take(inside)


def _reduced(how: np.ufunc, column: str) -> Callable[[Grid], Floats]:
    def compute(grid: Grid) -> Floats:
        values = np.full(grid.size, np.nan)
        cells, begins, rows = _runs(grid)
        if len(cells):
            values[cells] = how.reduceat(getattr(rows, column), begins)
        return values

    return compute


def _sum(grid: Grid) -> Floats:
    # a rollup whose sum no number can hold has none
    if np.isnan(grid.rows.sum).any():
        raise ValuesTooLarge
    return _reduced(np.add, "sum")(grid)


def _mean(grid: Grid) -> Floats:
    return _sum(grid) / _reduced(np.add, "count")(grid)


def _count(grid: Grid) -> Floats:
    return np.nan_to_num(_reduced(np.add, "count")(grid))


def _first(grid: Grid) -> Floats:
    values = np.full(grid.size, np.nan)
    cells, begins, rows = _runs(grid)
    values[cells] = rows.first[begins]
    return values


def _last(grid: Grid) -> Floats:
    values = np.full(grid.size, np.nan)
    cells, begins, rows = _runs(grid)
    values[cells] = rows.last[np.append(begins, len(rows))[1:] - 1]
    return values


def _delta(grid: Grid) -> Floats:
    """Return the rise of counters.

    The rise to a sample from the one before it belongs to the bucket of the sample, so
    buckets add up to the rise over the whole period.
    """
    rows = grid.rows
    may_reset = np.array([plan.may_reset for plan in grid.plans], dtype=np.bool_)[grid.slot]
    step = _rise_between(rows, may_reset)
    within = _rise_within(rows, may_reset)
    # a single sample after nothing has no rise at all
    rise = np.where(np.isnan(step), np.where(rows.count > 1, within, np.nan), step + within)
    known = (grid.cell >= 0) & ~np.isnan(rise)
    # of nothing it makes integers
    values = np.bincount(grid.cell[known], rise[known], grid.size).astype(np.float64)
    values[np.bincount(grid.cell[known], minlength=grid.size) == 0] = np.nan
    return values


def _rise_between(rows: Rows, may_reset: NDArray[np.bool_]) -> Floats:
    """Return the rise from the row before to the first sample of each; NaN without one."""
    step = np.full(len(rows), np.nan)
    step[1:] = rows.first[1:] - rows.last[:-1]
    step = np.where(may_reset & (step < 0), rows.first, step)
    step[:1] = np.nan
    step[1:][rows.channel[1:] != rows.channel[:-1]] = np.nan
    return step


def _rise_within(rows: Rows, may_reset: NDArray[np.bool_]) -> Floats:
    """Return the rise inside each rollup; of a counter that began anew both parts."""
    fell = may_reset & ((rows.minimum < rows.first) | (rows.last < rows.first))
    peak = np.where(rows.maximum > rows.last, rows.maximum, rows.first)
    return np.where(fell, peak - rows.first + rows.last, rows.last - rows.first)


def _energy(grid: Grid, worst: Ints) -> tuple[Floats, Ints]:
    """Return value × hours, and the worst quality of what flows in a bucket.

    A sample holds until the next one, at most `hold` and never past `until`. A hold that
    crosses an edge is shared by the buckets, so they add up to the whole exactly.
    """
    if np.isnan(grid.rows.sum).any():
        raise ValuesTooLarge
    values = np.zeros(grid.size)
    severity = worst.copy()
    flows = np.zeros(grid.size, dtype=np.bool_)
    borders = np.searchsorted(grid.slot, np.arange(len(grid.plans) + 1))
    for slot, plan in enumerate(grid.plans):
        rows = grid.rows.take(slice(borders[slot], borders[slot + 1]))
        bucket, amount, quality = _pieces(grid, plan, rows)
        cells = slot * grid.width + bucket
        values += np.bincount(cells, amount, grid.size) if len(cells) else 0.0
        np.maximum.at(severity, cells, quality)
        flows[cells] = True
    values[~flows] = np.nan
    return values, severity


def _pieces(grid: Grid, plan: ChannelPlan, rows: Rows) -> tuple[Ints, Floats, Ints]:
    """Cut what a channel's rows hold at the edges: bucket, amount and severity of each piece."""
    begins, ends, power, quality = _segments(grid, plan, rows)
    if not len(begins):
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    cuts = np.unique(np.concatenate((begins, ends, grid.edges)))
    lows, highs = cuts[:-1], cuts[1:]
    segment = np.searchsorted(begins, lows, side="right") - 1
    held = (segment >= 0) & (lows >= grid.edges[0]) & (highs <= grid.edges[-1])
    held &= highs <= ends[segment]
    lows, highs, segment = lows[held], highs[held], segment[held]
    bucket = np.searchsorted(grid.edges, lows, side="right") - 1
    return bucket, power[segment] * (highs - lows) / HOUR_US, quality[segment]


def _segments(grid: Grid, plan: ChannelPlan, rows: Rows) -> tuple[Ints, Ints, Floats, Ints]:
    """Return begin, end, power and severity of what the rows hold, in the order of time.

    Inside a rollup the mean of all values but the last holds until the last one: exact for
    samples in equal steps.
    """
    hold = plan.hold // dt.timedelta(microseconds=1)
    following = np.append(rows.first_time[1:], np.iinfo(np.int64).max)
    tail_ends = np.minimum(following, rows.last_time + hold)
    inner = (rows.sum - rows.last) / np.maximum(rows.count - 1, 1)
    # interleaved: the inside of a row, then what its last value holds
    begins = np.ravel(np.column_stack((rows.first_time, rows.last_time)))
    ends = np.ravel(np.column_stack((rows.last_time, tail_ends)))
    power = np.ravel(np.column_stack((inner, rows.last)))
    quality = np.repeat(rows.severity, 2)
    begins, ends = np.maximum(begins, grid.start), np.minimum(ends, grid.until)
    flows = ends > begins
    return begins[flows], ends[flows], power[flows], quality[flows]


_AGGREGATES: dict[str, Callable[[Grid], Floats]] = {
    "avg": _mean,
    "min": _reduced(np.minimum, "minimum"),
    "max": _reduced(np.maximum, "maximum"),
    "sum": _sum,
    "count": _count,
    "first": _first,
    "last": _last,
    "delta": _delta,
}
