"""The part "Data quality" of a device's page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from devices.labels import name_channel
from devices.models import Device
from devices.queries_device_parts import Part
from telemetry.quality import Quality
from telemetry.truth.models import ChannelDay, Grade, SampleCorrection
from telemetry.truth.queries import (
    CORRECTIONS,
    DAYS,
    ChannelQuality,
    corrections_of,
    gaps_of,
    quality_of,
    sequences_of,
    worst_of,
)
from telemetry.truth.words import explain

BADGES = {Grade.GOOD: "good", Grade.FAIR: "late", Grade.POOR: "bad", Grade.UNKNOWN: "silent"}
BAR_WIDTH, BAR_HEIGHT = 8, 28
SHOWN_GAPS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One day in the row of bars, as numbers of an SVG."""

    x: int
    y: float
    height: float
    grade: str


@dataclass(frozen=True, slots=True)
class QualityRow:
    """A channel as the page shows it."""

    quality: ChannelQuality
    badge: str
    bars: list[Bar]
    words: list[str]
    label: str
    order: tuple[int, int, str]

    @property
    def percent(self) -> float | None:
        """Return how complete the newest day is."""
        newest = self.quality.newest
        if newest is None or newest.completeness is None:
            return None
        return newest.completeness * 100


def _read(device: Device, now: dt.datetime) -> dict[str, Any]:
    rows = sorted(map(_row, quality_of(device, now=now)), key=lambda row: row.order)
    judged = [row for row in rows if row.quality.newest is not None]
    grade = Grade(worst_of([row.quality.grade for row in rows]))
    return {
        "quality_rows": judged,
        "unjudged": len(rows) - len(judged),
        "quality_grade": grade,
        "quality_badge": BADGES[grade],
        "channels": [(row.quality.channel, row.label) for row in rows],
        "sequence": sequences_of(device).first(),
        "gaps": list(gaps_of(device)[:SHOWN_GAPS]),
        "has_given_up": gaps_of(device).filter(given_up_at__isnull=False).exists(),
        "corrections": [_correction(row) for row in corrections_of(device)[:CORRECTIONS]],
        "qualities": [(q.label, _LABELS[q]) for q in _LABELS],
        "days_shown": DAYS,
    }


def _row(quality: ChannelQuality) -> QualityRow:
    words = explain(quality.newest) if quality.newest else []
    naming = name_channel(quality.channel.name, quality.channel.label)
    return QualityRow(
        quality, BADGES[Grade(quality.grade)], _bars(quality.days), words,
        label=naming.label, order=naming.order,
    )  # fmt: skip


def _correction(row: SampleCorrection) -> tuple[SampleCorrection, str]:
    return row, name_channel(row.channel.name, row.channel.label).label


def _bars(days: list[ChannelDay]) -> list[Bar]:
    """A day without a share is a full bar in its colour: nothing was expected of it."""
    bars = []
    for number, day in enumerate(days[-DAYS:]):
        share = 1.0 if day.completeness is None else max(day.completeness, 0.05)
        height = round(BAR_HEIGHT * share, 1)
        bars.append(Bar(number * BAR_WIDTH, BAR_HEIGHT - height, height, day.grade))
    return bars


_LABELS = {
    Quality.MANUAL: _("Read by a person"),
    Quality.ESTIMATED: _("Estimated"),
    Quality.GOOD: _("Good"),
    Quality.UNCERTAIN: _("Uncertain"),
    Quality.BAD: _("Bad: not to be used"),
}

QUALITY = Part("quality", _("Data quality"), ("read:telemetry",), _read)
