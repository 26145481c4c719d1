"""App configuration."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """The fleet."""

    name = "devices"
    verbose_name = "Fleet"

    def ready(self) -> None:
        """Take part in the deletion of tenants."""
        from accounts.services.erasure import register_eraser
        from devices.erasure import erase_broker_accounts, erase_images

        register_eraser(erase_broker_accounts)
        register_eraser(erase_images)
