"""What routes of alarm rules ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ALARM_RULES = {
    "read:alarm": """
        alarms/rules/
        alarms/rules/<uuid:alarm_rule_id>
        alarms/rules/export
        alarms/rules/templates
        GET api/v1/alarm-rules
        HEAD api/v1/alarm-rules
        GET api/v1/alarm-rules/<uuid:alarm_rule_id>
        HEAD api/v1/alarm-rules/<uuid:alarm_rule_id>
        GET api/v1/alarm-rules/<uuid:alarm_rule_id>/back-test
        HEAD api/v1/alarm-rules/<uuid:alarm_rule_id>/back-test
        GET api/v1/alarm-rules/<uuid:alarm_rule_id>/versions
        HEAD api/v1/alarm-rules/<uuid:alarm_rule_id>/versions
        GET api/v1/alarm-rules/export
        HEAD api/v1/alarm-rules/export
        GET api/v1/alarm-rules/templates
        HEAD api/v1/alarm-rules/templates
    """,
    "write:alarm": """
        alarms/rules/new
        alarms/rules/import
        alarms/rules/templates/add
        alarms/rules/<uuid:alarm_rule_id>/edit
        alarms/rules/<uuid:alarm_rule_id>/switch
        alarms/rules/<uuid:alarm_rule_id>/restore
        POST api/v1/alarm-rules
        POST api/v1/alarm-rules/back-test
        POST api/v1/alarm-rules/import
        POST api/v1/alarm-rules/templates
        PATCH api/v1/alarm-rules/<uuid:alarm_rule_id>
        POST api/v1/alarm-rules/<uuid:alarm_rule_id>/restore
    """,
    "delete:alarm": """
        alarms/rules/<uuid:alarm_rule_id>/remove
        DELETE api/v1/alarm-rules/<uuid:alarm_rule_id>
    """,
}
