"""Walls between tenants around charging."""

from django.db import migrations

WALLS = (
    ("charging_chargepoint", "site_id", "devices_site"),
    ("charging_chargepoint", "device_id", "devices_device"),
    ("charging_chargepoint", "price_id", "charging_chargingprice"),
    ("charging_connector", "charge_point_id", "charging_chargepoint"),
    ("charging_connector", "energy_channel_id", "devices_channel"),
    ("charging_connector", "power_channel_id", "devices_channel"),
    ("charging_idtag", "site_id", "devices_site"),
    ("charging_chargingsession", "connector_id", "charging_connector"),
    ("charging_chargingsession", "id_tag_id", "charging_idtag"),
    ("charging_chargingevent", "connector_id", "charging_connector"),
    ("charging_chargingevent", "session_id", "charging_chargingsession"),
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
    dependencies = [("charging", "0001_charging")]

    operations = [wall(*parts) for parts in WALLS]
