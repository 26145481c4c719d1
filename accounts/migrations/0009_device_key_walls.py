"""The key of a device belongs to the tenant of the device."""

from django.db import migrations

NAME = "accounts_apikey_device_id_same_tenant"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_device_keys")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE accounts_apikey ADD CONSTRAINT {NAME} FOREIGN KEY (tenant_id, device_id) "
            "REFERENCES devices_device (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE accounts_apikey DROP CONSTRAINT {NAME}",
        )
    ]
