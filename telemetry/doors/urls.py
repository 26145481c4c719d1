"""Addresses of the doors in the forms of other products."""

from django.urls import path

from telemetry.doors import compat

_TB = "compat/tb/v1/<str:token>/"
# where clients are given a base address, they add their own /api/v1
_TB_SDK = "compat/tb/api/v1/<str:token>/"

urlpatterns = [
    path(f"{_TB}telemetry", compat.thingsboard_telemetry, name="door-tb-telemetry"),
    path(f"{_TB}attributes", compat.thingsboard_attributes, name="door-tb-attributes"),
    path(f"{_TB_SDK}telemetry", compat.thingsboard_telemetry, name="door-tb-sdk-telemetry"),
    path(f"{_TB_SDK}attributes", compat.thingsboard_attributes, name="door-tb-sdk-attributes"),
    path("compat/emoncms/input/post", compat.emoncms_post, name="door-emoncms-post"),
    path("compat/emoncms/input/post.json", compat.emoncms_post, name="door-emoncms-post-json"),
    path("compat/emoncms/input/post/<str:node>", compat.emoncms_post, name="door-emoncms-node"),
    path("compat/emoncms/input/bulk", compat.emoncms_bulk, name="door-emoncms-bulk"),
    path("compat/emoncms/input/bulk.json", compat.emoncms_bulk, name="door-emoncms-bulk-json"),
    path("api/v2/write", compat.influx_write_v2, name="door-influx-v2"),
    path("write", compat.influx_write_v1, name="door-influx-v1"),
]
