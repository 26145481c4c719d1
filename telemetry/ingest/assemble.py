"""Readings of many messages become one SampleBatch, checked and scaled in one go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch
from telemetry.quality import Quality

# Larger numbers are a broken sensor or a 70-bit integer, no measurement.
MAX_MAGNITUDE = 1e15


class Columns:
    """Collects the rows of a batch as flat lists; `message` is the index of the message."""

    def __init__(self) -> None:
        self.slots: list[int] = []
        self.values: list[float] = []
        self.counts: list[int] = []
        self.times: list[int] = []
        self.messages: list[int] = []
        self.qualities: list[int] = []

    def add(
        self, message: int, time: int, slots: list[int], values: list[float], quality: int = 0
    ) -> None:
        """Add the values of one instant; slots and values have equal length."""
        self.slots.extend(slots)
        self.values.extend(values)
        self.counts.append(len(slots))
        self.times.append(time)
        self.messages.append(message)
        self.qualities.append(quality)


@dataclass(frozen=True, slots=True)
class Assembled:
    """Rows sorted by (channel, time), each key once.

    `slots` and `messages` belong to `rows` one by one. `refused` holds (message index,
    code, detail); `duplicates` counts rows that stood twice with the same value.
    """

    rows: SampleBatch
    slots: NDArray[np.int64]
    messages: NDArray[np.int64]
    refused: list[tuple[int, str, str]]
    duplicates: int


def assemble(columns: Columns, table: NDArray[np.void]) -> Assembled:
    """Scale to stored units, flag implausible values, refuse impossible ones, sort.

    Args: table: `Directory.table`, indexed by slot.
    """
    counts = np.array(columns.counts, dtype=np.int64)
    slots = np.array(columns.slots, dtype=np.int64)
    raw = np.array(columns.values, dtype=np.float64)
    messages = np.repeat(np.array(columns.messages, dtype=np.int64), counts)
    known = table[slots]
    with np.errstate(over="ignore", invalid="ignore"):
        value = raw * known["factor"] / known["divisor"] + known["offset"]
        value = _round(value, known["grain"])
        possible = np.abs(value) <= MAX_MAGNITUDE  # False for NaN as well
    refused = _describe_impossible(raw, messages, possible)
    rows = np.empty(len(slots), dtype=SAMPLE_DTYPE)
    rows["channel"] = known["channel"]
    rows["time"] = np.repeat(np.array(columns.times, dtype=np.int64), counts)
    rows["value"] = value
    rows["quality"] = np.repeat(np.array(columns.qualities, dtype=np.int16), counts)
    implausible = (value < known["minimum"]) | (value > known["maximum"])
    rows["quality"][implausible] = Quality.BAD
    if refused:
        rows, slots, messages = rows[possible], slots[possible], messages[possible]
    return _sort_unique(rows, slots, messages, refused)


def _round(value: NDArray[np.float64], grain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to whole parts of the unit where a channel says so; huge values stay."""
    if not grain.any():
        return value
    rounded = np.rint(value * grain) / np.where(grain > 0, grain, 1.0)
    # adding zero: minus zero is no other value than zero
    return np.where((grain > 0) & np.isfinite(rounded), rounded + 0.0, value)


def _describe_impossible(
    raw: NDArray[np.float64], messages: NDArray[np.int64], possible: NDArray[np.bool_]
) -> list[tuple[int, str, str]]:
    if possible.all():
        return []
    refused = []
    for index in np.flatnonzero(~possible):
        finite = bool(np.isfinite(raw[index]))
        code = "out_of_range" if finite else "not_finite"
        refused.append((int(messages[index]), code, f"{raw[index]!r} is no measurement."))
    return refused


def _sort_unique(
    rows: SampleBatch,
    slots: NDArray[np.int64],
    messages: NDArray[np.int64],
    refused: list[tuple[int, str, str]],
) -> Assembled:
    order = np.lexsort((rows["time"], rows["channel"]))  # stable: the first to come stays first
    rows, slots, messages = rows[order], slots[order], messages[order]
    again = np.zeros(len(rows), dtype=np.bool_)
    again[1:] = (rows["channel"][1:] == rows["channel"][:-1]) & (
        rows["time"][1:] == rows["time"][:-1]
    )
    if not again.any():
        return Assembled(rows, slots, messages, refused, 0)
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
    differs = again & (rows["value"] != rows["value"][first])
    refused += [
        (int(messages[index]), "conflicting_value", conflict(rows[index]))
        for index in np.flatnonzero(differs)
    ]
    kept = ~again
    duplicates = int(again.sum() - differs.sum())
    return Assembled(rows[kept], slots[kept], messages[kept], refused, duplicates)


def conflict(row: np.void) -> str:
    """Describe a value that differs from the one stored for the same channel and time."""
    return f"Another value is stored for this time; {row['value']!r} came later."
