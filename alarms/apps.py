"""App configuration."""

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    """Alarm rules, alarms, and who is told of them."""

    name = "alarms"
    verbose_name = "Alarms"

    def ready(self) -> None:
        """Take part in the deletion of tenants."""
        from accounts.services.erasure import register_eraser
        from alarms.erasure import erase_notes

        register_eraser(erase_notes)
