"""Comparison, completeness, channels by id and formats of /api/v1/telemetry/query; /latest."""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from devices.models import Channel, Kind
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, LatestValueFactory, SiteFactory
from tests.telemetry.asking import DAY, QUARTER, URL, ask
from tests.telemetry.samples import every, store_samples

pytestmark = pytest.mark.django_db

HOUR_MS = 3_600_000


def test_takes_channels_by_their_ids(browser: Client, power: Channel) -> None:
    day = {"from": "2026-10-24", "to": "2026-10-25", "interval": "1h"}

    by_id = browser.get(URL, {"channel": str(power.uuid), **day})

    assert by_id.json() == ask(browser, power, **day).json()


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "required"),
        ({"device": str(uuid.uuid4())}, "required"),
        ({"metric": "x"}, "required"),
        ({"channel": str(uuid.uuid4())}, "not_found"),
        ({"channel": "7"}, "invalid_request"),
    ],
)
def test_wants_channels_or_devices_with_metrics(
    browser: Client, params: dict[str, str], code: str
) -> None:
    assert browser.get(URL, params).json()["code"] == code


def test_compares_with_the_period_before_on_the_wall_clock(browser: Client, power: Channel) -> None:
    """The 25th has 25 hours in Berlin, the 24th has 24; two o'clock belongs to two o'clock."""
    body = ask(browser, power, **{"from": "2026-10-25", "to": "2026-10-26"}, interval="1h",
               compare="previous_period", agg="first").json()  # fmt: skip

    comparison = body["comparison"]
    [now], [before] = body["series"], comparison["series"]
    assert (comparison["from"], comparison["to"]) == (body["from"] - 24 * HOUR_MS, body["from"])
    assert (len(now["t"]), len(before["t"])) == (25, 22)  # it began to tell at two o'clock
    # the hour that comes twice has nothing to be compared with the second time
    alone = set(now["t"]) - set(before["t"])
    assert alone == {body["from"] + hours * HOUR_MS for hours in (0, 1, 3)}


@pytest.mark.parametrize(
    ("kind", "period", "earlier"),
    [
        ("previous_period", ("2026-03-01", "2026-04-01"), ("2026-02-01", "2026-03-01")),
        ("previous_period", ("2026-01-01", "2027-01-01"), ("2025-01-01", "2026-01-01")),
        ("previous_period", ("2026-10-20", "2026-10-22"), ("2026-10-18", "2026-10-20")),
        ("previous_period", ("2026-10-20T06:00Z", "2026-10-20T08:00Z"),
         ("2026-10-20T04:00Z", "2026-10-20T06:00Z")),
        ("previous_year", ("2024-02-29", "2024-03-01"), ("2023-02-28", "2023-03-01")),
        ("same_weekday", ("2026-10-20", "2026-10-22"), ("2026-10-13", "2026-10-15")),
        ("same_weekday", ("2026-10-01", "2026-10-10"), ("2026-09-17", "2026-09-26")),
    ],
)  # fmt: skip
def test_knows_the_period_to_compare_with(
    browser: Client, power: Channel, kind: str, period: tuple[str, str], earlier: tuple[str, str]
) -> None:
    params = {"interval": "1d", "tz": "Europe/Berlin"}
    asked = ask(browser, power, **{"from": period[0], "to": period[1]}, compare=kind, **params)
    there = ask(browser, power, **{"from": earlier[0], "to": earlier[1]}, **params).json()

    comparison = asked.json()["comparison"]
    assert (comparison["from"], comparison["to"]) == (there["from"], there["to"])


def test_tells_how_complete_a_bucket_is(browser: Client, red: Team) -> None:
    device = DeviceFactory(tenant=red.tenant)
    device.profile.expected_interval_seconds = 900
    device.profile.save()
    channel = ChannelFactory(device=device)
    store_samples(channel, every(QUARTER, DAY, [1.0] * 3))
    store_samples(channel, [(DAY + dt.timedelta(hours=1), 1.0)])

    response = ask(browser, channel, **{"from": "2026-10-25T00:00Z", "to": "2026-10-25T01:30Z"},
                   interval="1h", tz="UTC", completeness="true")  # fmt: skip

    assert response.json()["series"][0]["c"] == [0.75, 0.5]


