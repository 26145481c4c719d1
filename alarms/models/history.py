"""Whose changes are kept: what people decide about alarms beforehand."""

from __future__ import annotations

from accounts.models.history import keep_history
from alarms.models.quiet import MaintenanceWindow, Shelving
from alarms.models.rule import AlarmRule
from alarms.models.sources import AlarmCheck

for _model in (AlarmCheck, AlarmRule, MaintenanceWindow, Shelving):
    keep_history(_model)
