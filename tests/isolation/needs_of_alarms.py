"""What routes of alarms ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ALARMS = {
    "read:alarm": """
        alarms/quiet
        GET api/v1/maintenance-windows
        HEAD api/v1/maintenance-windows
        GET api/v1/shelvings
        HEAD api/v1/shelvings
    """,
    "write:alarm": """
        alarms/quiet/windows
        alarms/quiet/windows/<uuid:window_id>/end
        alarms/quiet/shelvings
        alarms/quiet/shelvings/<uuid:shelving_id>/end
        POST api/v1/maintenance-windows
        PATCH api/v1/maintenance-windows/<uuid:window_id>
        DELETE api/v1/maintenance-windows/<uuid:window_id>
        POST api/v1/shelvings
        DELETE api/v1/shelvings/<uuid:shelving_id>
    """,
}
