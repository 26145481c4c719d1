"""Rules and back-tests as templates show them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alarms.models import AlarmRuleVersion
from alarms.queries.rules import RuleRow
from alarms.rules.definition import BadRule
from alarms.services.backtest import BackTest, Firing
from alarms.words import amount, describe_rule, describe_scope, length
from devices.labels import name_channel
from devices.models import Severity

SHOWN = 50
_HEIGHT = 60.0


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in a list."""

    row: RuleRow
    words: str
    scope: str
    severity: str
    severity_name: str


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in a list."""

    version: AlarmRuleVersion
    words: str
    is_newest: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """How many alarms began on a day; sizes in percent of the chart, heights in its units."""

    day: dt.date
    count: int
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class FiringLine:
    """An alarm that there would have been."""

    firing: Firing
    channel: str
    value: str
    time: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A back-test with its chart and list."""

    found: BackTest
    days: int
    bars: list[Bar]
    most: int
    lines: list[FiringLine]
    more: int
    longest: str


def line_of(row: RuleRow) -> RuleLine:
    """Return a rule as the list shows it."""
    severity = row.version.definition.get("severity", "warning") if row.version else ""
    return RuleLine(
        row, _words(row.version, row.unit), describe_scope(row.rule), severity,
        str(Severity(severity).label) if severity in Severity.values else "",
    )  # fmt: skip


def versions_as_lines(versions: Iterable[AlarmRuleVersion], unit: str) -> list[VersionLine]:
    """Return versions, the newest first."""
    return [
        VersionLine(version, _words(version, unit), place == 0)
        for place, version in enumerate(versions)
    ]


def show_test(found: BackTest, zone: ZoneInfo) -> Tried:
    """Return what the template draws and lists. Args: zone: of the days."""
    per_day = dict(found.days)
    first, last = (at.astimezone(zone).date() for at in (found.start, found.end))
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    most = max(per_day.values(), default=0)
    return Tried(
        found, (found.end - found.start).days,
        [_bar(day, place, len(days), per_day.get(day, 0), most) for place, day in enumerate(days)],
        most, [_line(one, found.unit) for one in found.listed[:SHOWN]],
        max(0, found.fired - SHOWN), length(round(found.longest)),
    )  # fmt: skip


def _bar(day: dt.date, place: int, count: int, number: int, most: int) -> Bar:
    width = 100 / count
    height = number / most * _HEIGHT if most else 0
    return Bar(
        day, number, f"{place * width + width * 0.1:.2f}%", f"{_HEIGHT - height:.1f}",
        f"{width * 0.8:.2f}%", f"{height:.1f}",
    )  # fmt: skip


def _line(one: Firing, unit: str) -> FiringLine:
    label = name_channel(one.channel.name, one.channel.label).label
    value = amount(float(f"{one.value:.6g}"), unit) if unit else ""
    return FiringLine(one, f"{one.channel.device.name}: {label}", value, length(round(one.seconds)))


def _words(version: AlarmRuleVersion | None, unit: str) -> str:
    try:
        return describe_rule(version.definition, unit) if version else ""
    except BadRule:
        return ""
