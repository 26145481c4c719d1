"""App configuration."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """The fleet."""

    name = "devices"
    verbose_name = "Fleet"
