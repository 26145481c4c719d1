"""The address of the overview of automation."""

from django.urls import path

from automation.pages import overview

urlpatterns = [path("", overview.overview, name="automation")]
