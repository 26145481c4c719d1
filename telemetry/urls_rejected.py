"""Addresses of rejected messages in the API."""

from django.urls import path

from telemetry.api_rejected import (
    RejectedDiscard,
    RejectedGroupDetail,
    RejectedGroups,
    RejectedReplay,
)

_GROUP = "rejected/<str:group_key>"

urlpatterns = [
    path("rejected", RejectedGroups.as_view(), name="api-rejected-list"),
    path(_GROUP, RejectedGroupDetail.as_view(), name="api-rejected-detail"),
    path(f"{_GROUP}/replay", RejectedReplay.as_view(), name="api-rejected-replay"),
    path(f"{_GROUP}/discard", RejectedDiscard.as_view(), name="api-rejected-discard"),
]
