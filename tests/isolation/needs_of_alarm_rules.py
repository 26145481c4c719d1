"""What routes of alarm rules ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ALARM_RULES = {
    "read:alarm": """
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
        POST api/v1/alarm-rules
        POST api/v1/alarm-rules/back-test
        POST api/v1/alarm-rules/import
        POST api/v1/alarm-rules/templates
        PATCH api/v1/alarm-rules/<uuid:alarm_rule_id>
        POST api/v1/alarm-rules/<uuid:alarm_rule_id>/restore
    """,
    "delete:alarm": """
        DELETE api/v1/alarm-rules/<uuid:alarm_rule_id>
    """,
}
