"""The quality of all devices of a site: page and API."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from telemetry.models import ChannelDay, DeviceSequence, Grade, SequenceGap
from telemetry.truth.overview import DAYS, ORDERINGS, site_overview
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 11, 20)
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.fixture
def site(red):
    with red.scope():
        return SiteFactory(tenant=red.tenant, name="Works", timezone="Europe/Istanbul")


@pytest.fixture
def make(red, site):
    """Return a function that makes a device with channels whose days have figures."""

    def make(name, *channels, today=TODAY, site=site):
        with red.scope():
            device = DeviceFactory(tenant=red.tenant, site=site, gateway=None, name=name)
            for number, days in enumerate(channels):
                channel = ChannelFactory(tenant=red.tenant, device=device, name=f"x{number}")
                for ago, figures in days.items():
                    given = {"grade": Grade.GOOD, "completeness": 1.0} | figures
                    ChannelDay.objects.create(
                        tenant=red.tenant, channel=channel, day=today - dt.timedelta(days=ago),
                        computed_at=NOW, **given,
                    )  # fmt: skip
        return device

    return make


def look(red, site, **asked):
    with red.scope():
        return site_overview(site, now=NOW, **asked)


def test_a_device_is_as_good_as_its_worst_channel(red, site, make):
    make(
        "pump",
        {1: {"gaps": 2, "lateness_p95": 30.0}, 2: {"completeness": 0.5, "findings": ["stuck"]}},
        {1: {"grade": Grade.POOR, "completeness": 0.8, "gaps": 1, "findings": ["scale", "gaps"]}},
        {0: {"grade": Grade.FAIR, "completeness": None, "lateness_p95": 900.0}},
    )

    overview = look(red, site)
    (pump,) = overview.devices

    assert (overview.first_day, overview.last_day) == (TODAY - dt.timedelta(days=13), TODAY)
    assert (pump.grade, pump.gaps, pump.lateness_p95) == (Grade.POOR, 3, 900.0)
    assert pump.completeness == pytest.approx((1.0 + 0.5 + 0.8) / 3)
    assert (pump.stuck, pump.suspicious, pump.missing) == (1, 1, 0)
    assert len(pump.days) == DAYS
    assert [(day.grade, day.completeness) for day in pump.days[-4:]] == [
        (Grade.UNKNOWN, None), (Grade.GOOD, 0.5), (Grade.POOR, pytest.approx(0.9)),
        (Grade.FAIR, None),
    ]  # fmt: skip


def test_only_the_days_asked_for_count(red, site, make):
    make("pump", {1: {"gaps": 2}, 5: {"gaps": 40}, 20: {"gaps": 800}})

    assert look(red, site).devices[0].gaps == 42
    span = {"first": TODAY - dt.timedelta(days=20), "last": TODAY - dt.timedelta(days=20)}
    (pump,) = look(red, site, **span).devices
    assert (pump.gaps, len(pump.days)) == (800, 1)


def test_numbers_that_lack_are_told(red, site, make):
    device = make("pump")
    with red.scope():
        sequence = DeviceSequence.objects.create(
            tenant=red.tenant, device=device, boot=1, received="{[1,9)}", first_at=NOW, last_at=NOW
        )
        for missing, filled in ((4, None), (2, None), (9, NOW)):
            SequenceGap.objects.create(
                tenant=red.tenant, sequence=sequence, start=1, end=9, missing=missing,
                since=NOW, filled_at=filled,
            )  # fmt: skip

    assert [device.missing for device in look(red, site).devices] == [6]


@pytest.mark.parametrize("order", ORDERINGS)
def test_each_order_puts_what_is_unknown_last(red, site, make, order):
    bad = {
        "grade": Grade.POOR, "completeness": 0.1, "gaps": 9, "lateness_p95": 99.0,
        "findings": ["stuck", "sign"],
    }  # fmt: skip
    make("a-bad", {1: bad})
    make("b-good", {1: {"lateness_p95": 1.0}})
    make("c-silent")

    names = [[d.name for d in look(red, site, order=sign + order).devices] for sign in ("", "-")]

    assert names[0] != names[1]
    known = [[name for name in one if name != "c-silent"] for one in names]
    assert known[0] == known[1][::-1]
    if order in ("completeness", "lateness"):
        assert [one[-1] for one in names] == ["c-silent"] * 2
    if order == "grade":
        assert names[0] == ["a-bad", "b-good", "c-silent"]


def test_the_number_of_queries_does_not_grow(red, site, make):
    counts = []
    for number in (2, 12):
        for n in range(number):
            make(f"d{number}-{n}", {1: {}, 2: {}}, {1: {}})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert look(red, site).devices
        counts.append(len(queries))
    assert counts[0] == counts[1]


def local_today(site):
    return timezone.now().astimezone(ZoneInfo(site.timezone)).date()


def test_the_page_shows_a_strip_for_each_device(red, site, make, client_for):
    today = local_today(site)
    poor = {"grade": Grade.POOR, "completeness": 0.25, "findings": ["sign"], "gaps": 3}
    device = make("pump", {1: poor, 2: {}}, today=today)
    make("valve", {1: {}}, today=today)

    shown = client_for(red.viewer).get("/quality").content.decode()

    assert f"/devices/{device.id}?part=quality" in shown
    assert shown.index("pump") < shown.index("valve")  # the worst first
    strip = re.findall(r'<svg class="strip".*?</svg>', shown, re.S)[0]
    assert strip.count("strip__day") == DAYS
    assert strip.count("days__bar--poor") == strip.count("days__bar--good") == 1
    assert 'aria-label="Days: Poor 1, Good 1, Unknown 12"' in strip
    assert ": Poor, 25%" in strip
    assert "badge--bad" in shown and 'aria-sort="ascending"' in shown


def test_the_page_filters_and_sorts(red, site, make, client_for):
    today = local_today(site)
    make("pump", {1: {"grade": Grade.POOR, "gaps": 1}}, today=today)
    make("valve", {1: {"gaps": 7}}, today=today)
    client = client_for(red.viewer)

    only = client.get("/quality?grade=poor").content.decode()
    most = client.get("/quality?sort=-gaps").content.decode()

    assert "pump" in only and "valve" not in only
    assert most.index("valve") < most.index("pump")
    assert client.get("/quality?sort=x&grade=y&page=z").status_code == 200


def test_another_organisations_site_does_not_exist(red, blue, site, make, client_for):
    make("pump", {1: {}})
    client = client_for(blue.viewer)
    key = f"/api/v1/sites/{site.id}/quality/devices"

    assert client.get(f"/quality?site={site.id}").status_code == 404
    assert client.get("/quality?site=x").status_code == 404
    assert "pump" not in client.get("/quality").content.decode()
    assert client.get(key).status_code == 404


def test_the_api_compares_too(red, site, make, client_for):
    make("pump", {1: {"gaps": 3, "completeness": 0.5}}, today=local_today(site))
    client = client_for(red.viewer)
    url = f"/api/v1/sites/{site.id}/quality/devices"

    found = client.get(url, {"ordering": "-gaps"}).json()
    refused = client.get(url, {"first_day": "2026-01-02", "last_day": "2026-01-01"})

    (pump,) = found["devices"]
    assert (pump["name"], pump["gaps"], pump["completeness"]) == ("pump", 3, 0.5)
    assert len(pump["days"]) == DAYS
    assert pump["days"][-2]["completeness"] == 0.5
    assert refused.status_code == 400
    assert client.get(url, {"ordering": "colour"}).status_code == 400
