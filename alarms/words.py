"""Alarm rules in words, in the active language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from alarms.models import AlarmRule
from alarms.rules.definition import (
    InState,
    LastWeek,
    NoData,
    Rate,
    RuleDefinition,
    Slot,
    Threshold,
    When,
    read_rule,
)
from devices.labels import name_channel
from energy.lib.units import symbol
from metering.words import shown


def describe_rule(definition: RuleDefinition | dict[str, Any], unit: str) -> str:
    """Say in one line when an alarm is raised and when it ends.

    Such as: Value above 30 °C, for 5 min; ends at or below 28 °C; only Mon–Fri 08:00–18:00

    Args: definition: also as it is stored. unit: stored unit of the channel; blank: none known.
    Raises: BadRule.
    """
    rule = read_rule(definition) if isinstance(definition, dict) else definition
    begin = [describe_condition(rule.when, unit)]
    if rule.for_seconds:
        begin.append(_("for %(time)s") % {"time": length(rule.for_seconds)})
    if rule.times > 1:
        text = ngettext("%(count)d reading in a row", "%(count)d readings in a row", rule.times)
        begin.append(text % {"count": rule.times})
    parts = [", ".join(begin), _describe_end(rule, unit)]
    if rule.active:
        parts.append(_("only %(times)s") % {"times": describe_week(rule.active)})
    return "; ".join(part for part in parts if part)


def describe_condition(when: When, unit: str) -> str:
    """Say what is wrong, without how long and when."""
    match when:
        case Threshold(above=above, below=below):
            return _threshold(above, below, unit)
        case Rate(above=above, below=below):
            return _either(above, below, _rise(unit), _fall(unit))
        case LastWeek(above=above, below=below):
            return _either(above, below, _more, _less)
        case InState(values=values):
            return _("State is %(values)s") % {"values": _or([_number(v) for v in values])}
        case NoData(seconds=seconds):
            return _("No data for %(time)s") % {"time": length(seconds)}


def describe_week(slots: Iterable[Slot]) -> str:
    """Say which part of the week, such as: Mon–Fri 08:00–18:00, Sat 08:00–12:00."""
    texts = []
    for slot in slots:
        days, hours = _days(slot.days), f"{slot.start}–{slot.end}"
        if (slot.start, slot.end) == ("00:00", "24:00"):
            texts.append(days or _("all day"))
        else:
            texts.append(f"{days} {hours}".strip())
    return ", ".join(texts)


def length(seconds: int) -> str:
    """Return a length of time exactly.

    >>> length(90), length(7200)
    ('1 min 30 s', '2 h')
    """
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        _("%(number).0f d") % {"number": days} if days else "",
        _("%(number)d h") % {"number": hours} if hours else "",
        _("%(number)d min") % {"number": minutes} if minutes else "",
        _("%(number)d s") % {"number": left} if left or not seconds else "",
    ]
    return " ".join(part for part in parts if part)


def amount(value: float, unit: str) -> str:
    """Return a value with its unit as people write them, with all of its digits."""
    return f"{_number(value)} {symbol(unit)}".strip()


def _describe_end(rule: RuleDefinition, unit: str) -> str:
    """Say when it ends where that is not just when it stops being wrong."""
    ends = _ends(rule.when, unit)
    if not rule.clear_seconds:
        return _("ends %(values)s") % {"values": ends} if ends else ""
    time = {"time": length(rule.clear_seconds), "values": ends}
    if ends:
        return _("ends %(values)s, for %(time)s") % time
    return _("ends when all right for %(time)s") % time


def _ends(when: When, unit: str) -> str:
    if isinstance(when, InState | NoData):
        return ""
    say = _percent if isinstance(when, LastWeek) else lambda value: amount(value, unit)
    texts = []
    if when.clear_above is not None and when.clear_above != when.above:
        texts.append(_("at or below %(value)s") % {"value": say(when.clear_above)})
    if when.clear_below is not None and when.clear_below != when.below:
        texts.append(_("at or above %(value)s") % {"value": say(when.clear_below)})
    return _(" and ").join(texts)


_Text = Callable[[float], str]


def _either(above: float | None, below: float | None, upper: _Text, lower: _Text) -> str:
    texts = [] if above is None else [upper(above)]
    return _or(texts if below is None else [*texts, lower(below)])


def _or(texts: Sequence[str]) -> str:
    return _(" or ").join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _threshold(above: float | None, below: float | None, unit: str) -> str:
    values = {
        name: amount(value, unit)
        for name, value in (("above", above), ("below", below)) if value is not None
    }  # fmt: skip
    if len(values) == 2:
        return _("Value above %(above)s or below %(below)s") % values
    return (_("Value above %(above)s") if values.get("above") else _("Value below %(below)s")) % (
        values
    )


def _rise(unit: str) -> _Text:
    return lambda value: (
        _("Any rise") if value == 0
        else _("Rise of more than %(value)s a minute") if value > 0
        else _("Change above %(value)s a minute")
    ) % {"value": amount(value, unit)}  # fmt: skip


def _fall(unit: str) -> _Text:
    return lambda value: (
        _("Any fall") if value == 0
        else _("Fall of more than %(value)s a minute") % {"value": amount(-value, unit)}
        if value < 0
        else _("Change below %(value)s a minute") % {"value": amount(value, unit)}
    )  # fmt: skip


def _more(percent: float) -> str:
    text = (
        _("More than %(percent)s above the same time last week") if percent >= 0
        else _("Less than %(percent)s below the same time last week")
    )  # fmt: skip
    return text % {"percent": _percent(abs(percent))}


def _less(percent: float) -> str:
    text = (
        _("More than %(percent)s below the same time last week") if percent <= 0
        else _("Less than %(percent)s above the same time last week")
    )  # fmt: skip
    return text % {"percent": _percent(abs(percent))}


def _percent(value: float) -> str:
    return _("%(number)s %%") % {"number": _number(value)}


def _number(value: float) -> str:
    return shown(Decimal(repr(value)))


def _days(days: Sequence[int]) -> str:
    """Name ISO weekdays, three and more in a row as a span; all of them need no name.

    >>> _days((1, 2, 3, 7)), _days(())
    ('Mon–Wed, Sun', '')
    """
    found = sorted(set(days))
    if len(found) in (0, 7):
        return ""
    runs: list[list[int]] = []
    for day in found:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = []
    for run in runs:
        words = [str(WEEKDAYS_ABBR[day - 1]) for day in run]
        names += [f"{words[0]}–{words[-1]}"] if len(run) > 2 else words
    return ", ".join(names)


def describe_scope(rule: AlarmRule) -> str:
    """Say what a rule watches, such as: Voltage L1 · Izmir plant · tag cooling."""
    if rule.channel is not None:
        label = name_channel(rule.channel.name, rule.channel.label).label
        return f"{label} · {rule.channel.device.name}"
    parts = [name_channel(rule.metric, "").label]
    parts += [str(part) for part in (rule.device, rule.site, rule.profile) if part]
    if rule.tag:
        parts.append(_("tag %(tag)s") % {"tag": rule.tag})
    return " · ".join(parts if len(parts) > 1 else [*parts, _("all devices")])
