"""Addresses of Explore and of exports."""

from django.urls import path

from telemetry.explore import pages

urlpatterns = [
    path("explore", pages.explore, name="explore"),
    path("explore/channels", pages.explore_channels, name="explore-channels"),
    path("explore/exports", pages.exports, name="exports"),
    path("explore/exports/<uuid:export_id>/delete", pages.export_delete, name="export-delete"),
]
