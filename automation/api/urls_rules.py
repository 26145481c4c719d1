"""Endpoints of rules of automation, below /api/v1/."""

from django.urls import path

from automation.api import rules, rules_tried

_RULE = "automation/rules/<uuid:automation_rule_id>"

urlpatterns = [
    path("automation/rules", rules.AutomationRuleList.as_view(), name="api-automation-rule-list"),
    path(
        "automation/rules/replay",
        rules_tried.AutomationReplayNew.as_view(),
        name="api-automation-replay-new",
    ),
    path(
        "automation/rules/export",
        rules_tried.AutomationExport.as_view(),
        name="api-automation-export",
    ),
    path(
        "automation/rules/import",
        rules_tried.AutomationImport.as_view(),
        name="api-automation-import",
    ),
    path(_RULE, rules.AutomationRuleDetail.as_view(), name="api-automation-rule-detail"),
    path(
        f"{_RULE}/versions",
        rules.AutomationRuleVersions.as_view(),
        name="api-automation-rule-versions",
    ),
    path(
        f"{_RULE}/rollback",
        rules.AutomationRuleRollback.as_view(),
        name="api-automation-rule-rollback",
    ),
    path(
        f"{_RULE}/enable", rules.AutomationRuleEnable.as_view(), name="api-automation-rule-enable"
    ),
    path(
        f"{_RULE}/disable",
        rules.AutomationRuleDisable.as_view(),
        name="api-automation-rule-disable",
    ),
    path(f"{_RULE}/dry", rules.AutomationRuleDry.as_view(), name="api-automation-rule-dry"),
    path(f"{_RULE}/arm", rules.AutomationRuleArm.as_view(), name="api-automation-rule-arm"),
    path(f"{_RULE}/hook", rules.AutomationRuleHook.as_view(), name="api-automation-rule-hook"),
    path(
        f"{_RULE}/replay",
        rules_tried.AutomationRuleReplay.as_view(),
        name="api-automation-rule-replay",
    ),
    path(
        f"{_RULE}/evaluations",
        rules_tried.AutomationEvaluations.as_view(),
        name="api-automation-rule-evaluations",
    ),
]
