"""The schedules of a phase: rows of their own while it lasts; the clock runs them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from automation.actions import Action, CommandAction, write_actions
from automation.control.recipe import Phase, PhaseSchedule
from automation.models import Origin, Schedule, ZoneControl, ZoneRole
from automation.schedules.definition import (
    ScheduleDefinition,
    Window,
    read_schedule,
    write_schedule,
)
from automation.schedules.missed import look
from automation.schedules.occurrences import Edge
from automation.schedules.place import Place
from automation.services.executions import Wanted, begin_executions
from devices.models import Site

# a window of today may have begun yesterday
_BACK = dt.timedelta(days=2)


def begin_schedules(
    control: ZoneControl, phase: Phase, *, since: dt.datetime, now: dt.datetime
) -> list[Schedule]:
    """Make the schedules of a phase, due to be looked at now.

    Args: since: runs before it are none of theirs; a window that is open now begins now.
    """
    roles = {role.name: role for role in control.roles.all()}
    taken = set(Schedule.objects.values_list("name", flat=True))
    made = []
    for one in phase.schedules:
        if one.role not in roles:  # it was removed while the recipe runs
            continue
        name = _free_name(f"{control.zone.name}: {one.name}", taken)
        taken.add(name)
        is_window = isinstance(one.times.when, Window)
        made.append(
            Schedule.objects.create(
                tenant_id=control.tenant_id,
                control=control,
                site=control.zone.site,
                zone=control.zone,
                name=name,
                definition=write_schedule(one.times),
                actions=_start(one, roles[one.role]),
                end_actions=_stop(roles[one.role]) if is_window else [],
                position=now - _BACK if is_window else since,
                next_at=now,
            )  # fmt: skip
        )
    return made


def end_schedules(
    control: ZoneControl, *, following: Phase | None = None, now: dt.datetime
) -> None:
    """Remove the schedules of the phase that ends; stop what their windows hold on now.

    Args: following: what it goes on to hold is not stopped in between.
    """
    kept = _held(following, control, now)
    for schedule in Schedule.objects.filter(control=control).order_by("id"):
        definition = read_schedule(schedule.definition)
        is_open = schedule.is_enabled and _is_open(definition, control.zone.site, now)
        if is_open and schedule.end_actions and schedule.end_actions not in kept:
            begin_executions([_ending(schedule, control, now)], now=now)
        schedule.delete()


def _held(
    phase: Phase | None, control: ZoneControl, now: dt.datetime
) -> list[list[dict[str, object]]]:
    """Return how to stop what windows of a phase hold on at this moment."""
    if phase is None:
        return []
    roles = {role.name: role for role in control.roles.all()}
    return [
        _stop(roles[one.role])
        for one in phase.schedules
        if one.role in roles and _is_open(one.times, control.zone.site, now)
    ]


def _is_open(definition: ScheduleDefinition, site: Site, now: dt.datetime) -> bool:
    if not isinstance(definition.when, Window):
        return False
    place = Place(ZoneInfo(site.timezone), site.latitude, site.longitude)
    runs = look(definition, place, position=now - _BACK, now=now).due
    return bool(runs) and runs[-1].edge == Edge.START


def _ending(schedule: Schedule, control: ZoneControl, now: dt.datetime) -> Wanted:
    return Wanted(
        tenant_id=control.tenant_id, origin=Origin.SCHEDULE, origin_id=schedule.id,
        trigger_key=f"phase-end:{control.turn}", label=schedule.name, triggered_at=now,
        actions=schedule.end_actions, trigger={"kind": "phase_end"},
        site_id=schedule.site_id, zone_id=schedule.zone_id,
    )  # fmt: skip


def _start(one: PhaseSchedule, role: ZoneRole) -> list[dict[str, object]]:
    return _written(
        CommandAction(device=role.device_id, name=role.start, params=role.params | one.params)
    )


def _stop(role: ZoneRole) -> list[dict[str, object]]:
    if not role.stop:
        return []
    return _written(CommandAction(device=role.device_id, name=role.stop, params=role.stop_params))


def _written(action: Action) -> list[dict[str, object]]:
    return write_actions([action])


def _free_name(name: str, taken: set[str]) -> str:
    if name[:100] not in taken:
        return name[:100]
    number = 2
    while f"{name[:94]} ({number})" in taken:
        number += 1
    return f"{name[:94]} ({number})"
