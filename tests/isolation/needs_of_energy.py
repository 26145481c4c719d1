"""What routes of meters, tariffs, costs and reports ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_ENERGY = {
    "read:tariff": """
        energy/costs/
        energy/costs/periods/<uuid:period_id>
        GET api/v1/tariffs
        HEAD api/v1/tariffs
        GET api/v1/tariffs/<uuid:tariff_id>
        HEAD api/v1/tariffs/<uuid:tariff_id>
        POST api/v1/tariffs/<uuid:tariff_id>/preview
        GET api/v1/tariff-assignments
        HEAD api/v1/tariff-assignments
        api/v1/costs
        api/v1/costs/explain
        api/v1/costs/what-if
        GET api/v1/billing-periods
        HEAD api/v1/billing-periods
        GET api/v1/billing-periods/<uuid:period_id>
        HEAD api/v1/billing-periods/<uuid:period_id>
        GET api/v1/cost-centres
        HEAD api/v1/cost-centres
        GET api/v1/cost-centres/<uuid:centre_id>
        HEAD api/v1/cost-centres/<uuid:centre_id>
        GET api/v1/allocation-keys
        HEAD api/v1/allocation-keys
        GET api/v1/allocation-keys/<uuid:allocation_key_id>
        HEAD api/v1/allocation-keys/<uuid:allocation_key_id>
    """,
    "write:tariff": """
        energy/costs/tariffs/<uuid:tariff_id>/preview
        energy/costs/tariffs/<uuid:tariff_id>/change
        energy/costs/sites/<uuid:site_id>/assign
        energy/costs/sites/<uuid:site_id>/tariff
        energy/costs/sites/<uuid:site_id>/period
        energy/costs/periods/<uuid:period_id>/close
        POST api/v1/tariffs
        POST api/v1/tariffs/<uuid:tariff_id>/versions
        POST api/v1/tariff-assignments
        POST api/v1/prices
        POST api/v1/billing-periods
        POST api/v1/billing-periods/<uuid:period_id>/close
        POST api/v1/cost-centres
        PUT api/v1/cost-centres/<uuid:centre_id>
        POST api/v1/allocation-keys
        PUT api/v1/allocation-keys/<uuid:allocation_key_id>
    """,
    "delete:tariff": """
        energy/costs/assignments/<uuid:assignment_id>/remove
        energy/costs/periods/<uuid:period_id>/remove
        DELETE api/v1/tariffs/<uuid:tariff_id>
        DELETE api/v1/tariff-assignments/<uuid:assignment_id>
        DELETE api/v1/billing-periods/<uuid:period_id>
        DELETE api/v1/cost-centres/<uuid:centre_id>
        DELETE api/v1/allocation-keys/<uuid:allocation_key_id>
    """,
    "read:meter": """
        energy
        energy/plan
        api/v1/energy/summary
        GET api/v1/energy/budget
        HEAD api/v1/energy/budget
        GET api/v1/energy/baseline
        HEAD api/v1/energy/baseline
        api/v1/energy/savings
        GET api/v1/meters
        HEAD api/v1/meters
        GET api/v1/meters/<uuid:meter_id>
        HEAD api/v1/meters/<uuid:meter_id>
        GET api/v1/meters/<uuid:meter_id>/installations
        HEAD api/v1/meters/<uuid:meter_id>/installations
        api/v1/meters/<uuid:meter_id>/readings
        api/v1/meters/<uuid:meter_id>/decisions
        GET api/v1/meters/<uuid:meter_id>/bookings
        HEAD api/v1/meters/<uuid:meter_id>/bookings
        api/v1/explain
        energy/meters
        energy/meters/<uuid:meter_id>
        energy/meters/<uuid:meter_id>/explain
    """,
    "write:meter": """
        POST api/v1/meters
        PUT api/v1/energy/budget
        POST api/v1/energy/baseline
        PUT api/v1/meters/<uuid:meter_id>
        POST api/v1/meters/<uuid:meter_id>/installations
        POST api/v1/meters/<uuid:meter_id>/bookings
        POST api/v1/meters/<uuid:meter_id>/decisions/<int:decision_id>/keep
        energy/meters/new
        energy/plan/budget
        energy/plan/budget/copy
        energy/plan/baseline
        energy/meters/<uuid:meter_id>/replace
        energy/meters/<uuid:meter_id>/book
        energy/meters/<uuid:meter_id>/decisions/<int:decision_id>/book
        energy/meters/<uuid:meter_id>/decisions/<int:decision_id>/keep
        energy/meters/<uuid:meter_id>/recalculate
    """,
    "delete:meter": """
        DELETE api/v1/meters/<uuid:meter_id>
        DELETE api/v1/energy/budget/<uuid:budget_id>
        DELETE api/v1/energy/baseline/<uuid:baseline_id>
        energy/meters/<uuid:meter_id>/remove
        energy/plan/budget/<uuid:budget_id>/remove
        energy/plan/baseline/<uuid:baseline_id>/remove
    """,
    "read:report": """
        reports/
        reports/<uuid:report_id>
        reports/<uuid:report_id>/progress
        GET api/v1/reports
        HEAD api/v1/reports
        GET api/v1/reports/<uuid:report_id>
        HEAD api/v1/reports/<uuid:report_id>
        GET api/v1/reports/templates
        HEAD api/v1/reports/templates
        GET api/v1/reports/templates/<uuid:report_template_id>
        HEAD api/v1/reports/templates/<uuid:report_template_id>
    """,
    "write:report": """
        reports/templates/new
        reports/templates/<uuid:report_template_id>
        POST api/v1/reports/templates
        PUT api/v1/reports/templates/<uuid:report_template_id>
    """,
    "delete:report": """
        reports/<uuid:report_id>/delete
        reports/templates/<uuid:report_template_id>/delete
        DELETE api/v1/reports/<uuid:report_id>
        DELETE api/v1/reports/templates/<uuid:report_template_id>
    """,
    "export:report": """
        reports/new
        reports/<uuid:report_id>/file
        reports/templates/<uuid:report_template_id>/run
        POST api/v1/reports
        api/v1/reports/<uuid:report_id>/file
    """,
}
