"""Addresses of the alarm pages, all below /alarms/."""

from django.urls import path

from alarms.pages import acting, inbox

urlpatterns = [
    path("", inbox.inbox, name="alarms"),
    path("history/", inbox.history, name="alarms-history"),
    path("act", acting.alarms_act, name="alarms-act"),
    path("<uuid:alarm_id>/", inbox.alarm, name="alarm"),
    path("<uuid:alarm_id>/act", acting.alarm_act, name="alarm-act"),
]
