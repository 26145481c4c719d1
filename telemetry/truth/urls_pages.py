"""Addresses of the forms about data quality."""

from django.urls import path

from telemetry.truth import page_overview, pages

_QUALITY = "devices/<uuid:device_id>/quality/"

urlpatterns = [
    path("quality", page_overview.overview, name="quality"),
    path(f"{_QUALITY}readings", pages.reading_add, name="device-reading-add"),
    path(f"{_QUALITY}corrections", pages.value_correct, name="device-value-correct"),
    path(f"{_QUALITY}request", pages.gaps_request, name="device-gaps-request"),
]
