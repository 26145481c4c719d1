"""What routes of zones and recipes ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ZONES = {
    "read:automation": """
        GET api/v1/automation/zones
        HEAD api/v1/automation/zones
        GET api/v1/automation/zones/<uuid:zone_id>
        HEAD api/v1/automation/zones/<uuid:zone_id>
    """,
    "write:automation": """
        PUT api/v1/automation/zones/<uuid:zone_id>
    """,
    "control:device": """
        POST api/v1/automation/zones/<uuid:zone_id>/mode
        POST api/v1/automation/zones/<uuid:zone_id>/recipe
        POST api/v1/bridge/zones/<uuid:zone_id>/commands
    """,
    "read:recipe": """
        GET api/v1/automation/recipes
        HEAD api/v1/automation/recipes
        GET api/v1/automation/recipes/<uuid:recipe_id>
        HEAD api/v1/automation/recipes/<uuid:recipe_id>
    """,
    "write:recipe": """
        POST api/v1/automation/recipes
        PUT api/v1/automation/recipes/<uuid:recipe_id>
    """,
    "delete:recipe": """
        DELETE api/v1/automation/recipes/<uuid:recipe_id>
    """,
}
