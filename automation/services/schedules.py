"""Schedules: made, changed, enabled, run by hand, removed. The clock follows by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from automation.actions import BadActions, read_actions, write_actions
from automation.models import Execution, Origin, Schedule
from automation.schedules.definition import (
    BadSchedule,
    ScheduleDefinition,
    Sun,
    Window,
    read_schedule,
    write_schedule,
)
from automation.schedules.occurrences import Edge, next_run
from automation.services.action_checks import check_control, check_named
from automation.services.executions import Wanted, begin_executions
from automation.services.schedule_refusals import ScheduleRefused, refusal_of
from automation.services.timing import place_of_site
from devices.models import Site, Zone
from devices.services.commanders import Commander, requester_of
from devices.services.fleet_edits import RowGone, VersionMoved, version_of

MAX_A_TENANT = 1_000
_WHAT = ("name", "site_id", "zone_id", "is_enabled", "definition", "actions", "end_actions")


@transaction.atomic
def create_schedule(
    *,
    name: str,
    site: Site,
    definition: Mapping[str, Any],
    actions: Sequence[Any],
    actor: Commander,
    now: dt.datetime,
    zone: Zone | None = None,
    end_actions: Sequence[Any] = (),
    is_enabled: bool = True,
) -> Schedule:
    """Make a schedule; its first run is the first one after now.

    Args: definition: see `schedules.definition`. actions, end_actions: see `actions`.

    Raises: ScheduleRefused.
    """
    if Schedule.objects.count() >= MAX_A_TENANT:
        raise ScheduleRefused("too_many", _("There are too many schedules already."))
    schedule = Schedule(tenant_id=site.tenant_id, is_enabled=is_enabled)
    _put(
        schedule,
        {"name": name, "site": site, "zone": zone, "definition": definition, "actions": actions,
         "end_actions": end_actions},
        actor,
    )  # fmt: skip
    _begin_anew(schedule, now)
    _save(schedule)
    _record("schedule.created", schedule, _settings(schedule), now)
    return schedule


@transaction.atomic
def change_schedule(
    *,
    schedule_id: uuid.UUID,
    changes: Mapping[str, Any],
    actor: Commander,
    now: dt.datetime,
    seen: str = "",
) -> Schedule:
    """Change what is named; times and what is done are a new revision.

    Runs that are due but not begun are not made up for: it begins anew from now on.

    Args:
        changes: of name, site, zone, is_enabled, definition, actions and end_actions.
        seen: the version that was read, of `version_of`.

    Raises: RowGone, VersionMoved, ScheduleRefused.
    """
    schedule = _lock(schedule_id, seen)
    before = _settings(schedule)
    _put(schedule, changes, actor)
    after = _settings(schedule)
    changed = {key: value for key, value in after.items() if before[key] != value}
    if not changed:
        return schedule
    if changed.keys() - {"name", "is_enabled"}:
        schedule.revision += 1
    if changed.keys() - {"name"}:
        _begin_anew(schedule, now)
    _save(schedule)
    _record("schedule.changed", schedule, changed, now)
    return schedule


@transaction.atomic
def switch_schedule(
    *, schedule_id: uuid.UUID, is_enabled: bool, actor: Commander, now: dt.datetime, seen: str = ""
) -> Schedule:
    """Enable or disable; runs in between are not made up for.

    Enabling needs `control:device` on all that it commands.

    Raises: RowGone, VersionMoved, ScheduleRefused.
    """
    changes = {"is_enabled": is_enabled}
    return change_schedule(
        schedule_id=schedule_id, changes=changes, actor=actor, now=now, seen=seen
    )


@transaction.atomic
def remove_schedule(*, schedule_id: uuid.UUID, now: dt.datetime, seen: str = "") -> None:
    """Delete a schedule; what it did stays in the log. Raises: RowGone, VersionMoved."""
    schedule = _lock(schedule_id, seen)
    _record("schedule.removed", schedule, _settings(schedule), now)
    schedule.delete()


@transaction.atomic
def run_schedule(
    *,
    schedule_id: uuid.UUID,
    actor: Commander,
    now: dt.datetime,
    key: str = "",
    edge: str = Edge.START,
) -> Execution:
    """Do now what a schedule does, whatever the time and the mode of its zone.

    Args:
        key: the same key runs it once; blank: each call does.
        edge: of a window "end" does what is done when it ends.

    Raises: RowGone, ScheduleRefused.
    """
    schedule = _find(schedule_id)
    actions = schedule.end_actions if edge == Edge.END else schedule.actions
    if not actions:
        raise ScheduleRefused("nothing_to_do", _("The schedule does nothing then."))
    _check_may_control(schedule, actor)
    by = requester_of(actor)
    trigger_key = f"hand/{by.principal[:50]}/{key or uuid.uuid4().hex}"[:120]
    wanted = Wanted(
        tenant_id=schedule.tenant_id, origin=Origin.SCHEDULE, origin_id=schedule.id,
        trigger_key=trigger_key, label=schedule.name, triggered_at=now, actions=actions,
        version=schedule.revision, schedule_id=schedule.id, site_id=schedule.site_id,
        zone_id=schedule.zone_id, trigger={"kind": "hand", "by": by.label, "edge": str(edge)},
    )  # fmt: skip
    for execution in begin_executions([wanted], now=now):
        _record("schedule.run", schedule, {"execution": str(execution.id)}, now)
        return execution
    return Execution.objects.get(origin_id=schedule.id, trigger_key=trigger_key)


def check_times(definition: Mapping[str, Any], site: Site) -> ScheduleDefinition:
    """Return times that can be used at a site. Raises: ScheduleRefused."""
    try:
        found = read_schedule(dict(definition))
    except BadSchedule as error:
        raise refusal_of(error, "definition") from None
    if isinstance(found.when, Sun) and not place_of_site(site).is_located:
        detail = _("Nobody knows where the sun stands there: give the site its coordinates.")
        raise ScheduleRefused("no_coordinates", detail, "definition.when.event")
    return found


def find_next(schedule: Schedule, after: dt.datetime) -> dt.datetime | None:
    """Return when a schedule is due next; None: never, or not for years."""
    run = next_run(read_schedule(schedule.definition), place_of_site(schedule.site), after)
    return run.at if run else None


def _put(schedule: Schedule, given: Mapping[str, Any], actor: Commander) -> None:
    """Write changes into a schedule. Raises: ScheduleRefused."""
    for name in ("site", "zone", "is_enabled"):
        if name in given:
            setattr(schedule, name, given[name])
    schedule.name = str(given.get("name", schedule.name)).strip()
    if schedule.zone is not None and schedule.zone.site_id != schedule.site_id:
        raise ScheduleRefused(
            "zone_elsewhere", _("Choose a zone of the schedule's own site."), "zone"
        )
    if {"definition", "site"} & given.keys():
        found = check_times(given.get("definition", schedule.definition), schedule.site)
        schedule.definition = write_schedule(found)
    for field in ("actions", "end_actions"):
        if field in given:
            setattr(schedule, field, _read_actions(given[field], field, actor))
    if "actions" in given or "end_actions" in given or "definition" in given:
        _check_whole(schedule)
    elif given.get("is_enabled"):
        _check_may_control(schedule, actor)
    _check_fields(schedule)


def _read_actions(given: Sequence[Any], field: str, actor: Commander) -> list[dict[str, Any]]:
    try:
        actions = read_actions(list(given))
    except BadActions as error:
        raise refusal_of(error, field) from None
    check_named(actions, field, actor)
    return write_actions(actions)


def _check_whole(schedule: Schedule) -> None:
    """Refuse a schedule that does nothing, or something at the end of what has none."""
    is_window = isinstance(read_schedule(schedule.definition).when, Window)
    if not schedule.actions and not (is_window and schedule.end_actions):
        raise ScheduleRefused("nothing_to_do", _("Say what is done."), "actions")
    if schedule.end_actions and not is_window:
        detail = _("Only a window has an end; remove these.")
        raise ScheduleRefused("no_end", detail, "end_actions")


def _check_may_control(schedule: Schedule, actor: Commander) -> None:
    for field in ("actions", "end_actions"):
        try:
            check_control(read_actions(getattr(schedule, field)), field, actor)
        except BadActions as error:
            raise refusal_of(error, field) from None


def _check_fields(schedule: Schedule) -> None:
    try:
        schedule.clean_fields(exclude=["tenant", "id", "site", "zone", "actions", "control"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise ScheduleRefused("invalid", messages[0], field) from None


def _begin_anew(schedule: Schedule, now: dt.datetime) -> None:
    """Let it go on from now; nothing before is made up for."""
    schedule.position = now
    schedule.next_at = find_next(schedule, now) if schedule.is_enabled else None


def _save(schedule: Schedule) -> None:
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError as error:
        if "schedule_name_per_tenant" not in str(error):
            raise
        raise ScheduleRefused("name_taken", _("There is such a schedule already."), "name") from (
            None
        )


def _find(schedule_id: uuid.UUID) -> Schedule:
    schedule = Schedule.objects.select_related("site", "zone").filter(id=schedule_id).first()
    if schedule is None:
        raise RowGone
    return schedule


def _lock(schedule_id: uuid.UUID, seen: str) -> Schedule:
    rows = Schedule.objects.select_for_update(of=("self",)).select_related("site", "zone")
    schedule = rows.filter(id=schedule_id).first()
    if schedule is None:
        raise RowGone
    if seen and seen != version_of(schedule):
        raise VersionMoved
    if schedule.control_id is not None:
        detail = _("It belongs to a recipe: change the recipe, or stop it.")
        raise ScheduleRefused("of_recipe", detail)
    return schedule


def _settings(schedule: Schedule) -> dict[str, Any]:
    def text(value: Any) -> Any:
        return str(value) if isinstance(value, uuid.UUID) else value

    return {name: text(getattr(schedule, name)) for name in _WHAT}


def _record(action: str, schedule: Schedule, detail: dict[str, Any], now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=schedule.tenant_id, obj=schedule, label=schedule.name,
        detail=detail,
    )  # fmt: skip
