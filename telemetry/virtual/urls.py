"""Pages of calculated values."""

from django.urls import path

from telemetry.virtual import pages

_PAGE = "devices/<uuid:device_id>/calculated"

urlpatterns = [
    path(_PAGE, pages.virtual_channels, name="device-virtual"),
    path(f"{_PAGE}/new", pages.virtual_new, name="device-virtual-new"),
    path(f"{_PAGE}/<uuid:virtual_id>/remove", pages.virtual_remove, name="device-virtual-remove"),
]
