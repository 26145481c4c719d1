"""Tables whose rows go with what they belong to."""

# written by machines; nobody may delete them alone
DELETED_SILENTLY = (
    "alarms.Alarm",
    "alarms.AlarmEvent",
    "alarms.AlarmRuleVersion",
    "alarms.DeliveryAttempt",
    "alarms.InAppNote",
    "alarms.Notification",
    "alarms.NotificationMessage",
    "alarms.WatchState",
    "automation.AutomationRuleVersion",
    "automation.Execution",
    "automation.ExecutionStep",
    "automation.RuleState",
    "telemetry.LatestValue",
    "devices.DeviceEvent",
    "devices.DeviceConfiguration",
    "devices.ReportedConfiguration",
    "devices.Command",
    "devices.CommandBatchItem",
    "devices.CommandSecret",
    "devices.ActuatorState",
    "devices.ZoneLease",
    "devices.OnboardingToken",
    "devices.DeviceTransfer",
)
