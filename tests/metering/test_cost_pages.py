"""The page "Cost and tariffs"."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from metering.services.costs import CostRefused
from metering.tariffs.editing import numbers_of, with_numbers
from tests.metering.billing import Bill, day
from tests.metering.conftest import Plant
from tests.metering.tariffs.quarters import THREE_RATES

TARIFF = {"components": [THREE_RATES, {"kind": "percent", "name": "vat", "percent": "20"}]}


@pytest.fixture
def bill(plant: Plant) -> Bill:
    made = Bill(plant, "2026-11-01", "2026-11-20T12:00", "Europe/Istanbul")
    made.version(TARIFF, "2026-10-01", note="as agreed")
    made.assign("2026-10-01")
    made.follow()
    return made


def page(client: Client, address: str = "/energy/costs/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.usefixtures("at_noon")
def test_the_page_shows_bill_prices_by_hour_and_versions(bill: Bill, client_for) -> None:
    shown = page(client_for(bill.plant.red.viewer))

    # 19 days: 8 h at 1.5, 11 h at 2.5 and 5 h at 4, and today 6 h at 1.5 and 6 h at 2.5
    whole = (19 * (12 + 27.5 + 20) + (6 * 1.5 + 6 * 2.5)) * 1.2
    assert f"{whole:,.2f}" in shown
    assert "Today is provisional." in shown
    assert shown.count('class="heat__cell') == 7 * 24 + 6
    assert "as agreed" in shown
    assert "Change prices from a day on" not in shown  # a viewer may not


@pytest.mark.usefixtures("at_noon")
def test_prices_are_tried_first_and_then_hold_from_a_day_on(bill: Bill, client_for) -> None:
    client: Client = client_for(bill.plant.red.owner)
    assert "Change prices from a day on" in page(client)
    given = {number.place: number.value for number in numbers_of(TARIFF)}
    given |= {"components.0.bands.1.price": "8", "valid_from": "2026-11-19", "note": "dearer"}
    address = f"/energy/costs/tariffs/{bill.tariff.id}"

    tried = client.post(f"{address}/preview", given)

    assert tried.status_code == 200
    body = tried.content.decode()
    assert f"{(59.5 + 24) * 1.2:.2f}" in body
    assert f"{(79.5 + 24) * 1.2:.2f}" in body
    with bill.plant.red.scope():
        assert bill.tariff.versions.count() == 1

    assert client.post(f"{address}/change", given).status_code == 302
    with bill.plant.red.scope():
        fresh = bill.tariff.versions.get(note="dearer")
    assert fresh.definition["components"][0]["bands"][1]["price"] == "8"
    assert fresh.valid_from == day("2026-11-19")

    wrong = client.post(f"{address}/preview", given | {"components.0.bands.1.price": "a lot"})
    assert "Write the number as text" in wrong.content.decode()


@pytest.mark.usefixtures("at_noon")
def test_what_if_is_computed_when_it_is_asked_for(bill: Bill, client_for) -> None:
    client: Client = client_for(bill.plant.red.viewer)
    assert "Compare</a>" in page(client)

    shown = page(client, f"/energy/costs/?site={bill.plant.site.id}&what_if=1")

    assert "Saving" in shown
    assert "% of the time is missing" in shown


def test_a_site_of_others_is_not_there(bill: Bill, blue, client_for) -> None:
    client: Client = client_for(blue.owner)

    assert client.get(f"/energy/costs/?site={bill.plant.site.id}").status_code == 404
    assert client.post(f"/energy/costs/tariffs/{bill.tariff.id}/preview").status_code == 404
    assert "There are no meters yet" in page(client)


def test_numbers_are_replaced_by_their_places() -> None:
    changed = with_numbers(TARIFF, {"components.1.percent": " 21,5", "components.9.price": "1"})

    assert changed["components"][1]["percent"] == "21.5"
    assert TARIFF["components"][1]["percent"] == "20"
    assert len(list(numbers_of(TARIFF))) == 4


@pytest.mark.parametrize("name", ["costs-assign", "costs-period-new"])
def test_days_beyond_all_calendars_are_refused_at_their_field(
    bill: Bill, client_for, name: str
) -> None:
    said = {"tariff": str(bill.tariff.id), "valid_from": "0001-01-01", "last": "9999-12-31"}

    answer = client_for(bill.plant.red.owner).post(reverse(name, args=[bill.plant.site.id]), said)

    assert answer.status_code == 200
    assert sorted(answer.context["form"].errors) == ["last", "valid_from"]


def test_a_bill_of_the_year_one_is_refused(bill: Bill) -> None:
    with pytest.raises(CostRefused, match="out of range"):
        bill.close("0001-01-01", "0001-02-01")
