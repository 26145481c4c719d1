"""Tariffs are assigned and bills are closed on pages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from metering.models import BillingPeriod, Tariff, TariffAssignment
from metering.queries.statements import make_statement
from metering.services.billing import close_as_seen, seal_of
from metering.services.costs import CostRefused, open_period
from tests.conftest import Team
from tests.metering.billing import Bill, day, flat
from tests.metering.conftest import NOW, Plant

pytestmark = pytest.mark.usefixtures("at_noon")
LATER = NOW + dt.timedelta(minutes=10)


@pytest.fixture
def bill(plant: Plant) -> Bill:
    made = Bill(plant, "2026-10-01", "2026-11-20T12:00", "Europe/Istanbul")
    made.version(flat("2"), "2026-10-01")
    return made


@pytest.fixture
def browser(bill: Bill, client_for: Any) -> Client:
    client: Client = client_for(bill.plant.red.owner)
    return client


def url(name: str, thing: Any) -> str:
    return reverse(name, args=[thing.id])


def use_of(bill: Bill) -> TariffAssignment:
    with bill.plant.red.scope():
        return TariffAssignment.objects.get(tariff=bill.tariff)


def draft(bill: Bill, start: str = "2026-10-01", end: str = "2026-11-01") -> BillingPeriod:
    with bill.plant.red.scope():
        return open_period(site_id=bill.plant.site.id, start=day(start), end=day(end), now=NOW)


def test_a_tariff_is_assigned_to_the_site_and_then_another_follows(
    bill: Bill, browser: Client
) -> None:
    address = url("costs-assign", bill.plant.site)
    given = {"tariff": str(bill.tariff.id), "meter": "", "valid_from": "2026-10-01", "last": ""}

    answer = browser.post(address, given)
    browser.post(address, given | {"valid_from": "2026-11-10", "last": "2026-11-19"})
    refused = browser.post(address, given | {"valid_from": "2026-11-15"})
    bill.follow(LATER)

    assert answer.status_code == 302
    assert "valid_from" in refused.context["form"].errors
    with bill.plant.red.scope():
        days = list(TariffAssignment.objects.values_list("valid_from", "valid_to"))
    assert days == [
        (day("2026-10-01"), day("2026-11-10")), (day("2026-11-10"), day("2026-11-20")),
    ]  # fmt: skip
    assert bill.total(day=day("2026-11-19")) == Decimal(48)
    assert bill.lines(day=day("2026-11-20")) == []


def test_a_meter_takes_only_a_tariff_of_its_commodity(bill: Bill, browser: Client) -> None:
    with bill.plant.red.scope():
        gas = Tariff.objects.create(name="Gas", commodity="gas", currency="TRY")

    answer = browser.post(url("costs-assign", bill.plant.site), {
        "tariff": str(gas.id), "meter": str(bill.register.meter_id), "valid_from": "2026-10-01",
    })  # fmt: skip

    assert "The meter counts something else." in answer.content.decode()
    wrong = browser.post(url("costs-assign", bill.plant.site), {
        "tariff": str(gas.id), "meter": "", "valid_from": "2026-10-02", "last": "2026-10-01",
    })  # fmt: skip
    assert "last" in wrong.context["form"].errors


def test_a_tariff_is_taken_away_where_it_holds(bill: Bill, browser: Client) -> None:
    bill.assign("2026-10-01")
    bill.follow()
    use = use_of(bill)
    shown = browser.get(reverse("costs")).content.decode()
    assert url("costs-unassign", use) in shown

    browser.post(url("costs-unassign", use))
    bill.follow(LATER)

    assert bill.total() == 0


def test_a_new_customer_makes_a_tariff_and_assigns_it(bill: Bill, browser: Client) -> None:
    given = {
        "name": "Village works", "commodity": "electricity", "currency": "TRY", "price": "3,5",
        "fee": "31", "tax": "20", "valid_from": "2026-10-01",
    }  # fmt: skip

    wrong = browser.post(url("costs-tariff", bill.plant.site), given | {"tax": "a lot"})
    answer = browser.post(url("costs-tariff", bill.plant.site), given)

    assert "tax" in wrong.context["form"].errors
    with bill.plant.red.scope():
        made = Tariff.objects.get(name="Village works")
    assert answer.headers["Location"] == f"{url('costs-assign', bill.plant.site)}?tariff={made.id}"
    browser.post(answer.headers["Location"], {
        "tariff": str(made.id), "meter": "", "valid_from": "2026-10-01",
    })  # fmt: skip
    bill.follow(LATER)
    assert bill.total(day=day("2026-10-05")) == (24 * Decimal("3.5") + 1) * Decimal("1.2")


def test_a_bill_is_prepared_seen_and_closed(bill: Bill, browser: Client) -> None:
    bill.assign("2026-10-01")
    bill.follow()

    made = browser.post(
        url("costs-period-new", bill.plant.site), {"valid_from": "2026-10-01", "last": "2026-10-31"}
    )
    seen = browser.get(made.headers["Location"])
    text = seen.content.decode()
    assert "Draft of a bill" in text
    assert f"{31 * 24 * 2:,}.00 TRY" in text
    assert "Nobody can open the bill again." in text
    period = seen.context["period"]

    browser.post(url("costs-period-close", period), {"seal": seen.context["seal"]})

    closed = browser.get(url("costs-period", period)).content.decode()
    assert "closed on 20 Nov 2026" in closed
    assert "Close the bill" not in closed
    assert {line.period_id for line in bill.lines(day__lt=day("2026-11-01"))} == {period.id}
    assert f"{31 * 24 * 2:,}.00 TRY" in browser.get(reverse("costs")).content.decode()
    browser.post(url("costs-period-remove", period))
    with bill.plant.red.scope():
        assert BillingPeriod.objects.filter(id=period.id).exists()


def test_what_changed_since_it_was_seen_is_not_billed(bill: Bill) -> None:
    bill.assign("2026-10-01")
    bill.follow()
    period = draft(bill)
    with bill.plant.red.scope():
        seal = seal_of(make_statement(period))
    bill.version(flat("3"), "2026-10-15", now=NOW + dt.timedelta(seconds=1))

    with bill.plant.red.scope(), pytest.raises(CostRefused, match="Look at them once more"):
        close_as_seen(period_id=period.id, seal=seal, now=NOW)

    with bill.plant.red.scope():
        period.refresh_from_db()
        fresh = make_statement(period)
        assert period.closed_at is None
        assert fresh.total == {"TRY": Decimal(14 * 48 + 17 * 72)}  # computed meanwhile
        close_as_seen(period_id=period.id, seal=seal_of(fresh), now=NOW)
        period.refresh_from_db()
    assert period.closed_at == NOW


def test_a_bill_tells_who_bears_it(bill: Bill, browser: Client) -> None:
    bill.assign("2026-10-01")
    bill.follow()
    period = draft(bill)
    with bill.plant.red.scope():
        key = bill.plant.site.allocation_keys.create(name="Area", method="area")
        for name, area in (("Shop", 60), ("Flat", 40)):
            centre = bill.plant.site.cost_centres.create(
                name=name, kind="occupant", area_m2=Decimal(area)
            )
            key.shares.create(centre=centre)

    seen = browser.get(url("costs-period", period))
    browser.post(url("costs-period-close", period), {"seal": seen.context["seal"]})
    with bill.plant.red.scope():
        key.delete()
    billed = browser.get(url("costs-period", period))

    for shown in (seen, billed):  # what was billed stays, whatever happens to the key
        assert "892.80 TRY" in shown.content.decode()
        assert "595.20 TRY" in shown.content.decode()
    assert "closed on" in billed.content.decode()


def test_a_running_period_is_no_bill_yet_and_can_be_dropped(bill: Bill, browser: Client) -> None:
    bill.assign("2026-10-01")
    bill.follow()
    period = draft(bill, "2026-11-01", "2026-12-01")
    seen = browser.get(url("costs-period", period))
    assert url("costs-period-close", period) not in seen.content.decode()

    refused = browser.post(
        url("costs-period-close", period), {"seal": seen.context["seal"]}, follow=True
    )
    overlap = browser.post(
        url("costs-period-new", bill.plant.site), {"valid_from": "2026-11-30", "last": "2026-12-30"}
    )
    browser.post(url("costs-period-remove", period))

    assert "Its last day is not over yet." in refused.content.decode()
    assert "valid_from" in overlap.context["form"].errors
    with bill.plant.red.scope():
        assert not BillingPeriod.objects.exists()


def test_viewers_read_and_strangers_find_nothing(bill: Bill, client_for: Any, blue: Team) -> None:
    bill.assign("2026-10-01")
    use = use_of(bill)
    period = draft(bill)
    viewer, stranger = client_for(bill.plant.red.viewer), client_for(blue.owner)
    pages = [url(name, bill.plant.site) for name in
             ("costs-assign", "costs-tariff", "costs-period-new")]  # fmt: skip
    posts = [url("costs-period-close", period), url("costs-period-remove", period),
             url("costs-unassign", use)]  # fmt: skip

    main = viewer.get(url("costs-period", period)).content.decode().split("<main")[1]
    assert "<form" not in main
    assert "<form" not in viewer.get(reverse("costs")).content.decode().split("<main")[1]
    assert {viewer.get(page).status_code for page in pages} == {403}
    assert {viewer.post(page).status_code for page in posts} == {403}
    assert {stranger.get(page).status_code for page in [*pages, url("costs-period", period)]} == {
        404
    }
    assert {stranger.post(page).status_code for page in posts} == {404}
