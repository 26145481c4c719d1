"""What routes of alarms ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ALARMS = {
    "read:alarm": """
        alarms/
        alarms/history/
        alarms/<uuid:alarm_id>/
        api/v1/alarms
        api/v1/alarms/counts
        api/v1/alarms/statistics
        api/v1/alarms/<uuid:alarm_id>
        api/v1/alarms/<uuid:alarm_id>/events
        alarms/quiet
        GET api/v1/maintenance-windows
        HEAD api/v1/maintenance-windows
        GET api/v1/shelvings
        HEAD api/v1/shelvings
    """,
    "read:telemetry": """
        api/v1/alarms/<uuid:alarm_id>/chart
    """,
    "acknowledge:alarm": """
        alarms/act
        alarms/<uuid:alarm_id>/act
        api/v1/alarms/actions
        api/v1/alarms/<uuid:alarm_id>/acknowledge
        api/v1/alarms/<uuid:alarm_id>/unacknowledge
        api/v1/alarms/<uuid:alarm_id>/assign
        api/v1/alarms/<uuid:alarm_id>/comment
        api/v1/alarms/<uuid:alarm_id>/snooze
        api/v1/alarms/<uuid:alarm_id>/clear
        api/v1/alarms/<uuid:alarm_id>/rate
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
