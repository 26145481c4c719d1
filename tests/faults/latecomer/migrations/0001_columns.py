"""A column more in the busiest tables."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Takes the strongest lock there is, for an instant."""

    dependencies = [("telemetry", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE telemetry_sample ADD COLUMN latecomer integer",
            "ALTER TABLE telemetry_sample DROP COLUMN latecomer",
        ),
        migrations.RunSQL(
            "ALTER TABLE telemetry_latestvalue ADD COLUMN latecomer integer",
            "ALTER TABLE telemetry_latestvalue DROP COLUMN latecomer",
        ),
    ]
