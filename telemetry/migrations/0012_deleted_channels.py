"""Notes which channels were deleted, so that their rows can be removed."""

from django.db import migrations, models

NOTE = """
CREATE FUNCTION telemetry_note_deleted_channels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO telemetry_deleted_channel (channel, deleted_at)
        SELECT id, now() FROM gone ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER telemetry_note_deleted AFTER DELETE ON devices_channel
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION telemetry_note_deleted_channels()
"""
FORGET = """
DROP TRIGGER telemetry_note_deleted ON devices_channel;
DROP FUNCTION telemetry_note_deleted_channels()
"""
# What older versions left behind. The days of a channel are few against its samples, which go
# with their partitions.
LEFT_BEHIND = """
INSERT INTO telemetry_deleted_channel (channel, deleted_at)
SELECT channel_id, now() FROM (
    SELECT DISTINCT channel_id FROM telemetry_packed_day
    UNION SELECT DISTINCT channel_id FROM telemetry_rollup_day
    UNION SELECT channel_id FROM telemetry_rollup_zone
) AS stored
WHERE NOT EXISTS (SELECT FROM devices_channel WHERE id = stored.channel_id)
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', '0011_mark_times'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeletedChannel',
            fields=[
                ('channel', models.IntegerField(primary_key=True, serialize=False)),
                ('deleted_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'db_table': 'telemetry_deleted_channel',
            },
        ),
        migrations.RunSQL(NOTE, FORGET),
        migrations.RunSQL(LEFT_BEHIND, migrations.RunSQL.noop),
    ]
