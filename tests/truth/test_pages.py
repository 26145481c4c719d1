"""The part "Data quality" of a device's page, and the API of quality."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import Channel
from telemetry import partitions
from telemetry.models import ChannelDay, Grade, SampleCorrection, SequenceGap
from telemetry.truth.sequences import give_up, note_numbers
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

# yesterday would be in a week without a table on a Monday
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def device(red):
    with red.scope():
        site = SiteFactory(tenant=red.tenant, timezone="Europe/Istanbul")
        device = DeviceFactory(tenant=red.tenant, site=site, gateway=None)
        ChannelFactory(tenant=red.tenant, device=device, name="active_power_net", unit="kW")
    return device


@pytest.fixture
def channel(red, device):
    with red.scope():
        return Channel.objects.get(device=device)


def add_day(team, channel, ago, grade=Grade.GOOD, **figures):
    now = timezone.now()
    with team.scope():
        return ChannelDay.objects.create(
            tenant=team.tenant, channel=channel, day=now.date() - dt.timedelta(days=ago),
            grade=grade, computed_at=now, **{"completeness": 1.0, "received": 10} | figures,
        )  # fmt: skip


def page(client, device):
    return client.get(f"/devices/{device.id}?part=quality").content.decode()


def test_shows_grades_shares_and_words(red, device, channel, client_for):
    add_day(red, channel, 2, Grade.FAIR, completeness=0.953)
    add_day(red, channel, 1, Grade.POOR, completeness=0.875, findings=["scale", "gaps"], gaps=2,
            longest_gap_seconds=7400)  # fmt: skip

    shown = page(client_for(red.viewer), device)

    assert "87.5 %" in shown
    assert "badge--bad" in shown and "days__bar--poor" in shown and "days__bar--fair" in shown
    assert "is the unit right?" in shown
    assert "2 gaps, the longest 2 h." in shown
    assert "device-reading" not in shown and "Add a reading" not in shown


def test_says_what_to_expect_while_nothing_is_known(red, device, client_for):
    assert "Nothing is known yet" in page(client_for(red.viewer), device)


def test_shows_gaps_and_asks_again_for_lost_ones(red, device, client_for):
    now = timezone.now()
    note_numbers([(device.id, 3, n) for n in (1, 2, 6, 9)], now=now)
    with all_tenants():
        first = SequenceGap.objects.order_by("start").first()
    give_up([first.id], sequences={first.sequence_id}, now=now)
    client = client_for(red.owner)

    shown = page(client, device)
    assert "3: 3–5" in shown and "3: 7–8" in shown and "Lost" in shown

    answer = client.post(f"/devices/{device.id}/quality/request")
    assert answer.status_code == 302
    with all_tenants():
        assert SequenceGap.objects.filter(given_up_at=None).count() == 2


def test_a_reading_is_added_and_corrected_by_the_clock_of_the_site(
    red, device, channel, client_for
):
    partitions.ensure_partitions([partitions.week_of(timezone.now())], now=timezone.now())
    client = client_for(red.owner)
    day = (timezone.now() - dt.timedelta(days=1)).date()
    form = {"channel": str(channel.uuid), "at": f"{day}T12:00:05", "value": "12.5",
            "reason": "read at the meter"}  # fmt: skip

    client.post(f"/devices/{device.id}/quality/readings", form)
    client.post(
        f"/devices/{device.id}/quality/corrections",
        form | {"value": "13", "quality": "estimated", "reason": "typo"},
    )

    with all_tenants():
        later, first = SampleCorrection.objects.order_by("-created_at")
    assert first.at == dt.datetime.combine(day, dt.time(9, 0, 5), dt.UTC)
    assert (later.old_value, later.new_value) == (12.5, 13.0)
    assert later.made_by_label and later.reason == "typo"
    assert "typo" in page(client, device)


@pytest.mark.parametrize("wrong", [{"value": "much"}, {"at": "noon"}, {"reason": ""}])
def test_wrong_forms_change_nothing(red, device, channel, client_for, wrong):
    form = {"channel": str(channel.uuid), "at": "2026-01-01T00:00", "value": "1", "reason": "x"}
    client = client_for(red.owner)

    client.post(f"/devices/{device.id}/quality/readings", form | wrong)

    with all_tenants():
        assert not SampleCorrection.objects.exists()


class TestApi:
    def test_returns_days_and_gaps(self, red, device, channel, client_for):
        add_day(red, channel, 1, Grade.FAIR, lateness_p95=4.5)
        note_numbers([(device.id, 1, n) for n in (1, 4)], now=timezone.now())

        found = client_for(red.viewer).get(f"/api/v1/devices/{device.id}/quality").json()

        assert found["grade"] == "fair"
        assert found["channels"][0]["days"][0]["lateness_p95"] == 4.5
        assert (found["gaps"][0]["start"], found["gaps"][0]["to"]) == (2, 3)

    def test_refuses_ranges_that_are_none(self, red, device, client_for):
        url = f"/api/v1/devices/{device.id}/quality?first_day=2026-02-01&last_day=2026-01-01"

        assert client_for(red.viewer).get(url).status_code == 400

    def test_sums_up_a_site(self, red, device, channel, client_for):
        add_day(red, channel, 1, Grade.POOR, completeness=0.5)

        found = client_for(red.viewer).get(f"/api/v1/sites/{device.site_id}/quality").json()

        assert found["grade"] == "poor"
        assert found["channels"]["poor"] == 1
        assert found["completeness"] == 0.5
        assert [row["id"] for row in found["devices"]] == [str(device.id)]


def test_costs_the_same_for_one_and_many_channels(red, device, channel, client_for):
    client = client_for(red.viewer)
    add_day(red, channel, 1)
    page(client, device)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            page(client, device)
        return len(queries)

    few = cost()
    for number in range(8):
        other = ChannelFactory(tenant=red.tenant, device=device, name=f"other_{number}")
        for ago in (1, 2, 3):
            add_day(red, other, ago)
    assert cost() == few
