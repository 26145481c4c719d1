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
from automation.models.guard import DemandGuard, DemandWindow, SheddableLoad
from automation.models.rule import (
    AutomationEventNote,
    AutomationRule,
    AutomationRuleVersion,
    Quarantine,
    RuleState,
)
from automation.models.schedule import Schedule
from automation.models.zones import (
    ControlMode,
    Recipe,
    RecipePhase,
    RecipeState,
    ZoneControl,
    ZoneController,
    ZonePhase,
    ZoneRole,
)

__all__ = [
    "OPEN",
    "AutomationEventNote",
    "AutomationRule",
    "AutomationRuleVersion",
    "ControlMode",
    "DemandGuard",
    "DemandWindow",
    "Execution",
    "ExecutionState",
    "ExecutionStep",
    "Origin",
    "Quarantine",
    "Reason",
    "Recipe",
    "RecipePhase",
    "RecipeState",
    "RuleState",
    "Schedule",
    "SheddableLoad",
    "StepState",
    "ZoneControl",
    "ZoneController",
    "ZonePhase",
    "ZoneRole",
]
