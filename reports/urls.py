"""Addresses of the customers' pages."""

from django.urls import path

from reports import views

urlpatterns = [
    path("", views.home, name="home"),
    path("devices/<uuid:device_id>", views.device, name="device"),
    path("organisation", views.switch_organisation, name="tenant-switch"),
    path("styleguide", views.styleguide, name="styleguide"),
]
