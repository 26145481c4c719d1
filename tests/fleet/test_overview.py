"""The fleet page: numbers that lead to exactly the rows they count, at a constant cost."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from devices.command_states import State
from devices.models import (
    Command,
    Device,
    DeviceConfiguration,
    Lifecycle,
    ReportedConfiguration,
)
from tests.factories import (
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    SiteFactory,
    ZoneFactory,
)
from tests.pki.rows import make_certificate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

COUNT = re.compile(r'<a class="count[^"]*" href="([^"]+)"[^>]*><span class="count__number">(\d+)<')


def heard(device, seconds_ago=1.0):
    at = timezone.now() - dt.timedelta(seconds=seconds_ago)
    Device.objects.filter(pk=device.pk).update(last_seen_at=at)


def configure(device, desired, reported, revision=1):
    DeviceConfiguration.objects.create(
        device=device, revision=revision, body=desired, reason="test", state="applied"
    )
    ReportedConfiguration.objects.update_or_create(
        device=device, defaults={"body": reported, "reported_at": timezone.now()}
    )


def command(device, state):
    now = timezone.now()
    Command.objects.create(
        device=device, name="restart", state=state, principal="user:1", principal_label="x",
        idempotency_key=uuid.uuid4().hex, body_hash="x", requested_at=now, not_before=now,
        expires_at=now,
    )  # fmt: skip


def certify(device, days):
    end = timezone.now() + dt.timedelta(days=days)
    return make_certificate(device, not_after=end, common_name=str(device.id))


@pytest.fixture
def fleet(red):
    """Two sites with devices in every state and with every trouble."""
    with red.scope():
        plant = SiteFactory(tenant=red.tenant, name="Plant")
        depot = SiteFactory(tenant=red.tenant, name="Depot")
        meters = DeviceProfileFactory(key="meters", name="Meters", expected_interval_seconds=60)
        pumps = DeviceProfileFactory(key="pumps", name="Pumps", expected_interval_seconds=60)
        made = {}
        for name, site, profile, age, version in (
            ("online", plant, meters, 1, "1.0"),
            ("late", plant, meters, 100, "1.1"),
            ("offline", plant, pumps, 4000, ""),
            ("silent", depot, pumps, None, "2.0"),
        ):
            made[name] = DeviceFactory(site=site, gateway=None, profile=profile, name=f"d-{name}")
            if age is not None:
                heard(made[name], age)
            Device.objects.filter(pk=made[name].pk).update(
                firmware_version=version, lifecycle=Lifecycle.ACTIVE
            )
        gone = DeviceFactory(site=depot, gateway=None, profile=pumps, name="d-gone")
        Device.objects.filter(pk=gone.pk).update(lifecycle=Lifecycle.DECOMMISSIONED)
        configure(made["online"], {"interval": 10}, {"interval": 60, "extra": 1})
        configure(made["late"], {"interval": 10}, {"interval": 10, "extra": 1})
        configure(made["silent"], {"interval": 1}, {"interval": 10})
        configure(made["silent"], {"interval": 10}, {"interval": 10}, revision=2)
        command(made["late"], State.SENT)
        command(made["online"], State.DONE)
        certify(made["offline"], 20)
        certify(made["online"], 20)
        certify(made["online"], 300)
        certify(made["silent"], -1)
    return made


def names_on(page):
    return set(re.findall(r"d-(\w+)</a>", page))


def read(client, query=""):
    response = client.get(reverse("fleet") + query)
    assert response.status_code == 200
    return response.content.decode()


def test_each_number_counts_the_rows_behind_it(red, fleet, client_for):
    client = client_for(red.viewer)
    page = read(client)
    found = {url.replace("&amp;", "&"): int(number) for url, number in COUNT.findall(page)}

    assert found.pop("/fleet") == 4
    assert {url.partition("=")[2]: number for url, number in found.items()} == {
        "online": 1, "late": 1, "offline": 1, "silent": 1, "configuration": 1, "command": 1,
        "certificate": 2,
    }  # fmt: skip
    for url, number in found.items():
        assert len(names_on(client.get(url).content.decode())) == number, url


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"online", "late", "offline", "silent"}),
        ("?presence=late", {"late"}),
        ("?trouble=configuration", {"online"}),
        ("?trouble=command", {"late"}),
        ("?trouble=certificate", {"offline", "silent"}),
        ("?lifecycle=decommissioned", {"gone"}),
        ("?lifecycle=active", {"online", "late", "offline", "silent"}),
        ("?type=pumps", {"offline", "silent"}),
        ("?type=pumps&firmware=-", {"offline"}),
        ("?firmware=1.1", {"late"}),
        ("?q=depot", {"silent"}),
        ("?q=d-off", {"offline"}),
        ("?presence=nonsense&site=x&trouble=%00&sort=password&q=%00&page=x",
         {"online", "late", "offline", "silent"}),
        ("?site=00000000-0000-0000-0000-000000000000", set()),
    ],
)  # fmt: skip
def test_filters(red, fleet, client_for, query, names):
    assert names_on(read(client_for(red.viewer), query)) == names


def test_filters_by_site_and_zone(red, fleet, client_for):
    with red.scope():
        device = fleet["online"]
        zone = ZoneFactory(site=device.site)
        Device.objects.filter(pk=device.pk).update(zone=zone)
    client = client_for(red.viewer)

    assert names_on(read(client, f"?site={fleet['silent'].site_id}")) == {"silent"}
    assert names_on(read(client, f"?zone={zone.id}")) == {"online"}


@pytest.mark.parametrize(
    ("order", "first", "last"),
    [("name", "late", "silent"), ("-name", "silent", "late"), ("site", "silent", "online"),
     ("last_seen", "silent", "online"), ("-last_seen", "online", "silent"),
     ("firmware", "offline", "silent"), ("type", "late", "silent")],
)  # fmt: skip
def test_orders(red, fleet, client_for, order, first, last):
    page = read(client_for(red.viewer), f"?sort={order}")
    shown = re.findall(r"d-(\w+)</a>", page)

    assert (shown[0], shown[-1]) == (first, last)


def test_costs_the_same_at_any_size(red, client_for):
    client = client_for(red.owner)

    def count():
        with CaptureQueriesContext(connection) as queries:
            read(client)
        return len(queries)

    with red.scope():
        DeviceFactory(tenant=red.tenant)
    read(client)
    few = count()
    with red.scope():
        for _ in range(4):
            site = SiteFactory(tenant=red.tenant)
            gateway = GatewayFactory(site=site)
            for device in DeviceFactory.create_batch(3, gateway=gateway):
                configure(device, {"a": 1}, {"a": 2})
                command(device, State.QUEUED)

    assert count() == few
    assert few < 25


def test_lists_fifty_on_a_page(red, client_for):
    with red.scope():
        gateway = GatewayFactory(tenant=red.tenant)
        for number in range(53):
            DeviceFactory(gateway=gateway, name=f"d-n{number:02}")
    client = client_for(red.viewer)

    assert len(names_on(read(client, "?q=d-n"))) == 50
    assert names_on(read(client, "?q=d-n&page=2")) == {"n50", "n51", "n52"}


def test_others_see_nothing_of_it(fleet, blue, client_for):
    page = read(client_for(blue.owner))

    assert "d-" not in re.sub(r'[\w"-]*="[^"]*"', "", page).replace("d-none", "")
    assert "Plant" not in page


def test_the_queue_of_claims_is_for_who_may_provision(red, fleet, client_for):
    assert "Claims under way" in read(client_for(red.owner))
    assert "Claims under way" not in read(client_for(red.viewer))


def test_the_menu_offers_what_the_person_may_open(red, client_for):
    def menu(person, url="/"):
        page = client_for(person).get(url).content.decode()
        return re.search(r'<nav class="band__nav".*?</nav>', page, re.S)[0]

    assert "/provisioning/" in menu(red.owner)
    assert "/provisioning/" not in menu(red.viewer)
    assert 'href="/fleet" aria-current="page"' in menu(red.viewer, "/fleet")
    assert menu(red.viewer, "/fleet").count("aria-current") == 1
