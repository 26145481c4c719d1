"""Addresses of the pages about notifications, below /alarms/notify/."""

from django.urls import path

from alarms.pages import notify, notify_mine

_TARGET = "targets/<uuid:target_id>"
_ROUTE = "routes/<uuid:route_id>"
_ROTA = "rotas/<uuid:rota_id>"

urlpatterns = [
    path("", notify.overview, name="alarm-notify"),
    path("targets/new", notify.target_edit, name="alarm-notify-target-new"),
    path(_TARGET, notify.target_edit, name="alarm-notify-target"),
    path(f"{_TARGET}/test", notify.target_test, name="alarm-notify-target-test"),
    path(f"{_TARGET}/remove", notify.target_remove, name="alarm-notify-target-remove"),
    path("routes/new", notify.route_edit, name="alarm-notify-route-new"),
    path(_ROUTE, notify.route_edit, name="alarm-notify-route"),
    path(f"{_ROUTE}/remove", notify.route_remove, name="alarm-notify-route-remove"),
    path("rotas/new", notify.rota_edit, name="alarm-notify-rota-new"),
    path(_ROTA, notify.rota_edit, name="alarm-notify-rota"),
    path(f"{_ROTA}/remove", notify.rota_remove, name="alarm-notify-rota-remove"),
    path("log", notify.log, name="alarm-notify-log"),
    path(
        "messages/<uuid:message_id>/retry", notify.message_retry, name="alarm-notify-message-retry"
    ),
    path("mine", notify_mine.mine, name="alarm-notify-mine"),
    path("mine/subscribe", notify_mine.subscribe, name="alarm-notify-subscribe"),
    path(
        "mine/browsers/<uuid:subscription_id>/remove",
        notify_mine.unsubscribe,
        name="alarm-notify-unsubscribe",
    ),
    path("notes", notify_mine.notes, name="alarm-notes"),
    path("notes/read", notify_mine.notes_read, name="alarm-notes-read"),
]
