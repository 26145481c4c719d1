"""Addresses of the customers' pages."""

from django.urls import path

from reports import views
from reports.energy import notes, pages

urlpatterns = [
    path("", views.home, name="home"),
    path("devices/<uuid:device_id>", views.device, name="device"),
    path("energy", pages.energy, name="energy"),
    path("energy/notes", notes.note_add, name="energy-note-add"),
    path("energy/notes/<uuid:annotation_id>/delete", notes.note_delete, name="energy-note-delete"),
    path("organisation", views.switch_organisation, name="tenant-switch"),
    path("styleguide", views.styleguide, name="styleguide"),
]
