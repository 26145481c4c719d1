"""Tables of alarms."""

from alarms.models import history  # noqa: F401 (adds its tables)
from alarms.models.alarm import Alarm, AlarmEvent, Ending, Rating, Source, Suppression
from alarms.models.notify import (
    EscalationStep,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
    OnCallStandIn,
    TargetKind,
)
from alarms.models.outbox import (
    DeliveryAttempt,
    InAppNote,
    MessageKind,
    MessageState,
    Notification,
    NotificationMessage,
    PushSubscription,
)
from alarms.models.quiet import MaintenanceWindow, Shelving
from alarms.models.rule import AlarmRule, AlarmRuleVersion, WatchState
from alarms.models.sources import AlarmCheck, DeviceEventNote

__all__ = [
    "Alarm",
    "AlarmCheck",
    "AlarmEvent",
    "AlarmRule",
    "AlarmRuleVersion",
    "DeviceEventNote",
    "DeliveryAttempt",
    "Ending",
    "EscalationStep",
    "InAppNote",
    "MaintenanceWindow",
    "MessageKind",
    "MessageState",
    "Notification",
    "NotificationMessage",
    "NotificationRoute",
    "NotificationTarget",
    "OnCallMember",
    "OnCallRota",
    "OnCallStandIn",
    "PushSubscription",
    "Rating",
    "Shelving",
    "Source",
    "Suppression",
    "TargetKind",
    "WatchState",
]
