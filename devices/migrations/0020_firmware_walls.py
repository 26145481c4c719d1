"""A campaign, its firmware and its devices belong to one tenant."""

from django.db import migrations

WALLS = (
    ("devices_campaign", "release_id", "devices_firmwarerelease"),
    ("devices_campaigntarget", "campaign_id", "devices_campaign"),
    ("devices_campaigntarget", "device_id", "devices_device"),
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
    dependencies = [("devices", "0019_firmware")]

    operations = [wall(*parts) for parts in WALLS]
