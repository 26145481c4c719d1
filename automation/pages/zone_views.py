"""Zones as templates show them: gauges, charts and timelines as numbers of an SVG."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from alarms.words import amount
from automation.models import ZoneControl
from automation.pages.recipe_views import describe_hours, places_of
from automation.queries.zones import ControllerRow, ZoneRow
from automation.zone_words import OFF, TROUBLE, WHY

_ROOM = 3.0  # deadbands shown beside the band
BOX = 1_000


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value beside its band: places in percent of the width; None: not known."""

    band_from: float
    band_width: float
    target: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """24 hours: line and band as points of an SVG of 1000 × 1000."""

    lines: Sequence[str]
    band: tuple[float, float, float, float] | None  # x, y, width, height
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class ControllerLine:
    """A controller with its words and pictures."""

    row: ControllerRow
    value: str
    target: str
    why: str
    is_trouble: bool
    gauge: Gauge | None
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """A phase on the timeline; x, width: its place, in percent."""

    number: int
    name: str
    lasts: str
    state: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class ZoneCard:
    """A zone with what its card shows."""

    row: ZoneRow
    lines: Sequence[ControllerLine]
    phases: Sequence[PhaseMark]


def card_of(
    row: ZoneRow, values: dict[int, list[tuple[dt.datetime, float]]] | None = None
) -> ZoneCard:
    """Return a zone as its card shows it. Args: values: of the last 24 hours, for charts."""
    lines = [_line(one, row.control, values, row.now) for one in row.controllers]
    return ZoneCard(row, lines, _phases(row))


def _line(
    one: ControllerRow,
    control: ZoneControl | None,
    values: dict[int, list[tuple[dt.datetime, float]]] | None,
    now: dt.datetime,
) -> ControllerLine:
    why = str(WHY[one.decision.why]) if one.row.is_enabled else str(OFF)
    unit = one.row.channel.unit if one.row.channel else ""
    known = (values or {}).get(one.row.channel_id or 0)
    return ControllerLine(
        one, amount(round(one.seen.value, 3), unit) if one.seen is not None else "",
        _target(one, unit), why,
        one.row.is_enabled and one.decision.why in TROUBLE, _gauge(one),
        _chart(one, control, known, now) if known else None,
    )  # fmt: skip


def _target(one: ControllerRow, unit: str) -> str:
    if one.target is None:
        return ""
    if not one.deadband:
        return amount(round(one.target, 3), unit)
    return f"{amount(round(one.target, 3), '')} ± {amount(round(one.deadband, 3), unit)}"


def _gauge(one: ControllerRow) -> Gauge | None:
    if one.target is None or one.row.channel is None:
        return None
    value = one.seen.value if one.seen is not None and not one.is_old else None
    half = max(one.deadband, abs(one.target) * 0.01, 1e-6) * (1 + _ROOM)
    if value is not None:
        half = max(half, min(abs(value - one.target) * 1.15, half * 8))
    low, whole = one.target - half, 2 * half

    def place(at: float) -> float:
        return round(min(100.0, max(0.0, 100 * (at - low) / whole)), 2)

    begin = place(one.target - one.deadband)
    return Gauge(
        begin, round(place(one.target + one.deadband) - begin, 2), 50.0,
        None if value is None else place(value),
    )  # fmt: skip


def _chart(
    one: ControllerRow,
    control: ZoneControl | None,
    values: Sequence[tuple[dt.datetime, float]],
    now: dt.datetime,
) -> Chart:
    unit = one.row.channel.unit if one.row.channel else ""
    start, span = now - dt.timedelta(hours=24), 86_400
    edges = [value for _at, value in values]
    if one.target is not None:
        edges += [one.target - one.deadband, one.target + one.deadband]
    low, high = min(edges), max(edges)
    room = (high - low or abs(high) or 1.0) * 0.08
    low, high = low - room, high + room

    def across(at: dt.datetime) -> float:
        return round(BOX * max(0.0, (at - start).total_seconds() / span), 1)

    def down(value: float) -> float:
        return round(BOX * (high - value) / (high - low), 1)

    band = None
    if one.target is not None:
        since = control.phase_started_at if control is not None else None
        begin = across(max(since, start)) if since is not None else 0.0
        top = down(one.target + one.deadband)
        height = max(down(one.target - one.deadband) - top, 4.0)
        band = (begin, top, BOX - begin, height)
    words = _("Last 24 hours: from %(low)s to %(high)s") % {
        "low": amount(round(min(v for _at, v in values), 3), ""),
        "high": amount(round(max(v for _at, v in values), 3), unit),
    }  # fmt: skip
    return Chart(list(_lines(values, across, down)), band, low, high, words)


def _lines(
    values: Sequence[tuple[dt.datetime, float]],
    across: Callable[[dt.datetime], float],
    down: Callable[[float], float],
) -> list[str]:
    """Return stretches without gaps of more than half an hour."""
    lines: list[list[str]] = []
    last: dt.datetime | None = None
    for at, value in values:
        if last is None or at - last > dt.timedelta(minutes=30):
            lines.append([])
        lines[-1].append(f"{across(at)},{down(value)}")
        last = at
    return [" ".join(line) for line in lines]


def _phases(row: ZoneRow) -> list[PhaseMark]:
    control = row.control
    if control is None or not control.recipe_state:
        return []
    current = control.phase if row.is_following and control.phase is not None else -1
    return [
        PhaseMark(
            number, phase.name, describe_hours(phase.hours), _state(number, current, row), x, width
        )
        for number, (phase, (x, width)) in enumerate(
            zip(row.phases, places_of(row.phases), strict=True)
        )
    ]


def _state(number: int, current: int, row: ZoneRow) -> str:
    if number == current:
        return "now"
    over = not row.is_following or number < current
    return "over" if over else "coming"
