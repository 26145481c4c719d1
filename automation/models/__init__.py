"""Tables of automation."""

from automation.models import history  # noqa: F401 (adds its tables)
from automation.models.execution import (
    OPEN,
    Execution,
    ExecutionState,
    ExecutionStep,
    Origin,
    Reason,
    StepState,
)
from automation.models.rule import (
    AutomationEventNote,
    AutomationRule,
    AutomationRuleVersion,
    Quarantine,
    RuleState,
)
from automation.models.schedule import Schedule

__all__ = [
    "OPEN",
    "AutomationEventNote",
    "AutomationRule",
    "AutomationRuleVersion",
    "Execution",
    "ExecutionState",
    "ExecutionStep",
    "Origin",
    "Quarantine",
    "Reason",
    "RuleState",
    "Schedule",
    "StepState",
]
