"""Addresses of tariffs and costs in the API."""

from django.urls import path

from metering import api_allocation, api_costs, api_tariffs

urlpatterns = [
    path("tariffs", api_tariffs.TariffList.as_view(), name="api-tariff-list"),
    path("tariffs/<uuid:tariff_id>", api_tariffs.TariffDetail.as_view(), name="api-tariff"),
    path(
        "tariffs/<uuid:tariff_id>/versions",
        api_tariffs.TariffVersions.as_view(),
        name="api-tariff-versions",
    ),
    path(
        "tariffs/<uuid:tariff_id>/preview",
        api_tariffs.TariffPreview.as_view(),
        name="api-tariff-preview",
    ),
    path("tariff-assignments", api_tariffs.AssignmentList.as_view(), name="api-assignment-list"),
    path(
        "tariff-assignments/<uuid:assignment_id>",
        api_tariffs.AssignmentDetail.as_view(),
        name="api-assignment",
    ),
    path("prices", api_tariffs.PriceImport.as_view(), name="api-price-import"),
    path("costs", api_costs.CostList.as_view(), name="api-cost-list"),
    path("costs/explain", api_costs.CostExplain.as_view(), name="api-cost-explain"),
    path("costs/what-if", api_costs.WhatIf.as_view(), name="api-what-if"),
    path("billing-periods", api_costs.BillingPeriodList.as_view(), name="api-period-list"),
    path(
        "billing-periods/<uuid:period_id>",
        api_costs.BillingPeriodDetail.as_view(),
        name="api-period",
    ),
    path(
        "billing-periods/<uuid:period_id>/close",
        api_costs.BillingPeriodClose.as_view(),
        name="api-period-close",
    ),
    path("cost-centres", api_allocation.CentreList.as_view(), name="api-cost-centre-list"),
    path(
        "cost-centres/<uuid:centre_id>",
        api_allocation.CentreDetail.as_view(),
        name="api-cost-centre",
    ),
    path(
        "allocation-keys",
        api_allocation.AllocationKeyList.as_view(),
        name="api-allocation-key-list",
    ),
    path(
        "allocation-keys/<uuid:allocation_key_id>",
        api_allocation.AllocationKeyDetail.as_view(),
        name="api-allocation-key",
    ),
]
