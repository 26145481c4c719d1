"""App configuration."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """Meters and the energy ledger."""

    name = "metering"
    verbose_name = "Metering"

    def ready(self) -> None:
        """Say what a deleted tenant leaves here."""
        from accounts.services.erasure import register_eraser
        from metering.erasure import erase_ledger

        register_eraser(erase_ledger)
