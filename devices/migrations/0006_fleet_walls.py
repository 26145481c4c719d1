"""Zones, and what devices tell, belong to the tenant of their site or device."""

from django.db import migrations

WALLS = (
    ("devices_zone", "site_id", "devices_site"),
    ("devices_device", "zone_id", "devices_zone"),
    ("devices_deviceevent", "device_id", "devices_device"),
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
    dependencies = [("devices", "0005_fleet_foundation")]

    operations = [wall(*parts) for parts in WALLS]
