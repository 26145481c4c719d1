"""The form of a recipe, as it is exported and asked for.

    {"name": "Basil", "phases": [
        {"name": "Germination", "hours": 72,
         "targets": [{"metric": "ph", "value": 5.8, "deadband": 0.1}],
         "schedules": [{"name": "Watering", "role": "irrigation", "params": {"runtime_s": 30},
                        "times": {"when": {"kind": "times", "at": ["08:00", "18:00"]}}}]}]}

A phase without `hours` lasts until somebody goes on. Roles are those of the zone that follows
the recipe; a schedule whose times are a window starts its role and stops it at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from automation.schedules.definition import (
    BadSchedule,
    ScheduleDefinition,
    check_schedule,
)
from energy.lib.documents import read_document

MAX_BYTES = 262_144
MAX_PHASES = 50
MAX_TARGETS = 20
MAX_SCHEDULES = 20
MAX_HOURS = 5 * 366 * 24
MAX_NUMBER = 1e9

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"\S")]
Metric = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
Role = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]


class BadRecipe(ValueError):
    """A recipe that cannot be used.

    `field` is the place, such as `phases[1].targets[0].value`; `code` one of bad_shape,
    too_large, not_finite, twice, and those of schedules. `message` says what to do.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class Target(_Strict, frozen=True):
    """What a value is to be, in the unit of its channel.

    deadband: how far it may be off; without one, that of the controller.
    """

    metric: Metric
    value: float
    deadband: Annotated[float, msgspec.Meta(ge=0)] | None = None


class PhaseSchedule(_Strict, frozen=True):
    """Something that is done at given times while the phase lasts."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"\S")]
    role: Role
    times: ScheduleDefinition
    params: dict[str, bool | int | float | str] = msgspec.field(default_factory=dict)


class Phase(_Strict, frozen=True):
    """A part of a recipe."""

    name: Text
    hours: Annotated[float, msgspec.Meta(gt=0, le=MAX_HOURS)] | None = None
    targets: Annotated[tuple[Target, ...], msgspec.Meta(max_length=MAX_TARGETS)] = ()
    schedules: Annotated[tuple[PhaseSchedule, ...], msgspec.Meta(max_length=MAX_SCHEDULES)] = ()

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles that its schedules need."""
        return frozenset(one.role for one in self.schedules)

    def target(self, metric: str) -> Target | None:
        """Return what a metric is to be in this phase."""
        return next((one for one in self.targets if one.metric == metric), None)


class RecipeDefinition(_Strict, frozen=True):
    """A recipe."""

    name: Text
    phases: Annotated[tuple[Phase, ...], msgspec.Meta(min_length=1, max_length=MAX_PHASES)]
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


def read_recipe(document: bytes | dict[str, Any]) -> RecipeDefinition:
    """Return a recipe, every member of its type and all of it consistent. Raises: BadRecipe."""
    found = read_document(document, RecipeDefinition, most_bytes=MAX_BYTES, refuse=BadRecipe)
    for number, phase in enumerate(found.phases):
        _check_phase(phase, f"phases[{number}]")
    _refuse_twice([phase.name for phase in found.phases], "phases")
    return found


def read_phases(plan: Iterable[Any]) -> tuple[Phase, ...]:
    """Return phases that were checked when they were stored."""
    return msgspec.convert(list(plan), tuple[Phase, ...])


def write_phases(phases: Iterable[Phase]) -> list[dict[str, Any]]:
    """Return phases as they are stored; what stands at its default is left out."""
    written: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(list(phases)))
    return written


def write_recipe(recipe: RecipeDefinition) -> dict[str, Any]:
    """Return a recipe as it is exported."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(recipe))
    return written


def _check_phase(phase: Phase, place: str) -> None:
    for number, target in enumerate(phase.targets):
        where = f"{place}.targets[{number}]"
        for member, value in (("value", target.value), ("deadband", target.deadband or 0.0)):
            if not math.isfinite(value) or abs(value) > MAX_NUMBER:
                raise BadRecipe("not_finite", f"{where}.{member}", "Write a number.")
    _refuse_twice([target.metric for target in phase.targets], f"{place}.targets")
    _refuse_twice([one.name for one in phase.schedules], f"{place}.schedules")
    for number, one in enumerate(phase.schedules):
        where = f"{place}.schedules[{number}]"
        try:
            check_schedule(one.times)
        except BadSchedule as error:
            raise BadRecipe(error.code, f"{where}.times.{error.field}", error.message) from None
        for name, given in one.params.items():
            if isinstance(given, float) and not math.isfinite(given):
                raise BadRecipe("not_finite", f"{where}.params.{name}", "Write a number.")


def _refuse_twice(names: list[str], place: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name.strip() in seen:
            raise BadRecipe("twice", f"{place}[{number}]", "This stands there twice.")
        seen.add(name.strip())
