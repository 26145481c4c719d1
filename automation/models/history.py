"""Whose changes are kept: what people decide."""

from __future__ import annotations

from accounts.models.history import keep_history
from automation.models.guard import DemandGuard, SheddableLoad
from automation.models.rule import AutomationRule
from automation.models.schedule import Schedule
from automation.models.zones import Recipe, RecipePhase, ZoneControl, ZoneController, ZoneRole

keep_history(
    AutomationRule,
    ignore=("failures", "acted_at", "listens", "channels", "hook_hash", "position", "next_at"),
)
keep_history(Schedule, ignore=("position", "next_at"))
keep_history(Recipe)
keep_history(RecipePhase)
keep_history(
    ZoneControl,
    ignore=("plan", "next_at", "last_cycle_at", "errors", "last_error", "last_error_at"),
)
keep_history(ZoneRole)
keep_history(ZoneController)
keep_history(DemandGuard, ignore=("window_at", "next_at"))
keep_history(SheddableLoad, ignore=("is_shed", "since", "asked", "execution", "tried_at"))
