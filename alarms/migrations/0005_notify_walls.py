"""Walls between tenants around notifications."""

from importlib import import_module

from django.db import migrations

WALLS = (
    ("alarms_notificationroute", "site_id", "devices_site"),
    ("alarms_escalationstep", "route_id", "alarms_notificationroute"),
    ("alarms_escalationstep", "target_id", "alarms_notificationtarget"),
    ("alarms_escalationstep", "rota_id", "alarms_oncallrota"),
    ("alarms_oncallmember", "rota_id", "alarms_oncallrota"),
    ("alarms_oncallstandin", "rota_id", "alarms_oncallrota"),
    ("alarms_notificationmessage", "target_id", "alarms_notificationtarget"),
    ("alarms_notification", "alarm_id", "alarms_alarm"),
    ("alarms_notification", "route_id", "alarms_notificationroute"),
    ("alarms_notification", "target_id", "alarms_notificationtarget"),
    ("alarms_notification", "rota_id", "alarms_oncallrota"),
    ("alarms_notification", "message_id", "alarms_notificationmessage"),
    ("alarms_deliveryattempt", "message_id", "alarms_notificationmessage"),
    ("alarms_inappnote", "message_id", "alarms_notificationmessage"),
    ("alarms_inappnote", "alarm_id", "alarms_alarm"),
)
wall = import_module("alarms.migrations.0002_walls").wall


class Migration(migrations.Migration):
    dependencies = [("alarms", "0004_notify")]

    operations = [wall(*parts) for parts in WALLS]
