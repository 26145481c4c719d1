"""Claims, tokens and transfers belong to the tenant of their device."""

from django.db import migrations

TABLES = ("devices_claim", "devices_onboardingtoken", "devices_devicetransfer")


def wall(table):
    """Return the operation that adds one composite foreign key."""
    name = f"{table}_device_id_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, device_id) "
        "REFERENCES devices_device (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("devices", "0011_claims")]

    operations = [wall(table) for table in TABLES]
