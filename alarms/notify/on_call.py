"""Who is on call: people take turns, and somebody may stand in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alarms.rules.week import Week

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Somebody who takes over for a time; person None: nobody is on call."""

    start: dt.datetime
    end: dt.datetime
    person: str | None


@dataclass(frozen=True, slots=True)
class Rota:
    """People who take turns of whole days, in the zone of the site.

    first: local day on which the first person begins. handover: local time at which turns
    change; where the clock is changed, what the clock on the wall shows. days: length of a
    turn, at least 1. hours: when somebody is on call at all; None: always.
    """

    people: tuple[str, ...]
    first: dt.date
    zone: ZoneInfo
    handover: dt.time = dt.time(8)
    days: int = 7
    hours: Week | None = None
    stand_ins: tuple[StandIn, ...] = ()


def who_is_on_call(rota: Rota, at: dt.datetime) -> str | None:
    """Return who is on call at an aware moment; of several who stand in the one named last."""
    for one in reversed(rota.stand_ins):
        if one.start <= at < one.end:
            return one.person
    if not rota.people or (rota.hours is not None and not rota.hours.holds(at)):
        return None
    turn = _turn(rota, at)
    return rota.people[turn % len(rota.people)] if turn >= 0 else None


def _turn(rota: Rota, at: dt.datetime) -> int:
    local = at.astimezone(rota.zone)
    day = local.date() - (_DAY if local.time() < rota.handover else dt.timedelta())
    return (day - rota.first).days // rota.days
