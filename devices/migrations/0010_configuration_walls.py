"""A configuration belongs to the tenant of its device."""

from django.db import migrations

TABLES = ("devices_deviceconfiguration", "devices_reportedconfiguration")


def wall(table):
    """Return the operation that adds the composite foreign key."""
    name = f"{table}_device_id_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, device_id) "
        "REFERENCES devices_device (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("devices", "0009_configuration")]

    operations = [wall(table) for table in TABLES]
