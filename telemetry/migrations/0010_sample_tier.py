"""A hypertable for the samples of a new database, where it has TimescaleDB."""

from django.db import migrations


def choose_tier(apps, schema_editor):
    from telemetry.storage.tiers import make_hypertable, wants_hypertable

    database = schema_editor.connection
    with database.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM telemetry_sample)")
        (has_samples,) = cursor.fetchone()
    # samples that are there already move at a time that people choose: manage.py storage_tier
    if not has_samples and wants_hypertable(database):
        make_hypertable(database)


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0009_rejected_groups")]

    operations = [migrations.RunPython(choose_tier, migrations.RunPython.noop)]
