"""Commands, their batches and what makes them safe belong to the tenant of their device."""

from django.db import migrations

DEVICE = "devices_device"
WALLS = (
    ("devices_command", "device_id", DEVICE),
    ("devices_command", "batch_id", "devices_commandbatch"),
    ("devices_commandbatchitem", "device_id", DEVICE),
    ("devices_commandbatchitem", "batch_id", "devices_commandbatch"),
    ("devices_commandbatchitem", "command_id", "devices_command"),
    ("devices_commandsecret", "device_id", DEVICE),
    ("devices_actuatorstate", "device_id", DEVICE),
    ("devices_actuatorstate", "command_id", "devices_command"),
    ("devices_interlock", "device_id", DEVICE),
    ("devices_interlock", "other_device_id", DEVICE),
    ("devices_zonelease", "zone_id", "devices_zone"),
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
    dependencies = [("devices", "0013_commands")]

    operations = [wall(*parts) for parts in WALLS]
