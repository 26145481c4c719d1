"""Walls between tenants around budgets and baselines."""

from django.db import migrations

WALLS = (
    ("metering_budget", "site_id", "devices_site"),
    ("metering_budget", "meter_id", "metering_meter"),
    ("metering_baseline", "site_id", "devices_site"),
    ("metering_baseline", "meter_id", "metering_meter"),
    ("metering_baseline", "channel_id", "devices_channel"),
)


def wall(table, column, target):
    """Return the operation that adds one composite foreign key."""
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("metering", "0011_plans")]

    operations = [wall(*parts) for parts in WALLS]
