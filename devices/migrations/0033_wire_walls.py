"""Walls between tenants around devices on wires."""

from django.db import migrations

WALLS = (
    ("devices_modbusbus", "site_id", "devices_site"),
    ("devices_modbusunit", "device_id", "devices_device"),
    ("devices_modbusunit", "bus_id", "devices_modbusbus"),
    ("devices_serialline", "device_id", "devices_device"),
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
    dependencies = [("devices", "0032_wires")]

    operations = [wall(*parts) for parts in WALLS]
