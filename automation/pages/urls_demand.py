"""Addresses of demand guards, below /automation/demand/."""

from django.urls import path

from automation.pages import demand

urlpatterns = [
    path("", demand.guards, name="automation-demand"),
    path("new", demand.guard_new, name="automation-demand-new"),
    path("<uuid:guard_id>", demand.guard, name="automation-demand-guard"),
    path("<uuid:guard_id>/live", demand.live, name="automation-demand-live"),
    path("<uuid:guard_id>/edit", demand.guard_edit, name="automation-demand-edit"),
    path("<uuid:guard_id>/remove", demand.guard_remove, name="automation-demand-remove"),
    path("<uuid:guard_id>/loads/new", demand.load_new, name="automation-demand-load-new"),
    path("loads/<uuid:load_id>", demand.load_edit, name="automation-demand-load"),
    path("loads/<uuid:load_id>/remove", demand.load_remove, name="automation-demand-load-remove"),
    path("loads/<uuid:load_id>/switch", demand.load_switch, name="automation-demand-load-switch"),
]
