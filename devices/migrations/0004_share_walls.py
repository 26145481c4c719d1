"""A share belongs to the tenant whose site or device it shares."""

from django.db import migrations

SHARES = (
    ("devices_deviceuserpermission", "devices_device"),
    ("devices_devicetenantpermission", "devices_device"),
    ("devices_siteuserpermission", "devices_site"),
    ("devices_sitetenantpermission", "devices_site"),
)


def wall(table, target):
    """Return the operation that adds the composite foreign key."""
    name = f"{table}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, content_object_id) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("devices", "0003_shares")]

    operations = [wall(*parts) for parts in SHARES]
