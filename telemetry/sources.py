"""Chooses the table that answers: few samples are read as they are, many as rollups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from telemetry.figures import ChannelPlan, Window
from telemetry.queries import DAYS, QUARTER, QUARTERS, RAW, Source, days_are_cut, floor_quarter
from telemetry.timespec import Interval

# so many samples are read and aggregated in about 10 ms
FEW_SAMPLES = 20_000
# rollups lag the samples by seconds; a longer stop of their reactor shows in the newest hour
SETTLES_AFTER = dt.timedelta(minutes=30)


def choose_source(
    plans: Sequence[ChannelPlan],
    window: Window,
    *,
    interval: Interval,
    zone: ZoneInfo,
    kept: dt.timedelta,
    now: dt.datetime,
    aggregates: Sequence[str],
) -> Source:
    """Return the source of a period; asks the database only where days may do.

    Energy is never made of days: they do not tell for how long nothing came.

    Args: kept: how long samples stay. Rollups of what is older answer also for few samples.
    """
    settled = now - SETTLES_AFTER
    is_wide = interval.days > 0 or interval.months > 0 or interval.seconds >= QUARTER.seconds
    if not is_wide or not _fit_quarters(window.edges) or _is_small(plans, window, now - kept):
        return Source(RAW, settled, zone)
    may_be_days = not interval.seconds and "energy" not in aggregates
    if may_be_days and days_are_cut([plan.channel_id for plan in plans], zone):
        return Source(DAYS, settled, zone)
    return Source(QUARTERS, settled, zone)


def _is_small(plans: Sequence[ChannelPlan], window: Window, oldest: dt.datetime) -> bool:
    period = window.until - window.start
    samples = sum(period / plan.expected for plan in plans)
    return samples <= FEW_SAMPLES and window.start >= oldest


def _fit_quarters(edges: Sequence[dt.datetime]) -> bool:
    """Tell whether no bucket begins within a quarter hour of UTC: Monrovia's did until 1972."""
    return all(edge == floor_quarter(edge) for edge in edges)
