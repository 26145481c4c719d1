"""Walls between tenants around demand guards."""

from importlib import import_module

from django.db import migrations

wall = import_module("automation.migrations.0002_walls").wall

WALLS = (
    ("automation_demandguard", "site_id", "devices_site"),
    ("automation_demandguard", "register_id", "metering_register"),
    ("automation_demandguard", "channel_id", "devices_channel"),
    ("automation_sheddableload", "guard_id", "automation_demandguard"),
    ("automation_sheddableload", "device_id", "devices_device"),
    ("automation_sheddableload", "execution_id", "automation_execution"),
    ("automation_demandwindow", "guard_id", "automation_demandguard"),
)


class Migration(migrations.Migration):
    dependencies = [("automation", "0005_guards")]

    operations = [wall(*parts) for parts in WALLS]
