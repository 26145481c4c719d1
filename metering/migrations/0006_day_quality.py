"""Sums of days tell how many quarters were shared out and how many people booked."""

from django.db import migrations, models

# quarters that are simply measured need no look at
FILL = """
UPDATE metering_day AS day
SET prorated_quarters = found.prorated, manual_quarters = found.manual
FROM (
    SELECT entry.register_id, (entry.start AT TIME ZONE site.timezone)::date AS day,
        (count(*) FILTER (WHERE entry.grade = 1))::int2 AS prorated,
        (count(*) FILTER (WHERE entry.grade = 3))::int2 AS manual
    FROM metering_interval AS entry
    JOIN metering_register AS register ON register.id = entry.register_id
    JOIN metering_meter AS meter ON meter.id = register.meter_id
    JOIN devices_site AS site ON site.id = meter.site_id
    WHERE entry.grade IN (1, 3) GROUP BY 1, 2
) AS found
WHERE day.register_id = found.register_id AND day.day = found.day
"""


class Migration(migrations.Migration):
    """Add the columns and count what is stored."""

    dependencies = [("metering", "0005_feed_without_channel")]

    operations = [
        migrations.AddField(
            "registerday", "prorated_quarters", models.SmallIntegerField(db_default=0)
        ),
        migrations.AddField(
            "registerday", "manual_quarters", models.SmallIntegerField(db_default=0)
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
