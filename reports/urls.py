"""Addresses of the customers' pages."""

from django.urls import path

from reports import views
from reports.energy import notes, pages, plan_pages

urlpatterns = [
    path("", views.home, name="home"),
    path("devices/<uuid:device_id>", views.device, name="device"),
    path("energy", pages.energy, name="energy"),
    path("energy/notes", notes.note_add, name="energy-note-add"),
    path("energy/notes/<uuid:annotation_id>/delete", notes.note_delete, name="energy-note-delete"),
    path("energy/plan", plan_pages.plan, name="plan"),
    path("energy/plan/budget", plan_pages.plan_budget, name="plan-budget"),
    path("energy/plan/budget/copy", plan_pages.plan_budget_copy, name="plan-budget-copy"),
    path(
        "energy/plan/budget/<uuid:budget_id>/remove",
        plan_pages.plan_budget_remove,
        name="plan-budget-remove",
    ),
    path("energy/plan/baseline", plan_pages.plan_baseline, name="plan-baseline"),
    path(
        "energy/plan/baseline/<uuid:baseline_id>/remove",
        plan_pages.plan_baseline_remove,
        name="plan-baseline-remove",
    ),
    path("organisation", views.switch_organisation, name="tenant-switch"),
    path("styleguide", views.styleguide, name="styleguide"),
]
