"""Endpoints of zones and recipes, below /api/v1/."""

from django.urls import path

from automation.api import bridge, recipes, zones

_ZONE = "automation/zones/<uuid:zone_id>"

urlpatterns = [
    path("automation/zones", zones.ZoneList.as_view(), name="api-controlled-zone-list"),
    path(_ZONE, zones.ZoneDetail.as_view(), name="api-controlled-zone"),
    path(f"{_ZONE}/mode", zones.ZoneMode.as_view(), name="api-zone-mode"),
    path(f"{_ZONE}/recipe", zones.ZoneRecipe.as_view(), name="api-zone-recipe"),
    path("automation/recipes", recipes.RecipeList.as_view(), name="api-recipe-list"),
    path(
        "automation/recipes/<uuid:recipe_id>",
        recipes.RecipeDetail.as_view(),
        name="api-recipe-detail",
    ),
    path(
        "bridge/zones/<uuid:zone_id>/commands",
        bridge.ZoneCommands.as_view(),
        name="api-bridge-zone-commands",
    ),
]
