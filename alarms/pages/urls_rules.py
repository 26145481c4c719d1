"""Addresses of alarm rules, below /alarms/."""

from django.urls import path

from alarms.pages import rule_edit, rules

_RULE = "rules/<uuid:alarm_rule_id>"

urlpatterns = [
    path("rules/", rules.rules, name="alarm-rules"),
    path("rules/new", rule_edit.rule_new, name="alarm-rule-new"),
    path("rules/export", rules.rules_export, name="alarm-rules-export"),
    path("rules/import", rules.rules_import, name="alarm-rules-import"),
    path("rules/templates", rules.rule_templates, name="alarm-rule-templates"),
    path("rules/templates/add", rules.rule_template_add, name="alarm-rule-template-add"),
    path(_RULE, rules.rule, name="alarm-rule"),
    path(f"{_RULE}/edit", rule_edit.rule_edit, name="alarm-rule-edit"),
    path(f"{_RULE}/switch", rules.rule_switch, name="alarm-rule-switch"),
    path(f"{_RULE}/restore", rules.rule_restore, name="alarm-rule-restore"),
    path(f"{_RULE}/remove", rules.rule_remove, name="alarm-rule-remove"),
]
