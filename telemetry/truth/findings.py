"""Figures of one day of a channel from its quarters of an hour, and what they make suspicious."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from devices.models import Direction, Kind
from telemetry.storage.batches import RollupBatch
from telemetry.truth.models import Grade

QUARTER = 900.0
GAP_INTERVALS = 3.0
ENOUGH, TOO_LITTLE = 0.98, 0.9
LATE_SECONDS = 900.0
AHEAD_SECONDS, DRIFT_SECONDS = -2.0, 2.0
# around 1,000: W taken for kW, or the other way round
THOUSANDFOLD = (300.0, 3000.0)
FORMER_DAYS = 3  # before a mean can be suspicious

# codes, those first that make a day poor
SCALE, SIGN, STUCK, RESETS, LATE, CLOCK, DRIFT, GAPS = (
    "scale", "sign", "stuck", "resets", "late", "clock", "drift", "gaps",
)  # fmt: skip
_POOR = {SCALE, SIGN}


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What is known of a channel's day besides its values.

    `start` and `end` are the edges of the part that counts, in s since 1970: from the first
    value ever, or since the channel is known here, until now. `interval`: s expected between
    values, None where none is.
    `is_history`: the day was over when the channel became known here.
    `former_means`: of days before. `clock_offset`, `former_offset`: smallest lateness in s.
    """

    kind: str
    direction: str
    start: float
    end: float
    interval: float | None
    stuck_after: float | None = None
    is_history: bool = False
    former_means: tuple[float, ...] = ()
    clock_offset: float | None = None
    former_offset: float | None = None
    lateness_p95: float | None = None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The computed columns of a ChannelDay."""

    expected: int | None = None
    received: int = 0
    good: int = 0
    completeness: float | None = None
    gaps: int = 0
    longest_gap_seconds: int = 0
    stuck_seconds: int = 0
    falls: int = 0
    mean: float | None = None
    noise: float | None = None
    clock_drift: float | None = None
    findings: list[str] = field(default_factory=list)
    grade: str = Grade.UNKNOWN


def judge_day(rows: RollupBatch, facts: DayFacts) -> DayFigures:
    """Return the figures of a day; `rows` are its quarters in order of time.

    History is measured against its own rhythm.
    """
    if facts.is_history:
        facts = replace(facts, interval=_own_rhythm(rows, facts.interval))
    received = int(rows["count"].sum())
    # seconds as a float are exact to 1 µs, and the first value ever shall count
    counting = rows[rows["last_time"] >= facts.start * 1e6 - 1]
    expected, completeness = _completeness(counting, facts)
    gaps, longest = _gaps(counting, facts)
    figures = DayFigures(
        expected=expected,
        received=received,
        good=int(rows["good"].sum()),
        completeness=completeness,
        gaps=gaps,
        longest_gap_seconds=int(longest),
        stuck_seconds=int(_stuck(rows)),
        falls=_falls(rows) if facts.kind == Kind.COUNTER else 0,
        mean=_mean(rows),
        noise=_noise(rows),
        clock_drift=_drift(facts),
    )
    findings = _find(rows, facts, figures)
    return replace(figures, findings=findings, grade=_grade(figures, findings))


def _own_rhythm(rows: RollupBatch, interval: float | None) -> float | None:
    """Return the s between values of a usual quarter, where that is longer than expected."""
    if interval is None or not len(rows):
        return interval
    return max(interval, QUARTER / float(np.median(rows["count"])))


def _completeness(rows: RollupBatch, facts: DayFacts) -> tuple[int | None, float | None]:
    """A burst does not make up for a hole: each quarter counts no more than it should have."""
    seconds = facts.end - facts.start
    if facts.interval is None or facts.kind == Kind.STATE or seconds < facts.interval:
        return None, None
    expected = max(1, int(seconds // facts.interval))
    most = max(1.0, QUARTER / facts.interval)
    counted = float(np.minimum(rows["count"], most).sum())
    return expected, min(1.0, counted / expected)


def _gaps(rows: RollupBatch, facts: DayFacts) -> tuple[int, float]:
    """Return how often values were away for three intervals, and for how long at most."""
    if facts.interval is None or facts.kind == Kind.STATE:
        return 0, 0.0
    firsts = np.append(rows["first_time"] / 1e6, facts.end)
    lasts = np.append(facts.start, rows["last_time"] / 1e6)
    away = firsts - lasts
    found = away[away > GAP_INTERVALS * facts.interval]
    return len(found), float(found.max()) if len(found) else 0.0


def _stuck(rows: RollupBatch) -> float:
    """Return the longest time that a value other than 0 stayed the same."""
    longest = 0.0
    since: float | None = None
    value = 0.0
    for row in rows:
        is_same = row["minimum"] == row["maximum"] and row["first"] != 0.0
        if not is_same:
            since = None
        elif since is None or row["first"] != value:
            since, value = float(row["first_time"]), float(row["first"])
        if since is not None:
            longest = max(longest, float(row["last_time"]) - since)
    return longest / 1e6


def _falls(rows: RollupBatch) -> int:
    within = rows["last"] < rows["first"]
    between = rows["first"][1:] < rows["last"][:-1]
    return int(within.sum() + between.sum())


def _mean(rows: RollupBatch) -> float | None:
    usable = np.isfinite(rows["sum"])
    count = int(rows["count"][usable].sum())
    return float(rows["sum"][usable].sum() / count) if count else None


def _noise(rows: RollupBatch) -> float | None:
    several = rows[rows["count"] > 1]
    return float(np.median(several["maximum"] - several["minimum"])) if len(several) else None


def _drift(facts: DayFacts) -> float | None:
    if facts.clock_offset is None or facts.former_offset is None:
        return None
    # a day that came after the fact, as a backfill does, tells nothing of the clock
    if max(facts.clock_offset, facts.former_offset) > LATE_SECONDS:
        return None
    return facts.clock_offset - facts.former_offset


def _find(rows: RollupBatch, facts: DayFacts, figures: DayFigures) -> list[str]:
    stuck_after = facts.stuck_after
    tests = {
        SCALE: _is_scaled(figures.mean, facts.former_means),
        SIGN: _is_inverted(rows, facts, figures),
        STUCK: stuck_after is not None and figures.stuck_seconds >= stuck_after,
        RESETS: figures.falls > 0,
        LATE: (facts.lateness_p95 or 0.0) > LATE_SECONDS,
        CLOCK: facts.clock_offset is not None and facts.clock_offset < AHEAD_SECONDS,
        DRIFT: figures.clock_drift is not None and abs(figures.clock_drift) > DRIFT_SECONDS,
        GAPS: figures.gaps > 0,
    }
    return [code for code, is_so in tests.items() if is_so]


def _is_scaled(mean: float | None, former: tuple[float, ...]) -> bool:
    if mean is None or len(former) < FORMER_DAYS:
        return False
    usual = abs(median(former))
    if usual < 1e-9 or abs(mean) < 1e-9:
        return False
    ratio = abs(mean) / usual
    low, high = THOUSANDFOLD
    return low <= ratio <= high or low <= 1 / ratio <= high


def _is_inverted(rows: RollupBatch, facts: DayFacts, figures: DayFigures) -> bool:
    """Import and export are never negative; a counter that mostly falls counts backwards."""
    if not len(rows):
        return False
    if facts.kind == Kind.COUNTER:
        return figures.falls > len(rows) / 2 and rows["last"][-1] < rows["first"][0]
    if facts.direction in {Direction.IMPORT, Direction.EXPORT}:
        return bool((rows["minimum"] < 0).mean() >= 0.25)
    return False


def _grade(figures: DayFigures, findings: list[str]) -> str:
    share = figures.completeness
    if not figures.received and not figures.expected:
        return Grade.UNKNOWN
    if _POOR & set(findings) or (share is not None and share < TOO_LITTLE):
        return Grade.POOR
    if set(findings) - {GAPS} or (share is not None and share < ENOUGH):
        return Grade.FAIR
    return Grade.GOOD
