"""Whose changes are kept: what people decide."""

from __future__ import annotations

from accounts.models.history import keep_history
from automation.models.rule import AutomationRule
from automation.models.schedule import Schedule

keep_history(
    AutomationRule,
    ignore=("failures", "acted_at", "listens", "channels", "hook_hash", "position", "next_at"),
)
keep_history(Schedule, ignore=("position", "next_at"))
