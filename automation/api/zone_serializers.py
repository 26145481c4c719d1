"""Zones and recipes as they leave and enter the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.params import Params
from automation.control.recipe import write_recipe
from automation.control.setup import write_setup
from automation.models import ControlMode, Recipe, RecipeState, ZoneController, ZonePhase
from automation.queries.recipes import definition_of
from automation.queries.zone_setup import setup_of
from automation.queries.zones import ControllerRow, ZoneRow

SETUP = "Roles and controllers; see docs/how-to/zones-and-recipes.md."


class ZoneControllerSerializer(serializers.Serializer):
    """A controller with what it looks at now."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=ZoneController.Kind.choices)
    metric = serializers.CharField()
    is_enabled = serializers.BooleanField()
    target = serializers.FloatField(allow_null=True, help_text="Of the phase, else its own.")
    deadband = serializers.FloatField()
    value = serializers.FloatField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    measured_at = serializers.DateTimeField(allow_null=True)
    does = serializers.CharField(allow_blank=True, help_text="dose, on, off, set; blank: nothing.")
    why = serializers.CharField(help_text="Such as deviation, in_band, too_old, pause, day_cap.")


class ZoneRecipeSerializer(serializers.Serializer):
    """The recipe that a zone follows, or followed last."""

    id = serializers.UUIDField(allow_null=True, help_text="null: it was deleted.")
    name = serializers.CharField()
    revision = serializers.IntegerField()
    is_outdated = serializers.BooleanField(help_text="It was changed since the zone began it.")
    state = serializers.ChoiceField(choices=[one for one in RecipeState.choices if one[0]])
    started_at = serializers.DateTimeField(allow_null=True)
    phase = serializers.IntegerField(allow_null=True, help_text="The first one is 0.")
    phase_name = serializers.CharField(allow_blank=True)
    phases = serializers.ListField(child=serializers.CharField())
    phase_started_at = serializers.DateTimeField(allow_null=True)
    phase_until = serializers.DateTimeField(allow_null=True)
    progress = serializers.FloatField(allow_null=True, help_text="Percent of the phase.")


class ControlledZoneSerializer(serializers.Serializer):
    """A zone, who decides in it, and what acts."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    site = serializers.UUIDField()
    site_name = serializers.CharField()
    mode = serializers.ChoiceField(choices=ControlMode.choices)
    mode_reason = serializers.CharField(allow_blank=True)
    mode_by = serializers.CharField(allow_blank=True)
    mode_at = serializers.DateTimeField(allow_null=True)
    mode_until = serializers.DateTimeField(allow_null=True)
    mode_after = serializers.ChoiceField(choices=ControlMode.choices)
    recipe = ZoneRecipeSerializer(allow_null=True)
    controllers = ZoneControllerSerializer(many=True)
    looked_at = serializers.DateTimeField(allow_null=True)
    errors = serializers.IntegerField(help_text="In a row.")  # type: ignore[assignment]
    last_error = serializers.CharField(allow_blank=True)


class ControlledZonesSerializer(serializers.Serializer):
    """Zones."""

    results = ControlledZoneSerializer(many=True)


class ZonePhaseSerializer(serializers.ModelSerializer):
    """That a phase began."""

    class Meta:
        model = ZonePhase
        fields = ("turn", "recipe_name", "number", "name", "cause", "by", "started_at", "ended_at")


class ControlledZoneDetailSerializer(ControlledZoneSerializer):
    """A zone with its set-up and the phases that began."""

    setup = serializers.JSONField(help_text=SETUP)
    history = ZonePhaseSerializer(many=True)


class ZoneSetupBody(Params):
    """Who does what in a zone, and what acts by itself; all of it."""

    roles = serializers.ListField(child=serializers.DictField(), max_length=30)
    controllers = serializers.ListField(child=serializers.DictField(), max_length=20)


class ZoneModeBody(Params):
    """Who decides in a zone."""

    mode = serializers.ChoiceField(choices=ControlMode.choices)
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")
    until = serializers.DateTimeField(
        allow_null=True, default=None, help_text="Then it becomes `after` by itself."
    )
    after = serializers.ChoiceField(choices=ControlMode.choices, default=ControlMode.AUTO)


class ZoneRecipeBody(Params):
    """What becomes of the recipe of a zone."""

    do = serializers.ChoiceField(
        choices=[(one, one) for one in ("start", "stop", "next", "go", "renew")],
        help_text="renew: take over what was changed in the recipe since.",
    )
    recipe = serializers.UUIDField(allow_null=True, default=None, help_text="To start.")
    phase = serializers.IntegerField(
        min_value=0, allow_null=True, default=None, help_text="To start with, or to go to."
    )


class RecipeBody(Params):
    """A recipe."""

    name = serializers.CharField(max_length=100)
    note = serializers.CharField(max_length=500, allow_blank=True, default="")
    phases = serializers.ListField(child=serializers.DictField(), max_length=50)


class RecipeSerializer(serializers.Serializer):
    """A recipe in its newest revision."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    revision = serializers.IntegerField()
    running = serializers.IntegerField(help_text="Zones that follow it now.")
    phases = serializers.JSONField(help_text="See docs/how-to/zones-and-recipes.md.")


