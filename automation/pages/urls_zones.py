"""Addresses of zones and recipes, below /automation/."""

from django.urls import path

from automation.pages import recipes, zone_edit, zones

_ZONE, _RECIPE = "zones/<uuid:zone_id>", "recipes/<uuid:recipe_id>"

urlpatterns = [
    path("zones/", zones.zones, name="automation-zones"),
    path(_ZONE, zones.zone, name="automation-zone"),
    path(f"{_ZONE}/mode", zones.zone_mode, name="automation-zone-mode"),
    path(f"{_ZONE}/recipe", zones.zone_recipe, name="automation-zone-recipe"),
    path(f"{_ZONE}/role", zone_edit.role_edit, name="automation-zone-role"),
    path(f"{_ZONE}/controller", zone_edit.controller_edit, name="automation-zone-controller"),
    path("recipes/", recipes.recipes, name="automation-recipes"),
    path("recipes/new", recipes.recipe_new, name="automation-recipe-new"),
    path("recipes/import", recipes.recipe_import, name="automation-recipe-import"),
    path(_RECIPE, recipes.recipe, name="automation-recipe"),
    path(f"{_RECIPE}/edit", recipes.recipe_edit, name="automation-recipe-edit"),
    path(f"{_RECIPE}/copy", recipes.recipe_copy, name="automation-recipe-copy"),
    path(f"{_RECIPE}/export", recipes.recipe_export, name="automation-recipe-export"),
    path(f"{_RECIPE}/remove", recipes.recipe_remove, name="automation-recipe-remove"),
]
