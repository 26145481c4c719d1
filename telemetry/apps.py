"""App configuration."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Measurements."""

    name = "telemetry"
    verbose_name = "Measurements"

    def ready(self) -> None:
        """Take part in the deletion of tenants."""
        from accounts.services.erasure import register_eraser
        from telemetry.erasure import erase_telemetry

        register_eraser(erase_telemetry)
