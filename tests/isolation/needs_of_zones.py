"""What routes of zones and recipes ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ZONES = {
    "read:automation": """
        automation/zones/
        automation/zones/<uuid:zone_id>
        GET api/v1/automation/zones
        HEAD api/v1/automation/zones
        GET api/v1/automation/zones/<uuid:zone_id>
        HEAD api/v1/automation/zones/<uuid:zone_id>
    """,
    "write:automation": """
        automation/zones/<uuid:zone_id>/role
        automation/zones/<uuid:zone_id>/controller
        PUT api/v1/automation/zones/<uuid:zone_id>
    """,
    "control:device": """
        automation/zones/<uuid:zone_id>/mode
        automation/zones/<uuid:zone_id>/recipe
        POST api/v1/automation/zones/<uuid:zone_id>/mode
        POST api/v1/automation/zones/<uuid:zone_id>/recipe
        POST api/v1/bridge/zones/<uuid:zone_id>/commands
    """,
    "read:recipe": """
        automation/recipes/
        automation/recipes/<uuid:recipe_id>
        automation/recipes/<uuid:recipe_id>/export
        GET api/v1/automation/recipes
        HEAD api/v1/automation/recipes
        GET api/v1/automation/recipes/<uuid:recipe_id>
        HEAD api/v1/automation/recipes/<uuid:recipe_id>
    """,
    "write:recipe": """
        automation/recipes/new
        automation/recipes/import
        automation/recipes/<uuid:recipe_id>/edit
        automation/recipes/<uuid:recipe_id>/copy
        POST api/v1/automation/recipes
        PUT api/v1/automation/recipes/<uuid:recipe_id>
    """,
    "delete:recipe": """
        automation/recipes/<uuid:recipe_id>/remove
        DELETE api/v1/automation/recipes/<uuid:recipe_id>
    """,
}
