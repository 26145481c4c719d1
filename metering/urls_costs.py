"""Addresses of the pages of costs."""

from django.urls import path

from metering import pages_costs
from metering.pages import billing, tariffs

_SITE = "energy/costs/sites/<uuid:site_id>"
_TARIFF = "energy/costs/tariffs/<uuid:tariff_id>"
_PERIOD = "energy/costs/periods/<uuid:period_id>"

urlpatterns = [
    path("energy/costs/", pages_costs.costs, name="costs"),
    path(f"{_TARIFF}/preview", pages_costs.costs_preview, name="costs-preview"),
    path(f"{_TARIFF}/change", pages_costs.costs_change, name="costs-change"),
    path(f"{_SITE}/assign", tariffs.costs_assign, name="costs-assign"),
    path(f"{_SITE}/tariff", tariffs.costs_tariff, name="costs-tariff"),
    path(
        "energy/costs/assignments/<uuid:assignment_id>/remove",
        tariffs.costs_unassign,
        name="costs-unassign",
    ),
    path(f"{_SITE}/period", billing.period_new, name="costs-period-new"),
    path(_PERIOD, billing.period, name="costs-period"),
    path(f"{_PERIOD}/close", billing.period_close, name="costs-period-close"),
    path(f"{_PERIOD}/remove", billing.period_remove, name="costs-period-remove"),
]
