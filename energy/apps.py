"""App configuration of the composition root."""

from django.apps import AppConfig


class EnergyConfig(AppConfig):
    """Loads the system checks and offers the long-running commands."""

    name = "energy"
    verbose_name = "Platform"

    def ready(self) -> None:
        """Register the system checks."""
        from energy import checks, checks_security  # noqa: F401
