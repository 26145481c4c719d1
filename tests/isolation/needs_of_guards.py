"""What routes of demand guards ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_GUARDS = {
    "read:automation": """
        automation/demand/
        automation/demand/<uuid:guard_id>
        automation/demand/<uuid:guard_id>/live
        GET api/v1/automation/guards
        HEAD api/v1/automation/guards
        GET api/v1/automation/guards/<uuid:guard_id>
        HEAD api/v1/automation/guards/<uuid:guard_id>
        api/v1/automation/guards/<uuid:guard_id>/status
        GET api/v1/automation/loads/<uuid:load_id>
        HEAD api/v1/automation/loads/<uuid:load_id>
    """,
    "write:automation": """
        automation/demand/new
        automation/demand/<uuid:guard_id>/edit
        automation/demand/<uuid:guard_id>/loads/new
        automation/demand/loads/<uuid:load_id>
        automation/demand/loads/<uuid:load_id>/remove
        POST api/v1/automation/guards
        PATCH api/v1/automation/guards/<uuid:guard_id>
        POST api/v1/automation/guards/<uuid:guard_id>/loads
        PATCH api/v1/automation/loads/<uuid:load_id>
        DELETE api/v1/automation/loads/<uuid:load_id>
    """,
    "delete:automation": """
        automation/demand/<uuid:guard_id>/remove
        DELETE api/v1/automation/guards/<uuid:guard_id>
    """,
    "control:device": """
        automation/demand/loads/<uuid:load_id>/switch
        api/v1/automation/loads/<uuid:load_id>/shed
        api/v1/automation/loads/<uuid:load_id>/restore
    """,
}
