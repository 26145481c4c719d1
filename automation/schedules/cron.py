"""Cron lines over local times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache

from cronsim import CronSim, CronSimError

from automation.schedules.refusal import BadSchedule

_SOME_DAY = dt.datetime(2026, 1, 1)  # noqa: DTZ001 (a local time)


def check_cron(line: str) -> None:
    """Refuse what is no cron line of five fields, or names a day that never comes.

    Raises: BadSchedule.
    """
    if len(line.split()) != 5:
        raise BadSchedule(
            "bad_cron", "when.line", "Write five fields: minute, hour, day, month, weekday."
        )
    try:
        next(CronSim(line, _SOME_DAY))
    except CronSimError as error:
        raise BadSchedule("bad_cron", "when.line", f"{error}.") from None
    except StopIteration:
        raise BadSchedule("never", "when.line", "This day never comes.") from None


@lru_cache(maxsize=1_024)
def is_of_every_hour(line: str) -> bool:
    """Tell whether a line names all hours, so that it is a rhythm rather than a time of day."""
    return len(CronSim(line, _SOME_DAY).hours) == 24


def local_times(line: str, day: dt.date, after: dt.datetime | None = None) -> Iterator[dt.datetime]:
    """Yield the times of a day on a clock that is never changed; with `after` those later."""
    start = dt.datetime.combine(day, dt.time()) - dt.timedelta(seconds=1)
    if after is not None and after.date() > day:
        return
    for at in CronSim(line, max(start, after or start)):
        if at.date() != day:
            return
        yield at


def next_day(line: str, day: dt.date) -> dt.date | None:
    """Return the first day with a run that is not before `day`; None if there is none."""
    start = dt.datetime.combine(day, dt.time()) - dt.timedelta(seconds=1)
    found: dt.datetime | None = next(CronSim(line, start), None)
    return found.date() if found else None
