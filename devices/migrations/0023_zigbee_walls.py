"""A Zigbee network belongs to the tenant of its gateway."""

from django.db import migrations

WALLS = (
    ("devices_zigbeebridge", "gateway_id", "devices_gateway"),
    ("devices_zigbeenode", "gateway_id", "devices_gateway"),
    ("devices_zigbeenode", "device_id", "devices_device"),
    ("devices_pendingzigbeeclaim", "gateway_id", "devices_gateway"),
    ("devices_pendingzigbeeclaim", "node_id", "devices_zigbeenode"),
    ("devices_gatewaysharetoken", "gateway_id", "devices_gateway"),
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
    dependencies = [("devices", "0022_zigbee")]

    operations = [wall(*parts) for parts in WALLS]
