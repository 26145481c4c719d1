"""Which runs are begun when somebody looks, and which have been missed."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from automation.schedules.definition import ScheduleDefinition, Window
from automation.schedules.occurrences import Run, runs_between
from automation.schedules.place import Where

MOST = 1_000  # runs in one look; the rest comes with the next one


class Look(NamedTuple):
    """What a look at a schedule leads to.

    due: to be begun now, in order. missed: not begun any more. position: what has been
    looked at so far; the next look goes on there.
    """

    due: list[Run]
    missed: list[Run]
    position: dt.datetime


def look(
    schedule: ScheduleDefinition, where: Where, *, position: dt.datetime, now: dt.datetime
) -> Look:
    """Return what is due since the last look.

    Args: where: as for `runs_between`.

    Looking often or seldom gives the same runs as long as none is late. A clock that was set
    back finds nothing: what was looked at is not looked at again.
    """
    if now <= position:
        return Look([], [], position)
    runs = runs_between(schedule, where, position, now, most=MOST)
    reached = runs[-1].at if len(runs) >= MOST else now
    if isinstance(schedule.when, Window):
        return Look(runs[-1:], runs[:-1], reached)
    late = [run for run in runs if now - run.at > dt.timedelta(seconds=schedule.late_seconds)]
    kept = {"skip": [], "last": late[-1:], "all": late}[schedule.missed]
    fresh = runs[len(late) :]
    if schedule.missed == "last" and fresh:
        kept = []  # what is due anyway makes up for them
    return Look([*kept, *fresh], late[: len(late) - len(kept)], reached)
