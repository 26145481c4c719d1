"""Shares the amounts of steps out over quarter hours, to the last millionth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from metering.ledger.kinds import ENTRY_DTYPE, Entries, Method, Steps
from metering.series import QUARTER_US, Grade, Ints

# Weights of `count` quarters from a number on; None where too little is known.
Profile = Callable[[int, int], NDArray[np.float64] | None]


def spread(steps: Steps, profile: Profile | None = None) -> Entries:
    """Return the quarter hours that unbroken steps touch, the last one perhaps open.

    Σ amounts = Σ amounts of the steps, and of each quarter amount = finish - begin +
    adjustment: registers at its ends are read off the line between two samples, and what
    resets, rollovers and jumps add stands in the adjustment of the quarter where they end.
    """
    if not len(steps):
        return np.empty(0, dtype=ENTRY_DTYPE)
    steps = steps.copy()
    first, last = int(steps["start"][0]), int(steps["end"][-1])
    number = first // QUARTER_US
    count = max(1, -(-last // QUARTER_US) - number)
    edges = np.clip((number + np.arange(count + 1)) * QUARTER_US, first, last)
    booked, register, adjusted = _at(steps, edges, profile)
    entries = np.zeros(count, dtype=ENTRY_DTYPE)
    entries["number"] = number + np.arange(count)
    entries["amount"] = np.diff(booked)
    entries["begin"], entries["finish"] = register[:-1], register[1:]
    entries["adjustment"] = np.diff(adjusted)
    entries["has_register"] = True
    entries["is_open"] = (entries["number"] + 1) * QUARTER_US > last
    _grade(entries, steps)
    return entries


def _at(steps: Steps, edges: Ints, profile: Profile | None) -> tuple[Ints, Ints, Ints]:
    """Return at each edge what was booked since the start, the register and the adjustments."""
    before = np.concatenate(([0], np.cumsum(steps["amount"])))
    adjustments = steps["amount"] - (steps["finish"] - steps["begin"])
    adjusted = np.concatenate(([0], np.cumsum(adjustments)))
    which = np.searchsorted(steps["end"], edges, side="left")
    inside = steps[which]
    lasting = np.maximum(1, inside["end"] - inside["start"])
    part = np.rint(inside["amount"] * ((edges - inside["start"]) / lasting)).astype(np.int64)
    if profile is not None:
        _follow_profile(steps, which, edges, part, profile)
    is_end = edges == inside["end"]
    part[is_end] = inside["amount"][is_end]
    register = np.where(is_end, inside["finish"], inside["begin"] + part)
    done = np.searchsorted(steps["end"], edges, side="right")
    return before[which] + part, register, adjusted[done]


def _follow_profile(
    steps: Steps, which: NDArray[np.intp], edges: Ints, part: Ints, profile: Profile
) -> None:
    """Share gaps out as in the same hours of the weeks before, where these are known."""
    for index in np.flatnonzero(steps["method"] == Method.LINEAR):
        places = np.flatnonzero(which == index)
        start, end = int(steps["start"][index]), int(steps["end"][index])
        number = start // QUARTER_US
        count = -(-end // QUARTER_US) - number
        weights = profile(number, count)
        if weights is None or not len(places):
            continue
        quarters = (number + np.arange(count + 1)) * QUARTER_US
        covered = np.diff(np.clip(quarters, start, end)) / QUARTER_US
        total = np.concatenate(([0.0], np.cumsum(weights * covered)))
        if total[-1] <= 0:
            continue
        at = edges[places] // QUARTER_US - number
        part[places] = np.rint(float(steps["amount"][index]) * (total[at] / total[-1]))
        steps["method"][index] = Method.PROFILE


def _grade(entries: Entries, steps: Steps) -> None:
    """Give each quarter the worst grade and the highest method of the steps within it."""
    marked = steps[(steps["grade"] != Grade.MEASURED) | (steps["method"] != Method.REGISTER)]
    if not len(marked):
        return
    number = int(entries["number"][0])
    # a change of level belongs to the quarter where it shows; an amount to all that it covers
    is_point = np.isin(marked["method"], (Method.RESET, Method.REGISTER))
    begin = np.where(is_point & (marked["amount"] == 0), marked["end"] - 1, marked["start"])
    firsts = begin // QUARTER_US - number
    lasts = np.maximum(firsts, (marked["end"] - 1) // QUARTER_US - number)
    counts = lasts - firsts + 1
    which = np.repeat(np.arange(len(marked)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = np.minimum(firsts[which] + offsets, len(entries) - 1)
    np.maximum.at(entries["grade"], places, marked["grade"][which])
    np.maximum.at(entries["method"], places, marked["method"][which])
