"""What a value says: wrong, right, or neither. Vectorised over the samples of one channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINUTE_US = 60_000_000
WRONG, NEITHER, RIGHT = 1, 0, -1

Times = NDArray[np.int64]  # µs since 1970 UTC, ascending
Values = NDArray[np.float64]
Levels = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where values become wrong, and where they are right again; in the channel's unit.

    Between the two a value says nothing, so that noise around a limit raises one alarm and
    not hundreds; there is no such zone where both are the same. inf: no limit on that side,
    then of both.

    Raises:
        ValueError: a value would be wrong and right at once.
    """

    above: float = np.inf
    clear_above: float = np.inf
    below: float = -np.inf
    clear_below: float = -np.inf

    def __post_init__(self) -> None:
        """Refuse zones that overlap."""
        if self.clear_above > self.above or self.clear_below < self.below:
            raise ValueError("A value is right again before it is wrong: swap the two.")
        if self.clear_below > self.clear_above:
            raise ValueError("No value is right: the lower limit lies above the upper one.")

    def judge(self, values: Values) -> Levels:
        """Return WRONG, RIGHT or NEITHER for each value; NaN says nothing."""
        wrong = (values > self.above) | (values < self.below)
        right = (values <= self.clear_above) & (values >= self.clear_below)
        return wrong.astype(np.int8) * np.int8(WRONG) + right.astype(np.int8) * np.int8(RIGHT)


@dataclass(frozen=True, slots=True)
class States:
    """Values of a state channel that are wrong; all others are right."""

    wrong: frozenset[float]

    def judge(self, values: Values) -> Levels:
        """Return WRONG or RIGHT for each value; NaN says nothing."""
        found = np.where(np.isin(values, list(self.wrong)), WRONG, RIGHT).astype(np.int8)
        found[np.isnan(values)] = NEITHER
        return found


@dataclass(frozen=True, slots=True)
class Judge:
    """What a rule makes of samples.

    of_rates: values are judged by how fast they change. hold: µs; over a longer gap nothing
    is known of that. active: tells of times whether the rule looks at them; at others all is
    right.
    """

    condition: Limits | States
    of_rates: bool = False
    hold: int = 2**62
    active: Callable[[Times], NDArray[np.bool_]] | None = None

    @property
    def is_plain(self) -> bool:
        """Tell whether each value is only compared with limits."""
        return isinstance(self.condition, Limits) and not self.of_rates and self.active is None

    def levels(self, times: Times, values: Values, before: tuple[int, float] | None) -> Levels:
        """Return what the samples say. Args: before: the sample ahead of the first, if any."""
        series = rates(times, values, before, self.hold) if self.of_rates else values
        found = self.condition.judge(series)
        if self.active is not None:
            found[~self.active(times)] = RIGHT
        return found


def rates(times: Times, values: Values, before: tuple[int, float] | None, hold: int) -> Values:
    """Return by how much each value changed a minute since the one before it.

    Args:
        before: the sample ahead of the first, if there is one.
        hold: µs; over a longer gap nothing is known of the change.

    Returns: unit per minute; NaN where there is nothing to compare with.
    """
    earlier = (np.iinfo(np.int64).min, np.nan) if before is None else before
    steps = np.diff(times, prepend=earlier[0] if before is not None else times[:1])
    changes = np.diff(values, prepend=earlier[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Values = changes / steps * MINUTE_US
    found[(steps <= 0) | (steps > hold)] = np.nan
    return found
