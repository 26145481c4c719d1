"""App configuration."""

from django.apps import AppConfig


class ChargingConfig(AppConfig):
    """Charge points, their connectors, and charging sessions with receipts."""

    name = "charging"
    verbose_name = "Charging"
