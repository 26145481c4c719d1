"""Addresses of notifications in the API."""

from typing import Any

from django.urls import path

from alarms.api import notify, notify_routes

_test: Any = notify.TargetTest.as_view()
_test.sends_mail = True  # few at a time
_TARGET = "notifications/targets/<uuid:target_id>"

urlpatterns = [
    path("notifications/targets", notify.TargetList.as_view(), name="api-notify-targets"),
    path(_TARGET, notify.TargetDetail.as_view(), name="api-notify-target"),
    path(f"{_TARGET}/test", _test, name="api-notify-target-test"),
    path(f"{_TARGET}/secret", notify.TargetSecret.as_view(), name="api-notify-target-secret"),
    path("notifications/routes", notify_routes.RouteList.as_view(), name="api-notify-routes"),
    path(
        "notifications/routes/<uuid:route_id>",
        notify_routes.RouteDetail.as_view(),
        name="api-notify-route",
    ),
    path("notifications/rotas", notify_routes.RotaList.as_view(), name="api-notify-rotas"),
    path(
        "notifications/rotas/<uuid:rota_id>",
        notify_routes.RotaDetail.as_view(),
        name="api-notify-rota",
    ),
    path("notifications/messages", notify.MessageList.as_view(), name="api-notify-messages"),
    path(
        "notifications/messages/<uuid:message_id>/retry",
        notify.MessageRetry.as_view(),
        name="api-notify-message-retry",
    ),
    path("notifications/mine", notify.Mine.as_view(), name="api-notify-mine"),
    path("notifications/notes", notify.NoteList.as_view(), name="api-notify-notes"),
    path("notifications/notes/read", notify.NotesRead.as_view(), name="api-notify-notes-read"),
    path("notifications/push", notify.PushList.as_view(), name="api-notify-push"),
    path(
        "notifications/push/<uuid:subscription_id>",
        notify.PushDetail.as_view(),
        name="api-notify-push-detail",
    ),
]
