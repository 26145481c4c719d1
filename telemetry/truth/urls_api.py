"""Addresses of what is known about readings, all below /api/v1/."""

from django.urls import path

from telemetry.truth.api import (
    DeviceCorrections,
    DeviceGapRequest,
    DeviceQuality,
    DeviceReadings,
    SiteDevicesQuality,
    SiteQuality,
)

_DEVICE = "devices/<uuid:device_id>/"

urlpatterns = [
    path(f"{_DEVICE}quality", DeviceQuality.as_view(), name="api-device-quality"),
    path(f"{_DEVICE}quality/request", DeviceGapRequest.as_view(), name="api-device-gap-request"),
    path(f"{_DEVICE}readings", DeviceReadings.as_view(), name="api-device-readings"),
    path(f"{_DEVICE}corrections", DeviceCorrections.as_view(), name="api-device-corrections"),
    path("sites/<uuid:site_id>/quality", SiteQuality.as_view(), name="api-site-quality"),
    path(
        "sites/<uuid:site_id>/quality/devices",
        SiteDevicesQuality.as_view(),
        name="api-site-quality-devices",
    ),
]
