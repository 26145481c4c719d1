"""The table of samples, partitioned by week, and what the ORM cannot say about hot tables."""

from django.db import migrations

CREATE_SAMPLE = """
CREATE TABLE telemetry_sample (
    channel_id integer NOT NULL,
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    quality smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, time)
) PARTITION BY RANGE (time)
"""

# Rows of latest values are rewritten all the time: free space in each page lets an update
# stay in its page without touching the index.
TUNE_LATEST = """
ALTER TABLE telemetry_latestvalue SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0
)
"""

WALL = """
ALTER TABLE telemetry_latestvalue ADD CONSTRAINT telemetry_latestvalue_same_tenant
FOREIGN KEY (tenant_id, channel_id) REFERENCES devices_channel (tenant_id, id)
ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_initial"), ("devices", "0002_tenant_walls")]

    operations = [
        migrations.RunSQL(CREATE_SAMPLE, "DROP TABLE telemetry_sample"),
        migrations.RunSQL(TUNE_LATEST, "ALTER TABLE telemetry_latestvalue RESET (fillfactor)"),
        migrations.RunSQL(
            WALL,
            "ALTER TABLE telemetry_latestvalue DROP CONSTRAINT telemetry_latestvalue_same_tenant",
        ),
    ]
