"""Walls between tenants, and what is never changed once it is written."""

from django.db import migrations

WALLS = (
    ("metering_tariffversion", "tariff_id", "metering_tariff"),
    ("metering_tariffassignment", "site_id", "devices_site"),
    ("metering_tariffassignment", "meter_id", "metering_meter"),
    ("metering_tariffassignment", "tariff_id", "metering_tariff"),
    ("metering_price", "series_id", "metering_priceseries"),
    ("metering_billingperiod", "site_id", "devices_site"),
    ("metering_costline", "meter_id", "metering_meter"),
    ("metering_costline", "version_id", "metering_tariffversion"),
    ("metering_costline", "period_id", "metering_billingperiod"),
    ("metering_costline", "corrects_id", "metering_costline", "ON DELETE CASCADE"),
    ("metering_cost_state", "meter_id", "metering_meter"),
    ("metering_costcentre", "site_id", "devices_site"),
    ("metering_costcentre", "meter_id", "metering_meter"),
    ("metering_allocationkey", "site_id", "devices_site"),
    ("metering_allocationkey", "meter_id", "metering_meter"),
    ("metering_allocationshare", "key_id", "metering_allocationkey"),
    ("metering_allocationshare", "centre_id", "metering_costcentre"),
)
# who is erased, with all that is theirs, is named in energy.erasing
GUARDS = """
CREATE FUNCTION metering_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a tariff is never changed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER metering_keep_version BEFORE UPDATE ON metering_tariffversion
    FOR EACH ROW EXECUTE FUNCTION metering_keep_version();
CREATE FUNCTION metering_keep_billed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('energy.erasing', true) = OLD.tenant_id::text THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a line that was billed is never changed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER metering_keep_billed BEFORE UPDATE OR DELETE ON metering_costline
    FOR EACH ROW WHEN (OLD.period_id IS NOT NULL) EXECUTE FUNCTION metering_keep_billed();
ALTER TABLE metering_costline SET (fillfactor = 90)
"""
NO_GUARDS = """
DROP TRIGGER metering_keep_billed ON metering_costline;
DROP FUNCTION metering_keep_billed();
DROP TRIGGER metering_keep_version ON metering_tariffversion;
DROP FUNCTION metering_keep_version()
"""


def wall(table, column, target, rule=""):
    """Return the operation that adds one composite foreign key."""
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) {rule} DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("metering", "0003_tariffs")]

    operations = [
        *(wall(*parts) for parts in WALLS),
        migrations.RunSQL(GUARDS, NO_GUARDS),
    ]
