"""Reads recipes."""

from __future__ import annotations

import uuid

from django.db.models import Count, Prefetch, Q, QuerySet

from automation.control.recipe import Phase, RecipeDefinition, read_phases
from automation.models import Recipe, RecipePhase, RecipeState


def list_recipes(*, search: str = "") -> QuerySet[Recipe]:
    """Return recipes by name with their phases, and `running`: how many zones follow them."""
    running = Count("zones", filter=Q(zones__recipe_state=RecipeState.RUNNING))
    return (
        Recipe.objects.filter(Q(name__icontains=search) | Q(note__icontains=search))
        .annotate(running=running)
        .prefetch_related(_PHASES)
        .order_by("name", "id")
    )


def find_recipe(recipe_id: uuid.UUID) -> Recipe:
    """Return a recipe with its phases. Raises: Recipe.DoesNotExist."""
    return list_recipes().get(id=recipe_id)


def phases_of(recipe: Recipe) -> tuple[Phase, ...]:
    """Return the phases of a recipe in order."""
    rows = sorted(recipe.phases.all(), key=lambda row: row.number)
    return read_phases({"name": row.name, "hours": row.hours, **row.definition} for row in rows)


def definition_of(recipe: Recipe) -> RecipeDefinition:
    """Return a recipe as it is exported."""
    return RecipeDefinition(recipe.name, phases_of(recipe), recipe.note)


_PHASES = Prefetch("phases", queryset=RecipePhase.objects.order_by("number"))
