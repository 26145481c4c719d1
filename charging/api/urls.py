"""Addresses of charging in the API, below /api/v1/charging/."""

from django.urls import path

from charging.api import health, points, sessions

_POINT = "charge-points/<uuid:charge_point_id>"
_SESSION = "sessions/<uuid:charging_session_id>"

urlpatterns = [
    path("health", health.ChargingHealthNow.as_view(), name="api-charging-health"),
    path("metrics", health.ChargingMetricsNow.as_view(), name="api-charging-metrics"),
    path("alerts", health.ChargingAlerts.as_view(), name="api-charging-alerts"),
    path("charge-points", points.ChargePointList.as_view(), name="api-charge-point-list"),
    path(_POINT, points.ChargePointDetail.as_view(), name="api-charge-point"),
    path(f"{_POINT}/status", points.ChargePointStatus.as_view(), name="api-charge-point-status"),
    path(f"{_POINT}/station", points.ChargePointStation.as_view(), name="api-charge-point-station"),
    path(f"{_POINT}/meter", points.ChargePointMeter.as_view(), name="api-charge-point-meter"),
    path(
        f"{_POINT}/current-available",
        points.ChargePointCurrent.as_view(),
        name="api-charge-point-current",
    ),
    path(f"{_POINT}/start", points.ChargePointStart.as_view(), name="api-charge-point-start"),
    path(f"{_POINT}/stop", points.ChargePointStop.as_view(), name="api-charge-point-stop"),
    path(f"{_POINT}/max-current", points.ChargePointLimit.as_view(), name="api-charge-point-limit"),
    path(f"{_POINT}/lock", points.ChargePointLock.as_view(), name="api-charge-point-lock"),
    path(f"{_POINT}/unlock", points.ChargePointUnlock.as_view(), name="api-charge-point-unlock"),
    path("sessions", sessions.ChargingSessionList.as_view(), name="api-charging-session-list"),
    path(_SESSION, sessions.ChargingSessionDetail.as_view(), name="api-charging-session"),
    path(
        f"{_SESSION}/receipt",
        sessions.ChargingSessionReceipt.as_view(),
        name="api-charging-receipt",
    ),
    path("tags", sessions.TagList.as_view(), name="api-charging-tag-list"),
    path("tags/<uuid:id_tag_id>", sessions.TagDetail.as_view(), name="api-charging-tag"),
    path("prices", sessions.PriceList.as_view(), name="api-charging-price-list"),
    path(
        "prices/<uuid:charging_price_id>",
        sessions.PriceDetail.as_view(),
        name="api-charging-price",
    ),
]
