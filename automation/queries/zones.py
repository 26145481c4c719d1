"""Reads zones as people see them: mode, targets and values, recipe, what was done lately."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from automation.control.law import Decision, Do, Why
from automation.control.recipe import Phase, read_phases
from automation.models import (
    ControlMode,
    Execution,
    Recipe,
    RecipeState,
    Schedule,
    ZoneControl,
    ZoneController,
    ZonePhase,
)
from automation.queries.zone_facts import Seen, ZoneFacts, load_zones, mode_at
from devices.models import Zone

LATELY = dt.timedelta(hours=24)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ControllerRow:
    """A controller at a moment."""

    row: ZoneController
    target: float | None
    deadband: float
    seen: Seen | None
    age_seconds: float | None
    decision: Decision

    @property
    def is_old(self) -> bool:
        """Tell whether the value counts for nothing any more."""
        return self.decision.why == Why.TOO_OLD or (
            self.age_seconds is not None and self.age_seconds > self.row.max_age_seconds
        )

    @property
    def is_in_band(self) -> bool | None:
        """Tell whether the value is where it should be; None: nobody knows."""
        if self.seen is None or self.target is None or self.is_old:
            return None
        return abs(self.seen.value - self.target) <= self.deadband + 1e-9


@dataclass(frozen=True, slots=True)
class ZoneRow:
    """A zone at a moment; `phases` are those of the recipe that it follows or followed."""

    zone: Zone
    control: ZoneControl | None
    mode: str
    controllers: tuple[ControllerRow, ...]
    phases: tuple[Phase, ...]
    lately: tuple[Execution, ...]
    now: dt.datetime

    @property
    def is_following(self) -> bool:
        """Tell whether a recipe runs."""
        return self.control is not None and self.control.recipe_state == RecipeState.RUNNING

    @property
    def phase(self) -> Phase | None:
        """Return the phase that runs."""
        if self.control is None or not self.is_following or self.control.phase is None:
            return None
        return self.phases[self.control.phase]

    @property
    def progress(self) -> float | None:
        """Return how much of the phase is over, 0 to 100; None: it has no end."""
        control = self.control
        if control is None or self.phase is None or control.phase_started_at is None:
            return None
        if control.phase_until is None:
            return None
        whole = (control.phase_until - control.phase_started_at).total_seconds()
        passed = (self.now - control.phase_started_at).total_seconds()
        return round(100 * min(1.0, max(0.0, passed / whole)), 1) if whole > 0 else 100.0

    @property
    def is_outdated(self) -> bool:
        """Tell whether the recipe was changed since the zone began it."""
        control = self.control
        return bool(
            self.is_following
            and control is not None
            and control.recipe is not None
            and control.recipe.revision != control.recipe_revision
        )


def list_zones(*, now: dt.datetime) -> list[ZoneRow]:
    """Return all zones in scope, by site and name; the number of queries does not grow."""
    return zone_rows(Zone.objects.select_related("site").order_by("site__name", "name", "id"), now)


def find_zone(zone_id: uuid.UUID, *, now: dt.datetime) -> ZoneRow:
    """Return one zone. Raises: Zone.DoesNotExist."""
    rows = zone_rows(Zone.objects.filter(id=zone_id).select_related("site"), now)
    if not rows:
        raise Zone.DoesNotExist
    return rows[0]


def zone_rows(zones: Iterable[Zone], now: dt.datetime) -> list[ZoneRow]:
    """Return zones as they are at a moment."""
    zones = list(zones)
    ids = [zone.id for zone in zones]
    controls = ZoneControl.objects.filter(zone_id__in=ids).values_list("id", flat=True)
    facts = {
        one.control.zone_id: one for one in load_zones(list(controls), now=now, with_disabled=True)
    }
    lately = _lately(ids, now)
    return [_row(zone, facts.get(zone.id), lately.get(zone.id, []), now) for zone in zones]


def recent_executions(zone: Zone, *, most: int = 20) -> list[Execution]:
    """Return what was done in a zone, the newest first."""
    rows = Execution.objects.filter(zone=zone).order_by("-decided_at", "-id")
    return list(rows[:most])


def phases_of_zone(control: ZoneControl | None, *, most: int = 30) -> Sequence[ZonePhase]:
    """Return the phases that began in a zone, the newest first."""
    if control is None:
        return []
    return list(control.phases.order_by("-turn")[:most])


def schedules_of_zone(zone: Zone) -> QuerySet[Schedule]:
    """Return the schedules of a zone, the next first."""
    return Schedule.objects.filter(zone=zone).order_by("next_at", "name", "id")


def recipes_to_choose() -> QuerySet[Recipe]:
    """Return the recipes that a zone can be given."""
    return Recipe.objects.prefetch_related("phases").order_by("name", "id")


def _row(zone: Zone, facts: ZoneFacts | None, lately: list[Execution], now: dt.datetime) -> ZoneRow:
    if facts is None:
        return ZoneRow(zone, None, ControlMode.AUTO.value, (), (), tuple(lately), now)
    return ZoneRow(
        zone, facts.control, mode_at(facts.control, now),
        tuple(_controller(facts, one, now) for one in facts.control.controllers.all()),
        read_phases(facts.control.plan), tuple(lately), now,
    )  # fmt: skip


def _controller(facts: ZoneFacts, one: ZoneController, now: dt.datetime) -> ControllerRow:
    law, seen = facts.law(one), facts.seen(one)
    age = None if seen is None else max(0.0, (now - seen.at).total_seconds())
    decision = facts.decide(one, now)
    if not one.is_enabled and decision.do:
        decision = Decision(Do.NOTHING, decision.why)
    return ControllerRow(one, law.target, law.deadband, seen, age, decision)


def _lately(ids: list[uuid.UUID], now: dt.datetime) -> dict[uuid.UUID, list[Execution]]:
    rows = Execution.objects.filter(zone_id__in=ids, decided_at__gt=now - LATELY)
    found: dict[uuid.UUID, list[Execution]] = {}
    for row in rows.order_by("-decided_at", "-id")[: 20 * max(1, len(ids))]:
        if row.zone_id is not None and len(found.setdefault(row.zone_id, [])) < _SHOWN:
            found[row.zone_id].append(row)
    return found
