"""Addresses of the pages of imports."""

from __future__ import annotations

from django.urls import path

from telemetry.imports import pages

urlpatterns = [
    path("data/imports", pages.imports, name="imports"),
    path("data/imports/new", pages.import_new, name="import-new"),
    path("data/imports/<uuid:import_id>", pages.import_page, name="import"),
    path("data/imports/<uuid:import_id>/progress", pages.import_progress, name="import-progress"),
    path("data/imports/<uuid:import_id>/settings", pages.import_change, name="import-change"),
    path("data/imports/<uuid:import_id>/cancel", pages.import_cancel, name="import-cancel"),
    path("data/imports/<uuid:import_id>/refused.csv", pages.import_problems, name="import-refused"),
]
