"""Addresses of quiet times, all below /api/v1/."""

from django.urls import path

from alarms.api.quiet import ShelvingDetail, ShelvingList, WindowDetail, WindowList

urlpatterns = [
    path("maintenance-windows", WindowList.as_view(), name="api-maintenance-windows"),
    path(
        "maintenance-windows/<uuid:window_id>",
        WindowDetail.as_view(),
        name="api-maintenance-window",
    ),
    path("shelvings", ShelvingList.as_view(), name="api-shelvings"),
    path("shelvings/<uuid:shelving_id>", ShelvingDetail.as_view(), name="api-shelving"),
]