def test_writes_a_column_for_each_series(browser: Client, power: Channel) -> None:
    table = ask(browser, power, **{"from": "2026-10-25T00:00Z", "to": "2026-10-25T00:30Z"},
                interval="15m", agg="min,max", format="csv", layout="wide")  # fmt: skip

    rows = list(csv.reader(io.StringIO(table.content.decode())))
    name = f"{power.device_id} active_power_import (kW)"
    assert rows == [
        ["time", f"{name} min", f"{name} max"],
        ["2026-10-25T00:00:00.000Z", "2.0", "2.0"],
        ["2026-10-25T00:15:00.000Z", "2.0", "2.0"],
    ]


def test_speaks_message_pack(browser: Client, power: Channel) -> None:
    params: dict[str, Any] = {"from": "2026-10-24", "to": "2026-10-25", "interval": "1h"}

    packed = ask(browser, power, **params, format="msgpack")

    assert packed["Content-Type"] == "application/msgpack"
    assert msgspec.msgpack.decode(packed.content) == ask(browser, power, **params).json()


def test_a_year_is_a_bucket(browser: Client, power: Channel) -> None:
    body = ask(browser, power, **{"from": "2026-01-01", "to": "2027-01-01"}, interval="1y",
               agg="count").json()  # fmt: skip

    assert body["series"][0]["v"] == [288.0]


def test_latest_of_many_costs_the_same_at_any_size(browser: Client, red: Team) -> None:
    site = SiteFactory(tenant=red.tenant)
    devices = [DeviceFactory(site=site) for _ in range(6)]
    for device in devices:
        LatestValueFactory(channel=ChannelFactory(device=device, name="power"), value=1.5)
        ChannelFactory(device=device, name="flow")

    def count(number: int) -> int:
        ids = [str(device.id) for device in devices[:number]]
        with CaptureQueriesContext(connection) as queries:
            response = browser.post(
                "/api/v1/latest", {"device": ids}, content_type="application/json"
            )
        assert [one["device"] for one in response.json()["results"]] == ids
        return len(queries)

    assert count(1) == count(6)


def test_latest_of_many_says_what_one_device_says(browser: Client, blue: Team, red: Team) -> None:
    channel = ChannelFactory(tenant=red.tenant, name="power")
    LatestValueFactory(channel=channel, value=1.5)
    ChannelFactory(device=channel.device, name="flow")
    foreign = DeviceFactory(tenant=blue.tenant)

    def post(**body: Any) -> Any:
        return browser.post("/api/v1/latest", body, content_type="application/json")

    found = post(device=[str(channel.device_id)], metric=["power"]).json()["results"][0]
    assert [(value["metric"], value["value"]) for value in found["values"]] == [("power", 1.5)]
    assert post(device=[str(foreign.id)]).status_code == 404
    assert post(device=[]).status_code == 400


def test_amounts_of_intervals_are_added_up(browser: Client, red: Team) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant, timezone="Europe/Berlin"))
    channel = ChannelFactory(
        device=device, name="active_energy_import_interval", unit="kWh", kind=Kind.INTERVAL,
        expected_interval_seconds=1800,
    )  # fmt: skip
    store_samples(channel, every(QUARTER * 2, DAY, [0.25 * n for n in range(8)]))
    hours = {"from": "2026-10-25T00:00Z", "to": "2026-10-25T04:00Z"}

    [series] = ask(browser, channel, **hours, interval="1h").json()["series"]
    assert (series["agg"], series["v"]) == ("sum", [0.25, 1.25, 2.25, 3.25])
    # buckets narrower than the amounts would be mostly empty
    assert ask(browser, channel, **hours).json()["interval"] == "1h"
    whole = ask(browser, channel, **hours, interval="1h", completeness="true").json()
    assert whole["series"][0]["c"] == [1.0] * 4


@pytest.mark.parametrize("agg", ["avg", "delta", "energy"])
def test_amounts_have_no_mean_and_no_rise(browser: Client, red: Team, agg: str) -> None:
    channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant), kind=Kind.INTERVAL)

    refused = ask(browser, channel, interval="1h", agg=agg)

    assert (refused.status_code, refused.json()["code"]) == (400, "aggregate_not_applicable")


def test_a_sum_of_amounts_is_not_made_up(browser: Client, red: Team) -> None:
    channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant), kind=Kind.INTERVAL)

    refused = ask(browser, channel, interval="1h", fill="previous")

    assert (refused.status_code, refused.json()["code"]) == (400, "fill_not_applicable")
