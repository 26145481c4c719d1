"""Endpoints of alarm rules, below /api/v1/."""

from django.urls import path

from alarms.api import rules

_RULE = "alarm-rules/<uuid:alarm_rule_id>"

urlpatterns = [
    path("alarm-rules", rules.RuleList.as_view(), name="api-alarm-rule-list"),
    path("alarm-rules/back-test", rules.BackTestNew.as_view(), name="api-alarm-rule-back-test-new"),
    path("alarm-rules/export", rules.RuleExport.as_view(), name="api-alarm-rule-export"),
    path("alarm-rules/import", rules.RuleImport.as_view(), name="api-alarm-rule-import"),
    path("alarm-rules/templates", rules.RuleTemplateList.as_view(), name="api-alarm-templates"),
    path(_RULE, rules.RuleDetail.as_view(), name="api-alarm-rule-detail"),
    path(f"{_RULE}/back-test", rules.RuleBackTest.as_view(), name="api-alarm-rule-back-test"),
    path(f"{_RULE}/versions", rules.RuleVersions.as_view(), name="api-alarm-rule-versions"),
    path(f"{_RULE}/restore", rules.RuleRestore.as_view(), name="api-alarm-rule-restore"),
]
