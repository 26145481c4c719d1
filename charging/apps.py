"""App configuration."""

from django.apps import AppConfig


class ChargingConfig(AppConfig):
    """Charge points, their connectors, and charging sessions with receipts."""

    name = "charging"
    verbose_name = "Charging"

    def ready(self) -> None:
        """Take part in who may command a device."""
        from charging.services.doors import GUARDED, may_command
        from devices.services.command_doors import register_guard

        register_guard(GUARDED, may_command)
