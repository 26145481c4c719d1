"""Tables of alarms."""

from alarms.models import history  # noqa: F401 (adds its tables)
from alarms.models.alarm import Alarm, AlarmEvent, Ending, Rating, Source, Suppression
from alarms.models.quiet import MaintenanceWindow, Shelving
from alarms.models.rule import AlarmRule, AlarmRuleVersion, WatchState

__all__ = [
    "Alarm",
    "AlarmEvent",
    "AlarmRule",
    "AlarmRuleVersion",
    "Ending",
    "MaintenanceWindow",
    "Rating",
    "Shelving",
    "Source",
    "Suppression",
    "WatchState",
]
