"""Addresses of quiet times, below /alarms/."""

from django.urls import path

from alarms.pages import quiet

urlpatterns = [
    path("quiet", quiet.quiet, name="alarm-quiet"),
    path("quiet/windows", quiet.window_new, name="alarm-window-new"),
    path("quiet/windows/<uuid:window_id>/end", quiet.window_end, name="alarm-window-end"),
    path("quiet/shelvings", quiet.shelving_new, name="alarm-shelving-new"),
    path("quiet/shelvings/<uuid:shelving_id>/end", quiet.shelving_end, name="alarm-shelving-end"),
]
