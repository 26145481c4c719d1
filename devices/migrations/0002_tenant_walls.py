"""The database's own wall between tenants: references carry the tenant.

The tenant filter of the ORM is the first wall; these constraints refuse a row that
points to another tenant's row even when it is written by SQL.
"""

from django.db import migrations

WALLS = (
    ("devices_gateway", "site_id", "devices_site"),
    ("devices_device", "site_id", "devices_site"),
    ("devices_device", "gateway_id", "devices_gateway"),
    ("devices_channel", "device_id", "devices_device"),
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
    dependencies = [("devices", "0001_initial")]

    operations = [wall(*parts) for parts in WALLS]
