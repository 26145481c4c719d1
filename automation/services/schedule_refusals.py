"""Why a schedule is not saved or run, in words for people and with a code for programs."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from accounts.services.refusals import DetailedRefusal
from automation.actions import BadActions
from automation.schedules.refusal import BadSchedule

# what the pure parts say, so that it is translated
_KNOWN = frozenset({
    _("A time stands there twice."),
    _("A day stands there twice."),
    _("The window has no length."),
    _("The last day is before the first one."),
    _("There is no such day or time."),
    _("That day of the week is not among the days."),
    _("The only day is among those left out."),
    _("Write five fields: minute, hour, day, month, weekday."),
    _("This day never comes."),
    _("Name the country of the holidays."),
    _("Its holidays are not known; use a code such as DE."),
    _("The country has no such part; use a code such as BY."),
    _("Nothing follows this delay; remove it."),
})  # fmt: skip


class ScheduleRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where.

    A field of the times is such as `definition.when.to`, one of what is done such as
    `actions[0].device` or `end_actions[1].seconds`.
    """


def refusal_of(error: BadSchedule | BadActions, prefix: str) -> ScheduleRefused:
    """Return what is wrong, in the active language where we know the words.

    Args: prefix: the field of the schedule, such as `definition`.
    """
    detail = gettext(error.message) if error.message in _KNOWN else error.message
    joint = "" if not error.field or error.field.startswith("[") else "."
    return ScheduleRefused(error.code, detail, f"{prefix}{joint}{error.field}")
