"""What a rule said when it acted."""

from __future__ import annotations

from typing import Any

from automation.models import AutomationRuleVersion, Execution


def definition_of(execution: Execution) -> dict[str, Any] | None:
    """Return the version of the rule that decided; None if it is gone."""
    versions = AutomationRuleVersion.objects.filter(
        rule_id=execution.rule_id, number=execution.version
    )
    found: dict[str, Any] | None = versions.values_list("definition", flat=True).first()
    return found
