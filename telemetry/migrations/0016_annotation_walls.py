"""A note belongs to the tenant of its site and device."""

from django.db import migrations

WALLS = (
    ("telemetry_annotation", "site_id", "devices_site"),
    ("telemetry_annotation", "device_id", "devices_device"),
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
    dependencies = [("telemetry", "0015_annotations")]

    operations = [wall(*parts) for parts in WALLS]
