"""Addresses of demand guards, all below /api/v1/."""

from django.urls import path

from automation.api import guards

urlpatterns = [
    path("automation/guards", guards.GuardList.as_view(), name="api-guards"),
    path("automation/guards/<uuid:guard_id>", guards.GuardDetail.as_view(), name="api-guard"),
    path(
        "automation/guards/<uuid:guard_id>/status",
        guards.GuardStatusView.as_view(),
        name="api-guard-status",
    ),
    path(
        "automation/guards/<uuid:guard_id>/loads",
        guards.GuardLoads.as_view(),
        name="api-guard-loads",
    ),
    path("automation/loads/<uuid:load_id>", guards.LoadDetail.as_view(), name="api-load"),
    path("automation/loads/<uuid:load_id>/shed", guards.LoadShed.as_view(), name="api-load-shed"),
    path(
        "automation/loads/<uuid:load_id>/restore",
        guards.LoadRestore.as_view(),
        name="api-load-restore",
    ),
]
