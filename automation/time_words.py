"""Times of schedules in words, in the active language."""

from __future__ import annotations

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


def describe_times(schedule: ScheduleDefinition) -> str:
    """Say when something happens, such as: it is 06:00 or 18:00 (Mon–Fri)."""
    match schedule.when:
        case Times(at=at):
            text = _("it is %(times)s") % {"times": _(" or ").join(at)}
        case Every(seconds=seconds, start=start, end=end):
            text = _("%(time)s have passed again") % {"time": length(seconds)}
            if start != end:
                text += f" ({start}–{end})"
        case Window(start=start):
            text = _("it is %(times)s") % {"times": start}
        case Once(at=at):
            text = _("it is %(times)s") % {"times": at.replace("T", " ")}
        case Cron(line=line):
            text = _("the cron line %(line)s fits") % {"line": line}
        case Sun() as sun:
            text = _sun(sun)
    return text + _limits(schedule)


def _sun(sun: Sun) -> str:
    text = {
        "sunrise": _("the sun rises"), "sunset": _("the sun sets"),
        "dawn": _("dawn begins"), "dusk": _("dusk ends"),
    }[sun.event]  # fmt: skip
    if not sun.offset:
        return text
    values = {"what": text, "time": length(abs(sun.offset) * 60)}
    return (_("%(time)s after %(what)s") if sun.offset > 0 else _("%(time)s before %(what)s")) % (
        values
    )


def _limits(schedule: ScheduleDefinition) -> str:
    found = []
    if schedule.days:
        found.append(describe_week([Slot(days=schedule.days, start="00:00", end="24:00")]))
    if schedule.first:
        found.append(_("from %(day)s") % {"day": schedule.first.isoformat()})
    if schedule.last:
        found.append(_("until %(day)s") % {"day": schedule.last.isoformat()})
    if schedule.holidays != "ignore":
        found.append(
            _("not on public holidays") if schedule.holidays == "skip"
            else _("on public holidays only")
        )  # fmt: skip
    return f" ({', '.join(found)})" if found else ""
