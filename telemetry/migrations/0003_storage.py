"""Rollups, packed days and the marks that tell which rollups are due."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Rows of the running quarter are rewritten many times: room in the page keeps that cheap.
CREATE_ROLLUP = """
CREATE TABLE telemetry_rollup_15m (
    channel_id integer NOT NULL,
    start timestamptz NOT NULL,
    count integer NOT NULL,
    sum double precision,
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    first double precision NOT NULL,
    last double precision NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    good integer NOT NULL,
    PRIMARY KEY (channel_id, start)
) PARTITION BY RANGE (start)
"""

# What is packed is compressed already; marks live for seconds.
TUNE = """
ALTER TABLE telemetry_packed_day ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE telemetry_dirty_mark ALTER COLUMN channels SET STORAGE EXTERNAL;
ALTER TABLE telemetry_dirty_mark ALTER COLUMN windows SET STORAGE EXTERNAL;
ALTER TABLE telemetry_dirty_mark SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE telemetry_rollup_day SET (fillfactor = 70)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0023_zigbee_walls'),
        ('telemetry', '0002_sample_table'),
    ]

    operations = [
        migrations.CreateModel(
            name='Rollup15m',
            fields=[
                ('count', models.IntegerField()),
                ('sum', models.FloatField(null=True)),
                ('minimum', models.FloatField()),
                ('maximum', models.FloatField()),
                ('first', models.FloatField()),
                ('last', models.FloatField()),
                ('first_time', models.DateTimeField()),
                ('last_time', models.DateTimeField()),
                ('good', models.IntegerField()),
                ('pk', models.CompositePrimaryKey('channel_id', 'start', blank=True, editable=False, primary_key=True, serialize=False)),
                ('start', models.DateTimeField()),
            ],
            options={
                'db_table': 'telemetry_rollup_15m',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='DirtyMark',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('channels', models.BinaryField()),
                ('windows', models.BinaryField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'telemetry_dirty_mark',
            },
        ),
        migrations.CreateModel(
            name='RollupZone',
            fields=[
                ('channel', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='+', serialize=False, to='devices.channel')),
                ('zone', models.CharField(max_length=64)),
            ],
            options={
                'db_table': 'telemetry_rollup_zone',
            },
        ),
        migrations.CreateModel(
            name='StorageJob',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name='job')),
                ('state', models.JSONField(default=dict, verbose_name='state')),
                ('updated_at', models.DateTimeField(verbose_name='updated')),
            ],
            options={
                'verbose_name': 'storage job',
                'verbose_name_plural': 'storage jobs',
                'db_table': 'telemetry_storage_job',
            },
        ),
        migrations.CreateModel(
            name='PackedDay',
            fields=[
                ('pk', models.CompositePrimaryKey('channel_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField(help_text='UTC.')),
                ('count', models.IntegerField()),
                ('packed_at', models.DateTimeField()),
                ('data', models.BinaryField()),
                ('channel', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='devices.channel')),
            ],
            options={
                'db_table': 'telemetry_packed_day',
            },
        ),
        migrations.CreateModel(
            name='RollupDay',
            fields=[
                ('count', models.IntegerField()),
                ('sum', models.FloatField(null=True)),
                ('minimum', models.FloatField()),
                ('maximum', models.FloatField()),
                ('first', models.FloatField()),
                ('last', models.FloatField()),
                ('first_time', models.DateTimeField()),
                ('last_time', models.DateTimeField()),
                ('good', models.IntegerField()),
                ('pk', models.CompositePrimaryKey('channel_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('channel', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='devices.channel')),
            ],
            options={
                'db_table': 'telemetry_rollup_day',
            },
        ),
        migrations.RunSQL(CREATE_ROLLUP, "DROP TABLE telemetry_rollup_15m"),
        migrations.RunSQL(TUNE, migrations.RunSQL.noop),
    ]
