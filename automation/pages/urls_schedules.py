"""Addresses of the pages of schedules, below /automation/."""

from django.urls import path

from automation.pages import schedule_edit, schedules

_SCHEDULE = "schedules/<uuid:schedule_id>"

urlpatterns = [
    path("schedules/", schedules.schedules, name="automation-schedules"),
    path("schedules/new", schedule_edit.schedule_new, name="automation-schedule-new"),
    path("schedules/places/<uuid:site_id>", schedules.site_place, name="automation-schedule-place"),
    path(_SCHEDULE, schedules.schedule, name="automation-schedule"),
    path(f"{_SCHEDULE}/edit", schedule_edit.schedule_edit, name="automation-schedule-edit"),
    path(f"{_SCHEDULE}/switch", schedules.schedule_switch, name="automation-schedule-switch"),
    path(f"{_SCHEDULE}/run", schedules.schedule_run, name="automation-schedule-run"),
    path(f"{_SCHEDULE}/remove", schedules.schedule_remove, name="automation-schedule-remove"),
]
