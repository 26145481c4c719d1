"""Tables of alarms."""

from alarms.models import history  # noqa: F401 (adds its tables)
from alarms.models.alarm import Alarm, AlarmEvent, Ending, Rating, Source, Suppression
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
    "Ending",
    "MaintenanceWindow",
    "Rating",
    "Shelving",
    "Source",
    "Suppression",
    "WatchState",
]
