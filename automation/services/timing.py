"""Looks at what is due by the clock, and keeps up to when it has been looked at.

Each look is one transaction with what follows from it: after a crash it is made again, and what
it had begun is found by its key.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from zoneinfo import ZoneInfo

from automation.models import (
    Execution,
    Origin,
    Reason,
    Schedule,
)
from automation.queries.modes import zone_modes
from automation.schedules.definition import read_schedule
from automation.schedules.missed import Look, look
from automation.schedules.occurrences import Edge, Run, next_run
from automation.schedules.place import Place
from automation.services.executions import Wanted, begin_executions
from devices.models import Site

# so many of the runs that a look finds missed are kept each on its own
MOST_MISSED = 100
UTC = ZoneInfo("UTC")


def place_of_site(site: Site | None) -> Place:
    """Return where a site is, for its times; without a site they are in UTC."""
    if site is None:
        return Place(UTC)
    return Place(ZoneInfo(site.timezone), site.latitude, site.longitude)


def look_at_schedule(schedule_id: uuid.UUID, now: dt.datetime) -> list[Execution]:
    """Begin what is due of a schedule, keep what was missed, and set when it is due next.

    Another process that holds it does the same: then nothing is done here. Call it in a
    transaction, under `all_tenants`.

    Raises: BadSchedule, and whatever a definition nobody can follow leads to.
    """
    rows = Schedule.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    schedule = (
        rows.filter(id=schedule_id, is_enabled=True, next_at__lte=now)
        .select_related("site")
        .first()
    )
    if schedule is None:
        return []
    definition, place = read_schedule(schedule.definition), place_of_site(schedule.site)
    position = schedule.position or now
    seen = look(definition, place, position=position, now=now)
    begun = begin_executions(_wanted(schedule, seen), now=now)
    _move(schedule, seen.position, next_run(definition, place, seen.position))
    return begun


def settle_schedule(schedule_id: uuid.UUID, now: dt.datetime) -> None:
    """Work out anew when a schedule is due, because its site was changed."""
    rows = Schedule.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    schedule = rows.filter(id=schedule_id).select_related("site").first()
    if schedule is None:
        return
    run = next_run(
        read_schedule(schedule.definition), place_of_site(schedule.site), schedule.position or now
    )
    # not before the change, so that it is not found again
    at = max(now, schedule.site.updated_at)
    _move(schedule, schedule.position or now, run, updated_at=at)


def _wanted(schedule: Schedule, seen: Look) -> list[Wanted]:
    dropped = max(len(seen.missed) - MOST_MISSED, 0)
    found = [_of_schedule(schedule, run, Reason.MISSED) for run in seen.missed[dropped:]]
    if dropped:
        found[0] = replace(found[0], detail=f"+{dropped}")
    is_manual = schedule.zone_id is not None and (
        zone_modes([schedule.zone_id])[schedule.zone_id] == "manual"
    )
    reason = Reason.MANUAL_MODE if is_manual else Reason.NONE
    found += [_of_schedule(schedule, run, reason) for run in seen.due if _does(schedule, run)]
    return found


def _does(schedule: Schedule, run: Run) -> bool:
    return bool(schedule.end_actions if run.edge == Edge.END else schedule.actions)


def _of_schedule(schedule: Schedule, run: Run, reason: Reason) -> Wanted:
    is_end = run.edge == Edge.END
    return Wanted(
        tenant_id=schedule.tenant_id, origin=Origin.SCHEDULE, origin_id=schedule.id,
        trigger_key=run.key if run.edge == Edge.RUN else f"{run.key}/{run.edge}",
        label=schedule.name, triggered_at=run.at,
        actions=schedule.end_actions if is_end else schedule.actions, version=schedule.revision,
        trigger={"kind": "time", "at": run.at.isoformat(), "edge": str(run.edge)},
        schedule_id=schedule.id, site_id=schedule.site_id, zone_id=schedule.zone_id, reason=reason,
    )  # fmt: skip


def _move(schedule: Schedule, position: dt.datetime, run: Run | None, **more: dt.datetime) -> None:
    """Keep how far it has come; `updated_at` tells people's changes apart and stays."""
    Schedule.objects.filter(id=schedule.id).update(
        position=position, next_at=run.at if run else None, **more
    )
