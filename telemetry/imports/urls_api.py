"""Addresses of imports in the API."""

from __future__ import annotations

from django.urls import path

from telemetry.imports import api

urlpatterns = [
    path("imports", api.ImportList.as_view(), name="api-import-list"),
    path("imports/<uuid:import_id>", api.ImportDetail.as_view(), name="api-import-detail"),
    path(
        "imports/<uuid:import_id>/content", api.ImportContent.as_view(), name="api-import-content"
    ),
    path(
        "imports/<uuid:import_id>/preview", api.ImportPreview.as_view(), name="api-import-preview"
    ),
    path("imports/<uuid:import_id>/start", api.ImportStart.as_view(), name="api-import-start"),
    path("imports/<uuid:import_id>/cancel", api.ImportCancel.as_view(), name="api-import-cancel"),
    path(
        "imports/<uuid:import_id>/problems",
        api.ImportProblems.as_view(),
        name="api-import-problems",
    ),
]
