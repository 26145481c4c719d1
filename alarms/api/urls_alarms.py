"""Addresses of alarms, all below /api/v1/."""

from django.urls import path

from alarms.api.alarms import (
    AlarmAcknowledge,
    AlarmActions,
    AlarmAssign,
    AlarmChartView,
    AlarmClear,
    AlarmComment,
    AlarmCounts,
    AlarmDetail,
    AlarmEvents,
    AlarmList,
    AlarmRate,
    AlarmSnooze,
    AlarmStatistics,
    AlarmUnacknowledge,
)

_ONE = "alarms/<uuid:alarm_id>"

urlpatterns = [
    path("alarms", AlarmList.as_view(), name="api-alarms"),
    path("alarms/actions", AlarmActions.as_view(), name="api-alarms-actions"),
    path("alarms/counts", AlarmCounts.as_view(), name="api-alarms-counts"),
    path("alarms/statistics", AlarmStatistics.as_view(), name="api-alarms-statistics"),
    path(_ONE, AlarmDetail.as_view(), name="api-alarm"),
    path(f"{_ONE}/events", AlarmEvents.as_view(), name="api-alarm-events"),
    path(f"{_ONE}/chart", AlarmChartView.as_view(), name="api-alarm-chart"),
    path(f"{_ONE}/acknowledge", AlarmAcknowledge.as_view(), name="api-alarm-acknowledge"),
    path(f"{_ONE}/unacknowledge", AlarmUnacknowledge.as_view(), name="api-alarm-unacknowledge"),
    path(f"{_ONE}/assign", AlarmAssign.as_view(), name="api-alarm-assign"),
    path(f"{_ONE}/comment", AlarmComment.as_view(), name="api-alarm-comment"),
    path(f"{_ONE}/snooze", AlarmSnooze.as_view(), name="api-alarm-snooze"),
    path(f"{_ONE}/clear", AlarmClear.as_view(), name="api-alarm-clear"),
    path(f"{_ONE}/rate", AlarmRate.as_view(), name="api-alarm-rate"),
]
