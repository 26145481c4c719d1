"""The tables of the ledger, and the walls between tenants."""

from django.db import migrations

WALLS = (
    ("metering_meter", "site_id", "devices_site"),
    ("metering_meter", "parent_id", "metering_meter"),
    ("metering_meterterm", "virtual_id", "metering_meter"),
    ("metering_meterterm", "meter_id", "metering_meter"),
    ("metering_register", "meter_id", "metering_meter"),
    ("metering_meterinstallation", "meter_id", "metering_meter"),
    ("metering_registerfeed", "installation_id", "metering_meterinstallation"),
    ("metering_registerfeed", "register_id", "metering_register"),
    ("metering_registerfeed", "channel_id", "devices_channel"),
    ("metering_decision", "register_id", "metering_register"),
    ("metering_ledgerbooking", "register_id", "metering_register"),
)
# amount = difference + adjustment holds wherever there is a register; power has none
TABLES = """
CREATE TABLE metering_interval (
    register_id integer NOT NULL,
    start timestamptz NOT NULL,
    amount bigint NOT NULL,
    begin_register bigint,
    end_register bigint,
    adjustment bigint NOT NULL DEFAULT 0,
    grade smallint NOT NULL,
    method smallint NOT NULL,
    is_open boolean NOT NULL,
    revision smallint NOT NULL DEFAULT 1,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (register_id, start),
    CONSTRAINT interval_adds_up CHECK (amount = end_register - begin_register + adjustment),
    CONSTRAINT interval_is_a_quarter CHECK (extract(epoch FROM start)::bigint % 900 = 0)
) PARTITION BY RANGE (start);
CREATE TABLE metering_interval_past (
    register_id integer NOT NULL,
    start timestamptz NOT NULL,
    amount bigint NOT NULL,
    begin_register bigint,
    end_register bigint,
    adjustment bigint NOT NULL,
    grade smallint NOT NULL,
    method smallint NOT NULL,
    is_open boolean NOT NULL,
    revision smallint NOT NULL,
    recorded_at timestamptz NOT NULL,
    superseded_at timestamptz NOT NULL,
    PRIMARY KEY (register_id, start, revision)
);
CREATE FUNCTION metering_forget_registers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM metering_interval USING gone WHERE register_id = gone.id;
    DELETE FROM metering_interval_past USING gone WHERE register_id = gone.id;
    DELETE FROM metering_day USING gone WHERE register_id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER metering_forget AFTER DELETE ON metering_register
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION metering_forget_registers();
ALTER TABLE metering_ledger_state SET (fillfactor = 60);
ALTER TABLE metering_day SET (fillfactor = 70)
"""
NO_TABLES = """
DROP TRIGGER metering_forget ON metering_register;
DROP FUNCTION metering_forget_registers();
DROP TABLE metering_interval_past;
DROP TABLE metering_interval
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
    dependencies = [("metering", "0001_meters"), ("telemetry", "0013_watched")]

    operations = [
        migrations.RunSQL(TABLES, NO_TABLES),
        *(wall(*parts) for parts in WALLS),
    ]
