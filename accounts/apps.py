"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Tenants and people."""

    name = "accounts"
    verbose_name = "Tenants and people"

    def ready(self) -> None:
        """Connect what is recorded about sign-ins, and who works without a request."""
        import_module("accounts.signin.receivers")
        import_module("accounts.unattended").watch_connections()
