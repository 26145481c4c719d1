"""When schedules run, in words, in the active language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from alarms.rules.definition import Slot
from alarms.words import describe_week, length
from automation.schedules.definition import (
    Cron,
    Every,
    Once,
    ScheduleDefinition,
    Sun,
    Times,
    Window,
)


def describe_schedule(schedule: ScheduleDefinition) -> str:
    """Say when it runs, such as: 06:00, 18:00 · Mon–Fri · not on public holidays."""
    return " · ".join([_when(schedule), *_limits(schedule)])


def _when(schedule: ScheduleDefinition) -> str:
    match schedule.when:
        case Times(at=at):
            return ", ".join(sorted(at))
        case Every(seconds=seconds, start=start, end=end):
            text = _("every %(time)s") % {"time": length(seconds)}
            return text if start == end else f"{text}, {start}–{end}"
        case Window(start=start, end=end):
            return _("from %(start)s until %(end)s") % {"start": start, "end": end}
        case Once() as once:
            return _("once: %(moment)s") % {
                "moment": date_format(once.moment, "SHORT_DATETIME_FORMAT")
            }
        case Cron(line=line):
            return _("cron %(line)s") % {"line": line}
        case Sun() as sun:
            return _sun(sun)
    raise TypeError(schedule)


def _sun(sun: Sun) -> str:
    name = str(
        {
            "sunrise": _("sunrise"), "sunset": _("sunset"), "dawn": _("dawn"), "dusk": _("dusk"),
        }[sun.event]
    )  # fmt: skip
    if not sun.offset:
        return name
    values = {"time": length(abs(sun.offset) * 60), "event": name}
    return (_("%(time)s after %(event)s") if sun.offset > 0 else _("%(time)s before %(event)s")) % (
        values
    )


def _limits(schedule: ScheduleDefinition) -> Iterator[str]:
    if schedule.days:
        yield describe_week([Slot(days=schedule.days, start="00:00", end="24:00")])
    if schedule.first:
        yield _("from %(day)s") % {"day": _day(schedule.first)}
    if schedule.last:
        yield _("until %(day)s") % {"day": _day(schedule.last)}
    if schedule.holidays != "ignore":
        where = "-".join(filter(None, [schedule.country, schedule.subdivision]))
        text = (
            _("not on public holidays (%(where)s)")
            if schedule.holidays == "skip"
            else _("only on public holidays (%(where)s)")
        )
        yield text % {"where": where}
    if schedule.except_:
        yield _("not on %(days)s") % {"days": ", ".join(map(_day, schedule.except_[:3]))} + (
            " …" if len(schedule.except_) > 3 else ""
        )


def _day(day: dt.date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")
