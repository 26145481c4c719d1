"""Predicts the demand of the window that runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automation.guard.series import HOUR, Stretches

# what the power is now is the mean of so long; how much it moves is looked at for longer
NOW_SECONDS = 120.0
LOOK_BACK_SECONDS = 900.0
PART_SECONDS = 60.0
# a load that is switched is seen in the power after so long
SETTLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Switched:
    """A load that was shed (kW below 0) or came back (above 0), and when."""

    at: float
    kw: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a window comes to. Powers in kW, `energy_kwh` up to `until`, the newest sample.

    `power_kw`: what flows now, loads switched just now included. `expected_kw` of the whole
    window lies between `low_kw` and `high_kw` if the power moves as it did in the last minutes.
    """

    start: float
    end: float
    until: float
    energy_kwh: float
    power_kw: float
    expected_kw: float
    low_kw: float
    high_kw: float

    @property
    def left_seconds(self) -> float:
        """Return what is still open."""
        return self.end - self.until


def window_start(now: float, seconds: int) -> float:
    """Return when the window began; windows are aligned to the hour.

    All zones differ from UTC by whole quarters, so that the clock of the site says the same for
    windows of 15 minutes.
    """
    return now - now % seconds


def predict(
    series: Stretches,
    *,
    start: float,
    seconds: int,
    now: float,
    stale_seconds: float,
    switched: Sequence[Switched] = (),
) -> Prediction | None:
    """Return what the window comes to; None: nobody can tell.

    Samples of before the window tell what flows now while it has hardly begun. What the window
    lacks at its beginning, after a silence, counts as it flows now.

    Args: start: of the window. now: in it. stale_seconds: older samples say nothing of now.
    """
    until = series.until
    if until is None or now - until > stale_seconds:
        return None
    end = start + seconds
    until = min(until, now, end)
    measured = series.power(until - NOW_SECONDS, until)
    if measured is None:
        return None
    power = max(0.0, measured + _unseen(switched, until - NOW_SECONDS, until))
    lowest, highest = _moves(series, until, measured)
    shift = power - measured
    begin = max(start, min(until, end))
    energy, least, most = series.energy(start, begin)
    unknown = max(0.0, begin - start - series.covered(start, begin))
    rest = end - begin
    hours = seconds / HOUR

    def demand(known: float, before: float, after: float) -> float:
        return (known + (before * unknown + after * rest) / HOUR) / hours

    return Prediction(
        start=start, end=end, until=begin, energy_kwh=energy + measured * unknown / HOUR,
        power_kw=power,
        expected_kw=demand(energy, measured, power),
        low_kw=demand(least, lowest, max(0.0, lowest + shift)),
        high_kw=demand(most, highest, max(0.0, highest + shift)),
    )  # fmt: skip


def demand_of(series: Stretches, *, start: float, seconds: int) -> float | None:
    """Return the demand of a window that is over; None if more than 2 % of it is unknown."""
    covered = series.covered(start, start + seconds)
    if covered < 0.98 * seconds:
        return None
    power: float | None = series.power(start, start + seconds)
    return power


def _moves(series: Stretches, until: float, now_kw: float) -> tuple[float, float]:
    """Return the lowest and the highest minute of the last ones."""
    found = [now_kw]
    parts = int(LOOK_BACK_SECONDS / PART_SECONDS)
    for part in range(parts):
        end = until - part * PART_SECONDS
        power = series.power(end - PART_SECONDS, end)
        if power is not None:
            found.append(power)
    return min(found), max(found)


def _unseen(switched: Sequence[Switched], begin: float, end: float) -> float:
    """Return how much the mean power of [begin, end) lacks of what was switched, in kW."""
    total = 0.0
    for one in switched:
        seen_from = one.at + SETTLE_SECONDS
        share = (seen_from - begin) / (end - begin)
        total += one.kw * min(1.0, max(0.0, share))
    return total
