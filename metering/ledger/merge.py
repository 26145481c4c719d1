"""Puts together what several feeds and people say about the same quarter hours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from metering.ledger.kinds import ENTRY_DTYPE, Entries, Method
from metering.series import QUARTER_US, Grade

_COMPARED = (
    "amount",
    "begin",
    "finish",
    "adjustment",
    "grade",
    "method",
    "has_register",
    "is_open",
)


def merge(parts: Iterable[Entries]) -> Entries:
    """Return each quarter once; of feeds that follow each other the earlier one comes first.

    Where one meter gave way to another, the register goes from that of the old to that of the
    new one, and the adjustment says what the difference does not.
    """
    rows = np.concatenate([np.empty(0, dtype=ENTRY_DTYPE), *parts])
    rows = rows[np.argsort(rows["number"], kind="stable")]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = rows["number"][1:] != rows["number"][:-1]
    begins = np.flatnonzero(is_first)
    if len(begins) == len(rows):
        return rows
    merged = rows[begins]
    for place in np.flatnonzero(np.diff(np.append(begins, len(rows))) > 1).tolist():
        end = begins[place + 1] if place + 1 < len(begins) else len(rows)
        merged[place] = _one(rows[begins[place] : end])
    return merged


def _one(rows: Entries) -> NDArray[np.void]:
    """Return one quarter of several rows."""
    found = rows[-1].copy()
    registers = rows[rows["has_register"]]
    found["amount"] = rows["amount"].sum()
    found["grade"], found["method"] = rows["grade"].max(), rows["method"].max()
    if len(registers):
        found["has_register"] = True
        found["begin"], found["finish"] = registers["begin"][0], registers["finish"][-1]
        found["is_open"] = registers["is_open"][-1]
        found["adjustment"] = found["amount"] - (found["finish"] - found["begin"])
        if len(registers) > 1:
            found["method"] = max(int(found["method"]), Method.SWAP)
    else:
        found["adjustment"] = rows["adjustment"].sum()
    return found


def booked(start: int, end: int, amount: int) -> Entries:
    """Return what a person booked for [start, end), in µs, shared out evenly."""
    first = start // QUARTER_US
    count = max(1, -(-end // QUARTER_US) - first)
    entries = np.zeros(count, dtype=ENTRY_DTYPE)
    entries["number"] = first + np.arange(count)
    steps = [amount * part // count for part in range(count + 1)]
    entries["amount"] = entries["adjustment"] = np.diff(np.array(steps, dtype=np.int64))
    entries["grade"], entries["method"] = Grade.MANUAL, Method.BOOKED
    return entries


def same(one: Entries, other: Entries) -> NDArray[np.bool_]:
    """Tell row by row whether two quarters say the same."""
    equal = np.ones(len(one), dtype=np.bool_)
    for name in _COMPARED:
        equal &= one[name] == other[name]
    return equal
