"""App configuration."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Measurements."""

    name = "telemetry"
    verbose_name = "Measurements"
