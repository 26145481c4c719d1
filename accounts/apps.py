"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Tenants and people."""

    name = "accounts"
    verbose_name = "Tenants and people"
