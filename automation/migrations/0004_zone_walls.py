"""Walls between tenants around zones and recipes."""

from django.db import migrations

WALLS = (
    ("automation_recipephase", "recipe_id", "automation_recipe"),
    ("automation_zonecontrol", "zone_id", "devices_zone"),
    ("automation_zonecontrol", "recipe_id", "automation_recipe"),
    ("automation_zonerole", "control_id", "automation_zonecontrol"),
    ("automation_zonerole", "device_id", "devices_device"),
    ("automation_zonecontroller", "control_id", "automation_zonecontrol"),
    ("automation_zonecontroller", "channel_id", "devices_channel"),
    ("automation_zonephase", "control_id", "automation_zonecontrol"),
    ("automation_schedule", "control_id", "automation_zonecontrol"),
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
    dependencies = [("automation", "0003_zones")]

    operations = [wall(*parts) for parts in WALLS]
