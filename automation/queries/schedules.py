"""Schedules of the tenant in scope, and when they run."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models import Q, QuerySet

from automation.action_words import describe_actions
from automation.actions import BadActions, read_actions
from automation.models import Schedule
from automation.queries.rule_words import load_words
from automation.schedule_words import describe_schedule
from automation.schedules.definition import BadSchedule, ScheduleDefinition, read_schedule
from automation.schedules.occurrences import Run, runs_after
from automation.services.timing import place_of_site
from automation.words import Words
from devices.models import Site

ORDERINGS = {"name": "name", "created_at": "created_at"}
PREVIEWED = 10


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule in words. problem: why it cannot be followed, blank: it can."""

    schedule: Schedule
    words: str
    actions: Sequence[str]
    end_actions: Sequence[str]
    problem: str


def find_schedules(
    *,
    site_id: uuid.UUID | None = None,
    zone_id: uuid.UUID | None = None,
    is_enabled: bool | None = None,
    text: str = "",
) -> QuerySet[Schedule]:
    """Return schedules with their site and zone, not in order; what is None lets all through."""
    wanted = Q(name__icontains=text)
    if site_id is not None:
        wanted &= Q(site_id=site_id)
    if zone_id is not None:
        wanted &= Q(zone_id=zone_id)
    if is_enabled is not None:
        wanted &= Q(is_enabled=is_enabled)
    return Schedule.objects.filter(wanted).select_related("site", "zone")


def find_schedule(schedule_id: uuid.UUID) -> Schedule | None:
    """Return a schedule with its site and zone; None if there is none."""
    return find_schedules().filter(id=schedule_id).first()


def rows_of(schedules: Iterable[Schedule]) -> list[ScheduleRow]:
    """Return schedules in words, in the active language."""
    found = list(schedules)
    words = load_words([{"then": [*one.actions, *one.end_actions]} for one in found])
    return [_row(one, words) for one in found]


def coming_runs(definition: ScheduleDefinition, site: Site, after: dt.datetime) -> list[Run]:
    """Return the next runs of times at a site, ten at most."""
    return list(islice(runs_after(definition, place_of_site(site), after), PREVIEWED))


def said_of(schedule: Schedule) -> tuple[str, str]:
    """Return the times of a schedule in words, and why it cannot be followed; one is blank."""
    try:
        read_actions(schedule.actions)
        read_actions(schedule.end_actions)
        return describe_schedule(read_schedule(schedule.definition)), ""
    except (BadSchedule, BadActions) as error:
        return "", str(error)


def _row(schedule: Schedule, words: Words) -> ScheduleRow:
    said, problem = said_of(schedule)
    if problem:
        return ScheduleRow(schedule, said, [], [], problem)
    actions, end_actions = (
        list(describe_actions(read_actions(given), words))
        for given in (schedule.actions, schedule.end_actions)
    )
    return ScheduleRow(schedule, said, actions, end_actions, "")
