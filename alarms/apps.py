"""App configuration."""

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    """Alarm rules, alarms, and who is told of them."""

    name = "alarms"
    verbose_name = "Alarms"
