"""Recipes: made, changed, removed. Zones go on with the phases that they began with."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from automation.control.recipe import BadRecipe, Phase, RecipeDefinition, read_recipe, write_phases
from automation.models import Recipe, RecipePhase
from automation.queries.recipes import definition_of
from automation.services.zone_refusals import ZoneRefused, refusal_of

MAX_A_TENANT = 500


@transaction.atomic
def create_recipe(*, document: Mapping[str, Any] | bytes, now: dt.datetime) -> Recipe:
    """Make a recipe; see `control.recipe`. Raises: ZoneRefused."""
    wanted = _read(document)
    if Recipe.objects.count() >= MAX_A_TENANT:
        raise ZoneRefused("too_many", _("There are too many recipes already."))
    recipe = Recipe(name=wanted.name.strip(), note=wanted.note.strip())
    _save(recipe)
    _save_phases(recipe, wanted)
    _record("recipe.created", recipe, {"phases": len(wanted.phases)}, now)
    return recipe


@transaction.atomic
def change_recipe(
    *,
    recipe_id: uuid.UUID,
    document: Mapping[str, Any] | bytes,
    seen: str = "",
    now: dt.datetime,
) -> Recipe:
    """Replace name, note and phases; the same content makes no new revision.

    Args: seen: the revision that was read; refused if there is a newer one.
    Raises: Recipe.DoesNotExist. ZoneRefused.
    """
    wanted = _read(document)
    recipe = Recipe.objects.select_for_update(of=("self",)).get(id=recipe_id)
    _check_revision(recipe, seen)
    if wanted == definition_of(recipe):
        return recipe
    recipe.name, recipe.note = wanted.name.strip(), wanted.note.strip()
    recipe.revision += 1
    _save(recipe)
    _save_phases(recipe, wanted)
    _record("recipe.changed", recipe, {"revision": recipe.revision}, now)
    return recipe


@transaction.atomic
def remove_recipe(*, recipe_id: uuid.UUID, seen: str = "", now: dt.datetime) -> None:
    """Delete a recipe; zones that follow it go on to its end. Raises: as `change_recipe`."""
    recipe = Recipe.objects.select_for_update(of=("self",)).get(id=recipe_id)
    _check_revision(recipe, seen)
    _record("recipe.removed", recipe, {"revision": recipe.revision}, now)
    recipe.delete()


def copy_name(name: str) -> str:
    """Return a name for a copy that no recipe has yet."""
    taken = set(Recipe.objects.values_list("name", flat=True))
    for number in range(2, MAX_A_TENANT + 3):
        wanted = f"{name[:90]} ({number})"
        if wanted not in taken:
            return wanted
    raise ZoneRefused("too_many", _("There are too many recipes already."))


def _read(document: Mapping[str, Any] | bytes) -> RecipeDefinition:
    try:
        return read_recipe(document if isinstance(document, bytes) else dict(document))
    except BadRecipe as error:
        raise refusal_of(error) from None


def _check_revision(recipe: Recipe, seen: str) -> None:
    if seen and seen != str(recipe.revision):
        raise ZoneRefused("version_moved", _("Somebody has changed this meanwhile: look again."))


def _save(recipe: Recipe) -> None:
    try:
        with transaction.atomic():
            recipe.save()
    except IntegrityError as error:
        if "recipe_name_per_tenant" not in str(error):
            raise
        raise ZoneRefused("name_taken", _("There is such a recipe already."), "name") from None


def _save_phases(recipe: Recipe, wanted: RecipeDefinition) -> None:
    stored = {phase.number: phase for phase in recipe.phases.all()}
    for number, phase in enumerate(wanted.phases):
        row = stored.pop(number, None) or RecipePhase(recipe=recipe, number=number)
        row.tenant_id, row.name, row.hours = recipe.tenant_id, phase.name.strip(), phase.hours
        row.definition = _definition(phase)
        row.save()
    for row in stored.values():
        row.delete()


def _definition(phase: Phase) -> dict[str, Any]:
    written = write_phases([phase])[0]
    return {key: written[key] for key in ("targets", "schedules") if key in written}


def _record(action: str, recipe: Recipe, detail: dict[str, Any], now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=recipe.tenant_id, obj=recipe, label=recipe.name,
        detail=detail,
    )  # fmt: skip