class RecipesSerializer(serializers.Serializer):
    """Recipes."""

    results = RecipeSerializer(many=True)


def describe_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as the API shows it."""
    written = write_recipe(definition_of(recipe))
    return {
        "id": recipe.id, "name": recipe.name, "note": recipe.note, "revision": recipe.revision,
        "running": getattr(recipe, "running", 0), "phases": written["phases"],
    }  # fmt: skip


def describe_zone(row: ZoneRow) -> dict[str, Any]:
    """Return a zone as the API shows it."""
    control = row.control
    return {
        "id": row.zone.id, "name": row.zone.name, "site": row.zone.site_id,
        "site_name": row.zone.site.name, "mode": row.mode,
        "mode_reason": control.mode_reason if control else "",
        "mode_by": control.mode_by if control else "",
        "mode_at": control.mode_at if control else None,
        "mode_until": control.mode_until if control else None,
        "mode_after": control.mode_after if control else ControlMode.AUTO.value,
        "recipe": _recipe(row), "controllers": [_controller(one) for one in row.controllers],
        "looked_at": control.last_cycle_at if control else None,
        "errors": control.errors if control else 0,
        "last_error": control.last_error if control and control.errors else "",
    }  # fmt: skip


def describe_detail(row: ZoneRow, history: Any) -> dict[str, Any]:
    """Return a zone with its set-up."""
    return describe_zone(row) | {
        "setup": write_setup(setup_of(row.control)),
        "history": ZonePhaseSerializer(history, many=True).data,
    }


def _recipe(row: ZoneRow) -> dict[str, Any] | None:
    control = row.control
    if control is None or not control.recipe_state:
        return None
    return {
        "id": control.recipe_id, "name": control.recipe_name, "revision": control.recipe_revision,
        "is_outdated": row.is_outdated, "state": control.recipe_state,
        "started_at": control.recipe_started_at, "phase": control.phase,
        "phase_name": row.phase.name if row.phase else "",
        "phases": [phase.name for phase in row.phases],
        "phase_started_at": control.phase_started_at, "phase_until": control.phase_until,
        "progress": row.progress,
    }  # fmt: skip


def _controller(one: ControllerRow) -> dict[str, Any]:
    return {
        "id": one.row.id, "name": one.row.name, "kind": one.row.kind, "metric": one.row.metric,
        "is_enabled": one.row.is_enabled, "target": one.target, "deadband": one.deadband,
        "value": one.seen.value if one.seen else None,
        "unit": one.row.channel.unit if one.row.channel else "",
        "measured_at": one.seen.at if one.seen else None, "does": one.decision.do.value,
        "why": one.decision.why.value,
    }  # fmt: skip
