"""Addresses of schedules and of the log of automation in the API."""

from django.urls import path

from automation.api import executions, schedules

_SCHEDULE = "automation/schedules/<uuid:schedule_id>"
_EXECUTION = "automation/executions/<uuid:execution_id>"

urlpatterns = [
    path(
        "automation/executions", executions.ExecutionList.as_view(), name="api-execution-list"
    ),
    path(_EXECUTION, executions.ExecutionDetail.as_view(), name="api-execution-detail"),
    path(f"{_EXECUTION}/agree", executions.ExecutionAgree.as_view(), name="api-execution-agree"),
    path(
        f"{_EXECUTION}/decline", executions.ExecutionDecline.as_view(),
        name="api-execution-decline",
    ),
    path(f"{_EXECUTION}/cancel", executions.ExecutionCancel.as_view(), name="api-execution-cancel"),
    path("automation/schedules", schedules.ScheduleList.as_view(), name="api-schedule-list"),
    path(
        "automation/schedules/preview", schedules.SchedulePreview.as_view(),
        name="api-schedule-preview",
    ),
    path(_SCHEDULE, schedules.ScheduleDetail.as_view(), name="api-schedule-detail"),
    path(f"{_SCHEDULE}/run", schedules.ScheduleRun.as_view(), name="api-schedule-run"),
]  # fmt: skip
