"""What routes of schedules and of the log ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_SCHEDULES = {
    "read:schedule": """
        GET api/v1/automation/schedules
        HEAD api/v1/automation/schedules
        GET api/v1/automation/schedules/<uuid:schedule_id>
        HEAD api/v1/automation/schedules/<uuid:schedule_id>
        POST api/v1/automation/schedules/preview
    """,
    "write:schedule": """
        POST api/v1/automation/schedules
        PATCH api/v1/automation/schedules/<uuid:schedule_id>
    """,
    "delete:schedule": """
        DELETE api/v1/automation/schedules/<uuid:schedule_id>
    """,
    "read:automation": """
        api/v1/automation/executions
        api/v1/automation/executions/<uuid:execution_id>
    """,
    "control:device": """
        POST api/v1/automation/schedules/<uuid:schedule_id>/run
        POST api/v1/automation/executions/<uuid:execution_id>/agree
        POST api/v1/automation/executions/<uuid:execution_id>/decline
        POST api/v1/automation/executions/<uuid:execution_id>/cancel
    """,
}
