"""What routes of schedules and of the log ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_SCHEDULES = {
    "read:schedule": """
        automation/schedules/
        automation/schedules/<uuid:schedule_id>
        GET api/v1/automation/schedules
        HEAD api/v1/automation/schedules
        GET api/v1/automation/schedules/<uuid:schedule_id>
        HEAD api/v1/automation/schedules/<uuid:schedule_id>
        POST api/v1/automation/schedules/preview
    """,
    "write:schedule": """
        automation/schedules/new
        automation/schedules/<uuid:schedule_id>/edit
        automation/schedules/<uuid:schedule_id>/switch
        POST api/v1/automation/schedules
        PATCH api/v1/automation/schedules/<uuid:schedule_id>
    """,
    "delete:schedule": """
        automation/schedules/<uuid:schedule_id>/remove
        DELETE api/v1/automation/schedules/<uuid:schedule_id>
    """,
    "write:site": """
        automation/schedules/places/<uuid:site_id>
    """,
    "read:automation": """
        automation/log/
        automation/log/<uuid:execution_id>/
        api/v1/automation/executions
        api/v1/automation/executions/<uuid:execution_id>
    """,
    "control:device": """
        automation/schedules/<uuid:schedule_id>/run
        automation/log/<uuid:execution_id>/answer
        POST api/v1/automation/schedules/<uuid:schedule_id>/run
        POST api/v1/automation/executions/<uuid:execution_id>/agree
        POST api/v1/automation/executions/<uuid:execution_id>/decline
        POST api/v1/automation/executions/<uuid:execution_id>/cancel
    """,
}
