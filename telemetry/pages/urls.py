"""Addresses of the pages about rejected messages and announced devices."""

from django.urls import path

from telemetry.pages import announced, rejected

_GROUP = "rejected/<str:group_key>"

urlpatterns = [
    path(
        "gateways/<uuid:gateway_id>/announced/register",
        announced.announced_register,
        name="announced-register",
    ),
    path("rejected", rejected.rejected, name="rejected"),
    path(_GROUP, rejected.rejected_group, name="rejected-group"),
    path(f"{_GROUP}/progress", rejected.rejected_progress, name="rejected-progress"),
    path(f"{_GROUP}/replay", rejected.rejected_replay, name="rejected-replay"),
    path(f"{_GROUP}/discard", rejected.rejected_discard, name="rejected-discard"),
]
