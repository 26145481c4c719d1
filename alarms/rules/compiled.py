"""A rule made ready for one site."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alarms.engine.conditions import Judge
from alarms.engine.fold import Timing
from alarms.rules.definition import SECOND_US, LastWeek, Rate, RuleDefinition
from alarms.rules.week import Week
from devices.presence import offline_after_seconds


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the engine needs of a rule. against_last_week: values come in percent of a week ago."""

    judge: Judge
    timing: Timing
    against_last_week: bool


def compile_rule(rule: RuleDefinition, *, zone: ZoneInfo, hold: int) -> Compiled:
    """Make a rule ready for the sites of a time zone.

    Args:
        hold: µs that a sample of the channel stands for, where the rule does not say.
    """
    week = Week(rule.active, zone) if rule.active else None
    timing = rule.timing(hold)
    judge = Judge(
        rule.condition(), of_rates=isinstance(rule.when, Rate), hold=timing.hold,
        active=week.mask if week else None,
    )  # fmt: skip
    if week:
        timing = replace(timing, opens=week.opens)
    return Compiled(judge, timing, isinstance(rule.when, LastWeek))


def hold_of(*, interval: int, offline_after: int | None, channel_interval: int | None) -> int:
    """Return how long a sample stands, in µs: while the device is not offline, or 3 intervals.

    Args: all in s; those of the type of device, and that of the channel where it has its own.
    """
    silent = offline_after or offline_after_seconds(interval)
    return max(silent, 3 * (channel_interval or interval)) * SECOND_US


def against(values: NDArray[np.float64], earlier: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how many percent values differ from those of a week before.

    NaN where the earlier one is unknown or zero: nothing is a multiple of nothing.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = (values - earlier) / np.abs(earlier) * 100.0
    found[~np.isfinite(found)] = math.nan
    return found
