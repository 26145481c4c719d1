"""What happened to alarms, in the active language; rows hold codes, times and addresses."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from alarms.models import AlarmEvent, Rating
from alarms.quiet_words import change_text, suppression_text
from alarms.words import length

if TYPE_CHECKING:
    from alarms.models import Alarm

Kind = AlarmEvent.Kind
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def event_title(event: AlarmEvent) -> str:
    """Say what happened, in the active language and time zone."""
    if event.kind == Kind.ASSIGNED:
        if not event.text:
            return _("Assigned to nobody")
        return _("Assigned to %(person)s") % {"person": event.text}
    if event.kind == Kind.SNOOZED:
        until = parse_datetime(event.text) if event.text else None
        return _("Snoozed until %(time)s") % {"time": moment(until)} if until else _("Woken")
    if event.kind == Kind.RATED:
        return _("Rated: %(rating)s") % {"rating": rating_name(event.text)}
    return event.get_kind_display()


def event_text(event: AlarmEvent) -> str:
    """Return what was said with it; "" where the title says all."""
    if event.kind == Kind.SUPPRESSED:
        return suppression_text(event.text)
    if event.kind == Kind.CHANGED:
        return change_text(event.text)
    return "" if event.kind in {Kind.ASSIGNED, Kind.SNOOZED, Kind.RATED} else event.text


def rating_name(rating: str) -> str:
    """Return a rating as people read it."""
    return str(Rating(rating).label) if rating in Rating.values else rating


def state_name(alarm: Alarm) -> str:
    """Say in a word or two how things stand with an alarm."""
    if alarm.is_open:
        return _("Acknowledged") if alarm.acknowledged_at else _("Open")
    return alarm.get_ending_display()


def lasting(seconds: float) -> str:
    """Return a length of time in the active language, minutes or hours rounded away.

    >>> lasting(42), lasting(3900), lasting(180_000)
    ('42 s', '1 h 5 min', '2 d 2 h')
    """
    step = 1 if seconds < MINUTE else MINUTE if seconds < DAY else HOUR
    return length(int(seconds // step * step))


def moment(at: dt.datetime) -> str:
    """Return a moment in the active time zone."""
    return date_format(localtime(at), "SHORT_DATETIME_FORMAT")
