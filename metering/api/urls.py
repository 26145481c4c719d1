"""Endpoints of meters, below /api/v1/."""

from django.urls import path

from metering.api.explain import Explain
from metering.api.ledger import BookingList, DecisionKeep, DecisionList, MeterReadings
from metering.api.meters import InstallationList, MeterDetail, MeterList

_METER = "meters/<uuid:meter_id>"

urlpatterns = [
    path("meters", MeterList.as_view(), name="api-meter-list"),
    path(_METER, MeterDetail.as_view(), name="api-meter-detail"),
    path(f"{_METER}/installations", InstallationList.as_view(), name="api-meter-installations"),
    path(f"{_METER}/readings", MeterReadings.as_view(), name="api-meter-readings"),
    path(f"{_METER}/decisions", DecisionList.as_view(), name="api-meter-decisions"),
    path(
        f"{_METER}/decisions/<int:decision_id>/keep",
        DecisionKeep.as_view(),
        name="api-meter-decision-keep",
    ),
    path(f"{_METER}/bookings", BookingList.as_view(), name="api-meter-bookings"),
    path("explain", Explain.as_view(), name="api-explain"),
]
