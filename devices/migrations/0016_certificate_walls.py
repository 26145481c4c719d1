"""Certificates belong to the tenant of their device; deleted ones stay revoked."""

from django.db import migrations

WALLS = (
    ("devices_devicecertificate", "device_id", "devices_device"),
    ("devices_devicecertificate", "replaces_id", "devices_devicecertificate"),
    ("devices_shutout", "device_id", "devices_device"),
)

# However a row goes, by hand, with its device or with its tenant: who kept the key must not
# come back. The list is signed again by the sweep, which finds published_at empty.
KEEP_REVOKED = """
CREATE FUNCTION devices_keep_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.not_after > now() THEN
        INSERT INTO devices_revokedcertificate
            (serial, authority_id, key_fingerprint, revoked_at, reason, expires_at)
        VALUES (OLD.serial, OLD.authority_id, OLD.key_fingerprint,
                coalesce(OLD.revoked_at, now()), 'cessation_of_operation', OLD.not_after)
        ON CONFLICT (serial) DO NOTHING;
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER certificate_stays_revoked AFTER DELETE ON devices_devicecertificate
    FOR EACH ROW EXECUTE FUNCTION devices_keep_revoked()
"""
FORGET = """
DROP TRIGGER certificate_stays_revoked ON devices_devicecertificate;
DROP FUNCTION devices_keep_revoked()
"""


def wall(table, column, target):
    """Return the operation that adds one composite foreign key."""
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("devices", "0015_certificates")]

    operations = [
        *(wall(*parts) for parts in WALLS),
        migrations.RunSQL(KEEP_REVOKED, FORGET),
    ]
