"""App configuration."""

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    """Rules, schedules, recipes and targets, and what they do."""

    name = "automation"
    verbose_name = "Automation"

    def ready(self) -> None:
        """Take part in the deletion of tenants."""
        from accounts.services.erasure import register_eraser
        from automation.erasure import erase_event_notes

        register_eraser(erase_event_notes)
