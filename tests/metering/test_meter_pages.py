"""Pages of meters."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from devices.models import Kind
from metering.ledger.kinds import Judgement
from metering.models import LedgerDecision, Meter, MeterInstallation
from metering.pages.guess import guess_meter
from metering.queries.overview import meter_tree
from metering.series import MICRO, QUARTER_US
from metering.services.meters import Wanted, change_meter
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, MeterFactory
from tests.metering.conftest import NOW, Plant, total
from tests.metering.counted import BEGIN, START, count, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def browser(client_for: Any, red: Team) -> Client:
    client: Client = client_for(red.owner)
    return client


def test_the_tree_tells_what_submeters_do_not_count(plant: Plant) -> None:
    above = count(plant, np.arange(41) * 1.0, name="Main")
    below = count(plant, np.arange(41) * 0.3, name="Flat")
    with plant.red.scope():
        change_meter(meter_id=below.id, wanted=Wanted("Flat", parent=above.id), now=NOW)
        [site] = meter_tree(now=NOW)

    main, flat = site.rows
    assert [(row.meter.name, row.depth) for row in site.rows] == [("Main", 0), ("Flat", 1)]
    assert (main.today, flat.today) == (40 * MICRO, 12 * MICRO)
    assert (main.month, main.rest, flat.rest) == (40 * MICRO, 28 * MICRO, None)
    assert main.newest == START + dt.timedelta(hours=10)
    assert main.light == "bad"  # of the whole month


def test_a_rest_is_unknown_while_a_submeter_is(plant: Plant) -> None:
    above = count(plant, np.arange(9) * 1.0, name="Main")
    MeterFactory(site=plant.site, parent=above, name="New")
    with plant.red.scope():
        [site] = meter_tree(now=NOW)

    assert [row.rest for row in site.rows] == [None, None]
    assert site.rows[1].light == "missing"


def test_the_list_costs_the_same_at_any_size(plant: Plant, browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            text_of(browser, "meters")
        return len(caught)

    meter = MeterFactory(site=plant.site)
    queries()
    few = queries()
    for _ in range(15):
        MeterFactory(site=plant.site, parent=meter)

    assert queries() == few


def test_pages_without_anything_say_what_to_do(red: Team, browser: Client) -> None:
    assert "No meters yet" in text_of(browser, "meters")
    assert "No devices yet" in text_of(browser, "meter-new")


def test_a_bar_leads_to_where_its_number_comes_from(plant: Plant, browser: Client) -> None:
    meter = count(plant, 100 + np.arange(9) * 0.5)

    page = text_of(browser, "meter", meter.id, query="?day=2026-11-20")
    link = reverse("meter-explain", args=[meter.id])
    lineage = text_of(
        browser, "meter-explain", meter.id,
        query="?quantity=import&start=2026-11-19T21:15:00%2B00:00",
    )  # fmt: skip

    assert page.count(f"{link}?quantity=import&amp;start=") == 8
    assert "00:15: 0.5 kWh" in page
    assert "101 − 100.5 + 0 = 0.5 kWh" in lineage
    assert "This amount is measured: the difference of the register." in lineage


@pytest.mark.parametrize(
    "query", ["?start=x", "?start=0001-01-01T00:00", "?quantity=other&start=2026-11-20T00:00"]
)
def test_what_cannot_be_explained_asks_for_a_time(
    plant: Plant, browser: Client, query: str
) -> None:
    meter = count(plant, np.arange(3) * 0.5)

    answer = browser.get(reverse("meter-explain", args=[meter.id]) + query)

    assert answer.status_code == 400
    assert "Which quarter hour" in answer.content.decode()


def test_a_withheld_jump_is_booked_at_a_push_of_a_button(plant: Plant, browser: Client) -> None:
    values = np.arange(40) * 0.25
    values[20:] += 5_000
    meter = count(plant, values, most_per_hour=Decimal(20))
    with plant.red.scope():
        decision = LedgerDecision.objects.get(kind=Judgement.JUMP)
    address = reverse("meter-decision-book", args=[meter.id, decision.id])
    assert address in text_of(browser, "meter", meter.id)

    browser.post(address, {"reason": "seen on the display"})
    plant.build(timezone.now())

    page = text_of(browser, "meter", meter.id)
    assert address not in page
    assert "seen on the display" in page
    with plant.red.scope():
        assert total(meter.registers.get()) == Decimal("5009.75")


def test_a_reset_that_was_a_change_of_meters_fills_the_form(plant: Plant, browser: Client) -> None:
    values = np.concatenate((4_000 + np.arange(20) * 0.5, 70 + np.arange(20) * 0.5))
    meter = count(plant, values)
    with plant.red.scope():
        decision = LedgerDecision.objects.get(kind=Judgement.RESET)
        feed = meter.registers.get().feeds.get()
    page = text_of(browser, "meter", meter.id)
    query = f"?decision={decision.id}"
    form = browser.get(reverse("meter-replace", args=[meter.id]) + query).context["form"]
    assert "Was the meter changed?" in page
    assert form["final_import"].value() == Decimal("4009.500")
    assert form["initial_import"].value() == Decimal("70.000")

    answer = browser.post(reverse("meter-replace", args=[meter.id]), {
        "removed_at": "2026-11-20T04:55", "installed_at": "", "serial": "B-2", "ct_ratio": "1",
        "vt_ratio": "1", "multiplier": "1", "digits": "", "final_import": "4009.75",
        "initial_import": "69.5", "channel_import": str(feed.channel.uuid),
    })  # fmt: skip
    plant.build(timezone.now())

    assert answer.status_code == 302, answer.context["form"].errors
    with plant.red.scope():
        assert MeterInstallation.objects.filter(meter=meter).count() == 2
        assert total(meter.registers.get()) == Decimal("9.75") + Decimal("10.0")
        assert not LedgerDecision.objects.filter(kind=Judgement.RESET, superseded_at=None).exists()


def test_a_change_before_the_installation_is_refused_in_the_form(
    plant: Plant, browser: Client
) -> None:
    meter = count(plant, np.arange(5) * 0.5)
    with plant.red.scope():
        feed = meter.registers.get().feeds.get()

    answer = browser.post(reverse("meter-replace", args=[meter.id]), {
        "removed_at": "2090-01-01T00:00", "ct_ratio": "1", "vt_ratio": "1", "multiplier": "1",
        "channel_import": str(feed.channel.uuid),
    })  # fmt: skip

    assert answer.status_code == 200
    assert "removed_at" in answer.context["form"].errors


def test_a_new_meter_is_proposed_from_the_channels_of_a_device(
    plant: Plant, browser: Client
) -> None:
    device = DeviceFactory(site=plant.site, name="Utility meter")
    for name in ("active_energy_import", "active_energy_export", "active_power_net"):
        unit = "kW" if "power" in name else "kWh"
        kind = Kind.GAUGE if "power" in name else Kind.COUNTER
        ChannelFactory(device=device, name=name, unit=unit, kind=kind)
    address = f"{reverse('meter-new')}?device={device.id}"
    form = browser.get(address).context["form"]
    sent = {
        name: form[name].value() or "" for name in
        ("name", "commodity", "role", "main", "export", "ct_ratio", "vt_ratio", "multiplier")
    }  # fmt: skip

    answer = browser.post(address, sent)

    assert answer.status_code == 302, answer.context["form"].errors
    with plant.red.scope():
        made = Meter.objects.get()
        assert (made.name, made.role) == ("Utility meter", "grid")
        assert {one.quantity for one in made.registers.all()} == {"import", "export"}


@pytest.mark.parametrize(
    ("names", "commodity", "role"),
    [
        (["pv_energy", "pv_power"], "electricity", "production"),
        (["gas_volume"], "gas", "load"),
        (["battery_energy_charge", "battery_energy_discharge"], "electricity", "battery"),
        (["active_energy_import"], "electricity", "load"),
        (["active_energy_import", "active_energy_export"], "electricity", "grid"),
    ],
)
def test_guesses(plant: Plant, names: list[str], commodity: str, role: str) -> None:
    channels = [plant.channel(name=name) for name in names]

    found = guess_meter("x", channels)

    assert (found.commodity, found.role) == (commodity, role)
    assert found.main == channels[0]


def test_a_meter_is_deleted_by_its_name_only(plant: Plant, browser: Client) -> None:
    meter = count(plant, np.arange(5) * 0.5, name="Main")
    address = reverse("meter-remove", args=[meter.id])

    browser.post(address, {"name": "main"})
    with plant.red.scope():
        assert Meter.objects.exists()
    browser.post(address, {"name": "Main"})

    with plant.red.scope():
        assert not Meter.objects.exists()


def test_people_book_and_have_it_calculated_anew(plant: Plant, browser: Client) -> None:
    meter = count(plant, np.arange(5) * 0.5)

    wrong = browser.post(reverse("meter-book", args=[meter.id]), {
        "quantity": "import", "start": "2026-11-20T03:00", "end": "2026-11-20T02:00",
        "amount": "4", "reason": "paper",
    })  # fmt: skip
    browser.post(reverse("meter-book", args=[meter.id]), {
        "quantity": "import", "start": "2026-11-20T00:15", "end": "2026-11-20T00:45",
        "amount": "4", "reason": "paper",
    })  # fmt: skip
    browser.post(reverse("meter-recalculate", args=[meter.id]))
    plant.build(timezone.now())

    assert "end" in wrong.context["book"].errors
    with plant.red.scope():
        assert total(meter.registers.get()) == 6


def test_viewers_are_offered_no_buttons(plant: Plant, client_for: Any, red: Team) -> None:
    meter = count(plant, np.arange(5) * 0.5)
    viewer = client_for(red.viewer)

    assert '<form method="post"' not in text_of(viewer, "meter", meter.id).split("<main")[1]
    assert viewer.get(reverse("meter-replace", args=[meter.id])).status_code == 403


def test_a_device_without_energy_makes_no_meter(plant: Plant, browser: Client) -> None:
    device = DeviceFactory(site=plant.site, name="Thermometer")
    ChannelFactory(device=device, name="temperature", unit="Cel", kind=Kind.GAUGE)

    assert "None of your devices sends energy" in text_of(browser, "meter-new")
    shown = text_of(browser, "meter-new", query=f"?device={device.id}")
    assert "Thermometer sends no energy" in shown


def test_a_meter_that_only_delivers_is_shown_by_that(plant: Plant) -> None:
    above = count(plant, np.arange(41) * 1.0, name="Main")
    channel = plant.channel()
    register = plant.meter(channel, quantity="export", name="Roof", parent=above.id)
    plant.store(channel, BEGIN + np.arange(41) * QUARTER_US, np.arange(41) * 0.5)
    plant.build()
    with plant.red.scope():
        [site] = meter_tree(now=NOW)

    assert [(row.meter.name, row.today) for row in site.rows] == [
        ("Main", 40 * MICRO), ("Roof", 20 * MICRO),
    ]  # fmt: skip
    assert site.rows[1].meter.id == register.meter_id
    assert site.rows[0].rest is None  # it does not take from what is used
