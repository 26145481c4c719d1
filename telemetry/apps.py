"""App configuration."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Measurements."""

    name = "telemetry"
    verbose_name = "Measurements"

    def ready(self) -> None:
        """Take part in the deletion of tenants, and in what a type of device may say."""
        from accounts.services.erasure import register_eraser
        from devices.services.profiles import register_check
        from telemetry.decoding.mapping import check_mapping
        from telemetry.erasure import erase_telemetry

        register_eraser(erase_telemetry)
        register_check(lambda profile: check_mapping(profile.mapping))
