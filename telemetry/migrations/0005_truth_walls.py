"""What is known about readings belongs to the tenant of the device."""

from django.db import migrations

WALLS = (
    ("telemetry_devicesequence", "device_id", "devices_device"),
    ("telemetry_sequencegap", "sequence_id", "telemetry_devicesequence"),
    ("telemetry_samplecorrection", "channel_id", "devices_channel"),
    ("telemetry_channelday", "channel_id", "devices_channel"),
)
# rewritten all the time; room on the page keeps the indexes out of it
TUNE = """
ALTER TABLE telemetry_devicesequence SET (fillfactor = 70);
ALTER TABLE telemetry_channelday SET (fillfactor = 80)
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
    dependencies = [("telemetry", "0004_truth")]

    operations = [
        *(wall(*parts) for parts in WALLS),
        migrations.RunSQL(TUNE, migrations.RunSQL.noop),
    ]
