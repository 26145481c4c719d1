"""Addresses of the pages of rules, below /automation/."""

from django.urls import path

from automation.pages import rule_edit, rules

_RULE = "rules/<uuid:automation_rule_id>"

urlpatterns = [
    path("rules/", rules.rules, name="automation-rules"),
    path("rules/new", rule_edit.rule_new, name="automation-rule-new"),
    path("rules/templates", rule_edit.rule_templates, name="automation-rule-templates"),
    path("rules/export", rules.rules_export, name="automation-rules-export"),
    path("rules/import", rules.rules_import, name="automation-rules-import"),
    path(_RULE, rules.rule, name="automation-rule"),
    path(f"{_RULE}/edit", rule_edit.rule_edit, name="automation-rule-edit"),
    path(f"{_RULE}/switch", rules.rule_switch, name="automation-rule-switch"),
    path(f"{_RULE}/arm", rules.rule_arm, name="automation-rule-arm"),
    path(f"{_RULE}/restore", rules.rule_restore, name="automation-rule-restore"),
    path(f"{_RULE}/hook", rules.rule_hook, name="automation-rule-hook"),
    path(f"{_RULE}/remove", rules.rule_remove, name="automation-rule-remove"),
]
