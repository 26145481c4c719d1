"""Addresses of budgets, baselines and savings in the API."""

from django.urls import path

from metering import api_plans

urlpatterns = [
    path("energy/budget", api_plans.BudgetView.as_view(), name="api-budget"),
    path(
        "energy/budget/<uuid:budget_id>", api_plans.BudgetDetail.as_view(), name="api-budget-detail"
    ),
    path("energy/baseline", api_plans.BaselineView.as_view(), name="api-baseline"),
    path(
        "energy/baseline/<uuid:baseline_id>",
        api_plans.BaselineDetail.as_view(),
        name="api-baseline-detail",
    ),
    path("energy/savings", api_plans.SavingsView.as_view(), name="api-savings"),
]
