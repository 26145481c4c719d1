"""Whose changes are kept: what people decide about alarms beforehand."""

from __future__ import annotations

from accounts.models.history import keep_history
from alarms.models.notify import (
    EscalationStep,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
    OnCallStandIn,
)
from alarms.models.quiet import MaintenanceWindow, Shelving
from alarms.models.rule import AlarmRule
from alarms.models.sources import AlarmCheck

for _model in (
    AlarmCheck, AlarmRule, MaintenanceWindow, Shelving, NotificationRoute, EscalationStep,
    OnCallRota, OnCallMember, OnCallStandIn,
):  # fmt: skip
    keep_history(_model)
keep_history(NotificationTarget, ignore=("secret", "failures", "paused_until"))
