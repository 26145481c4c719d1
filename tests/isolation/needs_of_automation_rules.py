"""What routes of rules of automation ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_AUTOMATION_RULES = {
    "read:automation": """
        automation/
        automation/rules/
        automation/rules/export
        automation/rules/<uuid:automation_rule_id>
        GET api/v1/automation/rules
        HEAD api/v1/automation/rules
        GET api/v1/automation/rules/<uuid:automation_rule_id>
        HEAD api/v1/automation/rules/<uuid:automation_rule_id>
        GET api/v1/automation/rules/<uuid:automation_rule_id>/versions
        HEAD api/v1/automation/rules/<uuid:automation_rule_id>/versions
        GET api/v1/automation/rules/<uuid:automation_rule_id>/replay
        HEAD api/v1/automation/rules/<uuid:automation_rule_id>/replay
        GET api/v1/automation/rules/<uuid:automation_rule_id>/evaluations
        HEAD api/v1/automation/rules/<uuid:automation_rule_id>/evaluations
        GET api/v1/automation/rules/export
        HEAD api/v1/automation/rules/export
    """,
    "write:automation": """
        automation/rules/new
        automation/rules/templates
        automation/rules/import
        automation/rules/<uuid:automation_rule_id>/edit
        automation/rules/<uuid:automation_rule_id>/switch
        automation/rules/<uuid:automation_rule_id>/arm
        automation/rules/<uuid:automation_rule_id>/restore
        automation/rules/<uuid:automation_rule_id>/hook
        POST api/v1/automation/rules
        PATCH api/v1/automation/rules/<uuid:automation_rule_id>
        POST api/v1/automation/rules/replay
        POST api/v1/automation/rules/import
        POST api/v1/automation/rules/<uuid:automation_rule_id>/rollback
        POST api/v1/automation/rules/<uuid:automation_rule_id>/enable
        POST api/v1/automation/rules/<uuid:automation_rule_id>/disable
        POST api/v1/automation/rules/<uuid:automation_rule_id>/dry
        POST api/v1/automation/rules/<uuid:automation_rule_id>/arm
        POST api/v1/automation/rules/<uuid:automation_rule_id>/hook
        DELETE api/v1/automation/rules/<uuid:automation_rule_id>/hook
    """,
    "delete:automation": """
        automation/rules/<uuid:automation_rule_id>/remove
        DELETE api/v1/automation/rules/<uuid:automation_rule_id>
    """,
}
