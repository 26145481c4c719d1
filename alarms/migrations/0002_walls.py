"""Walls between tenants around alarms."""

from django.db import migrations

_SUBJECTS = (
    ("site_id", "devices_site"), ("gateway_id", "devices_gateway"),
    ("device_id", "devices_device"), ("channel_id", "devices_channel"),
)  # fmt: skip
WALLS = (
    *(("alarms_alarm", *subject) for subject in _SUBJECTS),
    ("alarms_alarm", "rule_id", "alarms_alarmrule"),
    ("alarms_alarm", "version_id", "alarms_alarmruleversion"),
    ("alarms_alarm", "parent_id", "alarms_alarm"),
    ("alarms_alarmevent", "alarm_id", "alarms_alarm"),
    ("alarms_alarmrule", "site_id", "devices_site"),
    ("alarms_alarmrule", "device_id", "devices_device"),
    ("alarms_alarmrule", "channel_id", "devices_channel"),
    ("alarms_alarmruleversion", "rule_id", "alarms_alarmrule"),
    ("alarms_watchstate", "rule_id", "alarms_alarmrule"),
    ("alarms_watchstate", "channel_id", "devices_channel"),
    ("alarms_maintenancewindow", "site_id", "devices_site"),
    ("alarms_maintenancewindow", "gateway_id", "devices_gateway"),
    ("alarms_maintenancewindow", "device_id", "devices_device"),
)


def wall(table, column, target):
    """Return the operation that adds one composite foreign key."""
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("alarms", "0001_alarms")]

    operations = [wall(*parts) for parts in WALLS]
