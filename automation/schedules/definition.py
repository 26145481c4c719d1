"""The form of a schedule, as it is stored and exported.

    {"when": {"kind": "times", "at": ["08:00", "12:00"]}, "days": [1, 2, 3, 4, 5],
     "holidays": "skip", "country": "DE", "subdivision": "BY", "except": ["2026-12-24"]}

All times are local times of the site.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

from automation.schedules.cron import check_cron
from automation.schedules.holiday import check_country
from automation.schedules.refusal import BadSchedule
from energy.lib.documents import read_document

__all__ = [
    "BadSchedule", "Cron", "Every", "Once", "ScheduleDefinition", "Sun", "Times", "When", "Window",
    "check_schedule", "read_schedule", "write_schedule",
]  # fmt: skip

MAX_BYTES = 8_192
MAX_TIMES = 48
MAX_EXCEPT = 100
MAX_OFFSET = 240
LEAST_INTERVAL, MOST_INTERVAL = 60, 86_400

Clock = Annotated[str, msgspec.Meta(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z")]
IsoWeekday = Annotated[int, msgspec.Meta(ge=1, le=7)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class Times(_Strict, frozen=True, tag_field="kind", tag="times"):
    """At these times of each day."""

    at: Annotated[tuple[Clock, ...], msgspec.Meta(min_length=1, max_length=MAX_TIMES)]


class Every(_Strict, frozen=True, tag_field="kind", tag="every"):
    """Again and again, counted from the beginning of the window; it may go past midnight."""

    seconds: Annotated[int, msgspec.Meta(ge=LEAST_INTERVAL, le=MOST_INTERVAL)]
    start: Clock = msgspec.field(default="00:00", name="from")
    end: Clock = msgspec.field(default="00:00", name="to")


class Window(_Strict, frozen=True, tag_field="kind", tag="window"):
    """On at one time, off at another; from 22:00 to 06:00 goes into the next day."""

    start: Clock = msgspec.field(name="from")
    end: Clock = msgspec.field(name="to")


class Once(_Strict, frozen=True, tag_field="kind", tag="once"):
    """At one local time on one day, such as 2026-12-24T18:00."""

    at: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}\Z")]

    @property
    def moment(self) -> dt.datetime:
        """Return the local time. Raises: ValueError."""
        return dt.datetime.fromisoformat(self.at)


class Cron(_Strict, frozen=True, tag_field="kind", tag="cron"):
    """At the minutes of a cron line of five fields, such as `0 6 * * 1-5`."""

    line: Annotated[str, msgspec.Meta(min_length=9, max_length=100)]


class Sun(_Strict, frozen=True, tag_field="kind", tag="sun"):
    """When the sun rises or sets at the site, or dawn begins or dusk ends (civil: 6° below).

    offset: minutes later, or earlier if below zero. The site needs coordinates. On a day on
    which the sun does not do that, as in summer near the poles, there is no run.
    """

    event: Literal["sunrise", "sunset", "dawn", "dusk"]
    offset: Annotated[int, msgspec.Meta(ge=-MAX_OFFSET, le=MAX_OFFSET)] = 0


When = Times | Every | Window | Once | Cron | Sun


class ScheduleDefinition(_Strict, frozen=True):
    """When something is to happen.

    days: of the week, 1 is Monday; none: each. first, last: local days between which it
    holds. except_: local days on which it does not. holidays: whether it leaves out public
    holidays, or holds on no other days; those of `country` (ISO 3166-1, such as DE) and, if
    given, of `subdivision` (such as BY). A window belongs to the day on which it begins.
    missed: what becomes of runs that are late by more than `late_seconds`, because
    nobody was there to begin them: none, the last of them, or all. Of a window only what
    holds now is caught up with: a pump whose time is over is not switched on.
    """

    when: When
    days: Annotated[tuple[IsoWeekday, ...], msgspec.Meta(max_length=7)] = ()
    first: dt.date | None = None
    last: dt.date | None = None
    missed: Literal["skip", "last", "all"] = "skip"
    late_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 300
    holidays: Literal["ignore", "skip", "only"] = "ignore"
    country: Annotated[str, msgspec.Meta(max_length=2)] = ""
    subdivision: Annotated[str, msgspec.Meta(max_length=10)] = ""
    except_: Annotated[tuple[dt.date, ...], msgspec.Meta(max_length=MAX_EXCEPT)] = msgspec.field(
        default=(), name="except"
    )


def read_schedule(document: bytes | dict[str, Any]) -> ScheduleDefinition:
    """Return a schedule, every member of its type and all of it consistent.

    Raises: BadSchedule.
    """
    found = read_document(document, ScheduleDefinition, most_bytes=MAX_BYTES, refuse=BadSchedule)
    check_schedule(found)
    return found


def write_schedule(schedule: ScheduleDefinition) -> dict[str, Any]:
    """Return a schedule as it is stored; what stands at its default is left out."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schedule))
    return written


def check_schedule(schedule: ScheduleDefinition) -> None:
    """Refuse what does not go together. Raises: BadSchedule."""
    match schedule.when:
        case Times(at=at) if len(set(at)) < len(at):
            raise BadSchedule("twice", "when.at", "A time stands there twice.")
        case Window(start=start, end=end) if start == end:
            raise BadSchedule("empty_window", "when.to", "The window has no length.")
        case Once() as once:
            _check_once(once, schedule)
        case Cron(line=line):
            check_cron(line)
    if schedule.first and schedule.last and schedule.last < schedule.first:
        raise BadSchedule("never", "last", "The last day is before the first one.")
    if len(set(schedule.except_)) < len(schedule.except_):
        raise BadSchedule("twice", "except", "A day stands there twice.")
    check_country(schedule.country, schedule.subdivision, is_needed=schedule.holidays != "ignore")


def _check_once(once: Once, schedule: ScheduleDefinition) -> None:
    try:
        day = once.moment.date()
    except ValueError:
        raise BadSchedule("bad_shape", "when.at", "There is no such day or time.") from None
    if schedule.days and day.isoweekday() not in schedule.days:
        raise BadSchedule("never", "days", "That day of the week is not among the days.")
    if day in schedule.except_:
        raise BadSchedule("never", "except", "The only day is among those left out.")
