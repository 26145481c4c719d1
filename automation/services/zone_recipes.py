"""Recipes in zones: started, led from phase to phase, stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from automation.control.phases import Begun, begin, walk
from automation.control.recipe import Phase, read_phases, write_phases
from automation.models import Recipe, RecipeState, ZoneControl, ZonePhase, ZoneRole
from automation.queries.recipes import phases_of
from automation.services.phase_schedules import begin_schedules, end_schedules
from automation.services.zone_commands import check_phases
from automation.services.zone_refusals import ZoneRefused
from automation.services.zones import PERMISSION, control_of
from devices.models import Zone
from devices.services.commanders import Commander, requester_of
from devices.services.commands import MayNotControl


@transaction.atomic
def start_recipe(
    *, actor: Commander, zone: Zone, recipe: Recipe, phase: int = 0, now: dt.datetime
) -> ZoneControl:
    """Let a zone follow a recipe from a phase on; what it followed before ends.

    Raises: MayNotControl. ZoneRefused: the zone lacks a role, or there is no such phase.
    """
    control = _control(actor, zone)
    phases = phases_of(recipe)
    _check_number(phase, phases)
    check_phases(phases, _roles(control))
    _end_phase(control, now)
    control.recipe, control.recipe_name = recipe, recipe.name
    control.recipe_revision, control.recipe_state = recipe.revision, RecipeState.RUNNING
    control.recipe_started_at, control.plan = now, write_phases(phases)
    _begin(control, phases, begin(_hours(phases), phase, now), ZonePhase.Cause.START, actor, now)
    _finish(control, "recipe.started", {"recipe": recipe.name, "phase": phases[phase].name}, now)
    return control


@transaction.atomic
def stop_recipe(*, actor: Commander, zone: Zone, now: dt.datetime) -> ZoneControl:
    """End the recipe of a zone; what its schedules have switched on for a time is stopped.

    Raises: MayNotControl. ZoneRefused: none runs.
    """
    control = _running(_control(actor, zone))
    _end_phase(control, now)
    control.recipe_state, control.phase_until = RecipeState.STOPPED, None
    _finish(control, "recipe.stopped", {"recipe": control.recipe_name}, now)
    return control


@transaction.atomic
def go_to_phase(
    *, actor: Commander, zone: Zone, phase: int | None = None, now: dt.datetime
) -> ZoneControl:
    """Begin a phase of the recipe that runs; None: the next one, and after the last the end.

    Raises: MayNotControl. ZoneRefused: none runs, or there is no such phase.
    """
    control = _running(_control(actor, zone))
    phases = read_phases(control.plan)
    number = (control.phase or 0) + 1 if phase is None else phase
    if phase is None and number >= len(phases):
        _end_phase(control, now)
        control.recipe_state, control.phase_until = RecipeState.DONE, None
        _finish(control, "recipe.finished", {"recipe": control.recipe_name}, now)
        return control
    _check_number(number, phases)
    _end_phase(control, now, following=phases[number])
    _begin(control, phases, begin(_hours(phases), number, now), ZonePhase.Cause.PERSON, actor, now)
    _finish(control, "recipe.phase_chosen", {"phase": phases[number].name}, now)
    return control


@transaction.atomic
def renew_recipe(*, actor: Commander, zone: Zone, now: dt.datetime) -> ZoneControl:
    """Take over what was changed in the recipe since the zone began; its phase goes on.

    Raises: MayNotControl. ZoneRefused: none runs, or the recipe is gone or shorter now.
    """
    control = _running(_control(actor, zone))
    if control.recipe is None:
        raise ZoneRefused("recipe_gone", _("The recipe was deleted."))
    phases = phases_of(control.recipe)
    number = control.phase or 0
    _check_number(number, phases)
    check_phases(phases, _roles(control))
    end_schedules(control, now=now, following=phases[number])
    control.plan, control.recipe_revision = write_phases(phases), control.recipe.revision
    control.recipe_name = control.recipe.name
    started = control.phase_started_at or now
    control.phase_until = begin(_hours(phases), number, started).until
    begin_schedules(control, phases[number], since=now, now=now)
    _finish(control, "recipe.renewed", {"revision": control.recipe_revision}, now)
    return control


def follow_time(control: ZoneControl, *, now: dt.datetime) -> int:
    """Begin the phases whose time has come; the row is locked. Return how many.

    Phases that passed while nobody looked are walked through and recorded; only the schedules
    of the one that runs now are begun.
    """
    if control.recipe_state != RecipeState.RUNNING or control.phase is None:
        return 0
    phases = read_phases(control.plan)
    walked = walk(_hours(phases), control.phase, control.phase_until, now)
    if not walked.begun and walked.finished_at is None:
        return 0
    following = phases[walked.begun[-1].number] if walked.finished_at is None else None
    end_schedules(control, now=now, following=following)
    for one in walked.begun:
        _close(control, one.started_at)
        _open(control, phases, one, ZonePhase.Cause.TIME, "")
    if walked.finished_at is not None:
        _close(control, walked.finished_at)
        control.recipe_state, control.phase_until = RecipeState.DONE, None
    elif following is not None:
        begin_schedules(control, following, since=walked.begun[-1].started_at, now=now)
    detail = {
        "recipe": control.recipe_name,
        "phases": [phases[o.number].name for o in walked.begun],
    }
    ended = walked.finished_at is not None
    _finish(control, "recipe.finished" if ended else "recipe.phase_begun", detail, now)
    return len(walked.begun) + ended


def _control(actor: Commander, zone: Zone) -> ZoneControl:
    if not actor.has_perm(PERMISSION, zone):
        raise MayNotControl
    return control_of(zone, locked=True)


def _running(control: ZoneControl) -> ZoneControl:
    if control.recipe_state != RecipeState.RUNNING:
        raise ZoneRefused("not_running", _("The zone follows no recipe."))
    return control


def _roles(control: ZoneControl) -> dict[str, ZoneRole]:
    return {role.name: role for role in control.roles.select_related("device__profile")}


def _check_number(number: int, phases: tuple[Phase, ...]) -> None:
    if not 0 <= number < len(phases):
        raise ZoneRefused("unknown_phase", _("The recipe has no such phase."), "phase")


def _hours(phases: tuple[Phase, ...]) -> list[float | None]:
    return [phase.hours for phase in phases]


def _begin(
    control: ZoneControl,
    phases: tuple[Phase, ...],
    one: Begun,
    cause: ZonePhase.Cause,
    actor: Commander,
    now: dt.datetime,
) -> None:
    _open(control, phases, one, cause, requester_of(actor).label[:254])
    begin_schedules(control, phases[one.number], since=one.started_at, now=now)


def _open(
    control: ZoneControl, phases: tuple[Phase, ...], one: Begun, cause: ZonePhase.Cause, by: str
) -> None:
    control.turn += 1
    control.phase, control.phase_started_at, control.phase_until = (
        one.number, one.started_at, one.until,
    )  # fmt: skip
    ZonePhase.objects.create(
        control=control, tenant_id=control.tenant_id, turn=control.turn, number=one.number,
        recipe_name=control.recipe_name, name=phases[one.number].name, cause=cause, by=by,
        started_at=one.started_at,
    )  # fmt: skip


def _close(control: ZoneControl, at: dt.datetime) -> None:
    ZonePhase.objects.filter(control=control, ended_at=None).update(ended_at=at)


def _end_phase(control: ZoneControl, now: dt.datetime, following: Phase | None = None) -> None:
    _close(control, now)
    end_schedules(control, following=following, now=now)


def _finish(
    control: ZoneControl, action: str, detail: Mapping[str, object], now: dt.datetime
) -> None:
    control.next_at = now
    control.save()
    record_event(
        action=action, now=now, tenant_id=control.tenant_id, obj=control.zone,
        label=control.zone.name, detail=dict(detail),
    )  # fmt: skip
