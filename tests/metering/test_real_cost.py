"""The sample bill of Green Button through the doors of the product, up to its cost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts.tenancy import all_tenants
from metering.queries.costs import totals
from metering.services.cost_following import follow_costs
from metering.services.tariffs import add_version, assign_tariff, create_tariff
from tests.imports.conftest import Importer, importer  # noqa: F401 (a fixture)
from tests.imports.facts import SERIES, facts, needs_series
from tests.metering.conftest import NOW
from tests.metering.tariffs.test_real_bill import CALENDAR, DEFINITION
from tests.metering.test_series import ENERGY, empty_ledger, ledger_of  # noqa: F401 (a fixture)

pytestmark = [needs_series, pytest.mark.django_db(transaction=True)]

FIRST, LAST = dt.date(2012, 3, 1), dt.date(2012, 3, 6)


def test_the_cost_of_the_sample_bill_is_met_but_for_fractions_of_watt_hours(
    importer: Importer,  # noqa: F811
) -> None:
    """The file cuts the fraction of a watt-hour off each quarter; its costs are with it.

    So 0.02103 of 52.40025 USD cannot be derived from what it says was used.
    """
    want = facts("green-button-espi/test_usage_data_1.xml")
    importer.import_file(SERIES / "green-button-espi" / "test_usage_data_1.xml")
    register = ledger_of(importer.device, ENERGY, "America/New_York")
    tariff = create_tariff(name="Green Button", currency="USD", now=NOW)
    add_version(
        tariff_id=tariff.id, valid_from=FIRST, now=NOW,
        definition={"components": [DEFINITION], "calendar": CALENDAR},
    )  # fmt: skip
    assign_tariff(site_id=importer.device.site_id, tariff_id=tariff.id, valid_from=FIRST, now=NOW)
    with all_tenants():
        while follow_costs(now=NOW).is_more:
            pass

    cost = totals([register.meter], FIRST, LAST)

    assert cost == {"USD": Decimal("52.379220")}
    assert Decimal(str(want["cost_usd_sum"])) - cost["USD"] == Decimal("0.02103")
