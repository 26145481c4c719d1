"""What templates say about alarms."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping

from django import template
from django.utils.formats import number_format

from alarms import life_words
from alarms.life_words import event_text, event_title, state_name
from alarms.models import Alarm, AlarmEvent
from alarms.sources.checks import system_words
from alarms.words import amount
from energy.lib.units import symbol

register = template.Library()


@register.filter
def alarm_title(alarm: Alarm) -> str:
    """Name an alarm in the reader's language, as far as the platform raised it."""
    return system_words(alarm)[0]


@register.filter
def alarm_text(alarm: Alarm) -> str:
    """Return what is said of it; "" where the title says all."""
    title, text, _advice = system_words(alarm)
    return "" if text == title else text


@register.filter
def alarm_advice(alarm: Alarm) -> str:
    """Return what to do."""
    return system_words(alarm)[2]


@register.filter
def alarm_value(alarm: Alarm) -> str:
    """Write the value at the trigger, with the digits of its device; "" without one."""
    if alarm.value is None or not math.isfinite(alarm.value):
        return ""
    decimals = alarm.channel.decimals if alarm.channel else 2
    value = round(alarm.value, decimals)
    text = number_format(value or abs(value), decimals, use_l10n=True, force_grouping=True)
    return f"{text} {symbol(alarm.unit)}".strip()


@register.filter
def alarm_limit(alarm: Alarm) -> str:
    """Write the limit that was passed; "" without one."""
    if alarm.limit is None or not math.isfinite(alarm.limit):
        return ""
    return amount(alarm.limit, alarm.unit)


@register.filter
def alarm_state(alarm: Alarm) -> str:
    """Say how things stand with an alarm."""
    return state_name(alarm)


@register.filter
def event_words(event: AlarmEvent) -> str:
    """Say what happened to an alarm."""
    return event_title(event)


@register.filter
def event_note(event: AlarmEvent) -> str:
    """Return what was said with it."""
    return event_text(event)


@register.filter
def of_site(counts: Mapping[uuid.UUID, int], site_id: uuid.UUID) -> int:
    """Return the number of a site."""
    return counts.get(site_id, 0)


@register.filter
def lasting(seconds: float | None) -> str:
    """Write a length of time; a dash where there is none."""
    return "–" if seconds is None else life_words.lasting(seconds)
