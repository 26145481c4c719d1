"""Answers of /api/v1/telemetry/query."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.models import Channel, Kind
from telemetry.quality import Quality
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.asking import DAY, QUARTER, URL, ask
from tests.telemetry.samples import every, store_samples

pytestmark = pytest.mark.django_db


def test_has_the_agreed_name() -> None:
    assert reverse("api-telemetry-query") == URL


def test_answers_in_columns(browser: Client, power: Channel) -> None:
    response = ask(browser, power, **{"from": "2026-10-25", "to": "2026-10-26"},
                   interval="1d", agg="avg,energy")  # fmt: skip

    assert response.status_code == 200
    body = response.json()
    start = int((DAY - dt.timedelta(hours=2)).timestamp() * 1000)
    assert {name: body[name] for name in body if name != "series"} == {
        "from": start, "to": start + 25 * 3_600_000, "interval": "1d", "tz": "Europe/Berlin",
        "source": "raw", "partial": False,
    }  # fmt: skip
    shared = {"device": str(power.device_id), "channel": str(power.uuid), "t": [start],
              "metric": "active_power_import", "q": ["good"]}  # fmt: skip
    assert body["series"] == [
        {**shared, "unit": "kW", "agg": "avg", "v": [2.0]},
        {**shared, "unit": "kWh", "agg": "energy", "v": [50.0]},  # a day of 25 hours
    ]


def test_answers_the_same_question_in_a_body(browser: Client, power: Channel) -> None:
    period = {"from": "2026-10-24", "to": "2026-10-26", "interval": "1h"}
    question = {"device": [str(power.device_id)], "metric": "active_power_import", **period}

    posted = browser.post(URL, json.dumps(question), content_type="application/json")

    assert posted.status_code == 200
    assert posted.json() == ask(browser, power, **period).json()


def test_uses_the_zone_that_is_given(browser: Client, power: Channel) -> None:
    response = ask(browser, power, **{"from": "2026-10-25", "to": "2026-10-26"}, tz="UTC",
                   interval="1h", agg="count")  # fmt: skip

    assert len(response.json()["series"][0]["t"]) == 24


def test_returns_samples_as_they_are(browser: Client, red: Team) -> None:
    channel = ChannelFactory(tenant=red.tenant, name="temperature", unit="Cel")
    moment = dt.datetime(2026, 11, 1, 0, 0, 0, 123_456, tzinfo=dt.UTC)
    store_samples(channel, [(moment, 20.5), (moment + QUARTER, 999, Quality.BAD)])

    response = ask(browser, channel, **{"from": "2026-11-01", "to": "2026-11-02"},
                   interval="raw", unit="K")  # fmt: skip

    [series] = response.json()["series"]
    assert series == {
        "device": str(channel.device_id), "channel": str(channel.uuid), "metric": "temperature",
        "unit": "K", "agg": "raw",
        "t": [1793491200123, 1793492100123], "v": [293.65, 1272.15], "q": ["good", "bad"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fill", "values", "qualities"),
    [
        ("none", [1, 4], ["good", "good"]),
        ("null", [None, 1, None, None, 4, None],
         ["missing", "good", "missing", "missing", "good", "missing"]),
        ("previous", [None, 1, 1, 1, 4, 4],
         ["missing", "good", "estimated", "estimated", "good", "estimated"]),
        ("linear", [None, 1, 2, 3, 4, None],
         ["missing", "good", "estimated", "estimated", "good", "missing"]),
    ],
)  # fmt: skip
def test_fills_empty_buckets_and_says_so(
    browser: Client, red: Team, fill: str, values: list[float | None], qualities: list[str]
) -> None:
    channel = ChannelFactory(tenant=red.tenant)
    store_samples(channel, [(DAY + QUARTER, 1), (DAY + 4 * QUARTER, 4)])

    response = ask(browser, channel, **{"from": "2026-10-25T00:00Z", "to": "2026-10-25T01:30Z"},
                   interval="15m", fill=fill)  # fmt: skip

    [series] = response.json()["series"]
    assert (series["v"], series["q"]) == (values, qualities)


def test_invents_nothing_for_the_future(browser: Client, red: Team) -> None:
    channel = ChannelFactory(tenant=red.tenant)
    now = dt.datetime.now(dt.UTC)
    store_samples(channel, [(now - dt.timedelta(minutes=20), 1)])

    response = ask(browser, channel, **{"from": "now-1h", "to": "now+5h"}, interval="15m",
                   fill="previous")  # fmt: skip

    assert max(response.json()["series"][0]["t"]) <= now.timestamp() * 1000
    assert response.json()["partial"] is True


def test_reads_several_devices_and_metrics_in_the_order_asked(browser: Client, red: Team) -> None:
    site = SiteFactory(tenant=red.tenant)
    first, second = DeviceFactory(site=site), DeviceFactory(site=site)
    for device in (first, second):
        for name in ("voltage_l1", "current_l1"):
            ChannelFactory(device=device, name=name)

    response = browser.get(
        f"{URL}?device={second.id},{first.id}&metric=voltage_l1&metric=current_l1&agg=min,max"
    )

    assert [(s["device"], s["metric"], s["agg"]) for s in response.json()["series"]] == [
        (str(device.id), name, agg)
        for device in (second, first)
        for name in ("voltage_l1", "current_l1")
        for agg in ("min", "max")
    ]


def test_the_number_of_queries_does_not_grow_with_the_series(browser: Client, red: Team) -> None:
    site = SiteFactory(tenant=red.tenant)
    devices = [DeviceFactory(site=site) for _ in range(5)]
    for device in devices:
        for number in range(5):
            channel = ChannelFactory(device=device, name=f"power_{number}")
            store_samples(channel, every(QUARTER, DAY, [1.0, 2.0]))

    def count(number: int, aggregates: str) -> int:
        params = {
            "device": ",".join(str(device.id) for device in devices[:number]),
            "metric": ",".join(f"power_{n}" for n in range(number)),
            "from": "2026-10-25", "to": "2026-10-27", "agg": aggregates,
        }  # fmt: skip
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert browser.get(URL, params).status_code == 200
        return len(queries)

    assert count(1, "avg") == count(5, "avg") <= 12
    assert count(1, "energy,delta") == count(5, "avg,energy,delta") <= 13


@pytest.mark.parametrize(
    ("start", "expected"),
    [("now-24h", "1m"), ("now-7d/d", "15m"), ("now-30d", "1h"), ("now-2y", "1d"),
     ("now-20y", "1w"), ("now-50y", "1mo")],
)  # fmt: skip
def test_chooses_the_interval_for_the_period(
    browser: Client, power: Channel, start: str, expected: str
) -> None:
    assert ask(browser, power, **{"from": start}).json()["interval"] == expected


def test_asks_for_a_zone_where_sites_differ(browser: Client, red: Team) -> None:
    places = [SiteFactory(tenant=red.tenant, timezone=zone) for zone in ("UTC", "Asia/Tokyo")]
    devices = [DeviceFactory(site=place) for place in places]
    for device in devices:
        ChannelFactory(device=device, name="power")
    params = {"device": ",".join(str(device.id) for device in devices), "metric": "power"}

    assert browser.get(URL, params).json()["code"] == "timezone_required"
    assert browser.get(URL, params | {"tz": "UTC"}).status_code == 200


def test_a_net_total_may_fall_but_a_counter_began_again(browser: Client, red: Team) -> None:
    device = DeviceFactory(tenant=red.tenant)
    for name, kind in (("net", Kind.TOTAL), ("meter", Kind.COUNTER)):
        channel = ChannelFactory(device=device, name=name, kind=kind, unit="kWh")
        store_samples(channel, [(DAY, 100), (DAY + QUARTER, 2)])

    response = browser.get(URL, {
        "device": device.id, "metric": "net,meter", "from": "2026-10-25T00:00Z",
        "to": "2026-10-25T01:00Z", "interval": "1h", "agg": "delta", "unit": "Wh",
    })  # fmt: skip

    assert [series["v"] for series in response.json()["series"]] == [[-98_000], [2000]]


def test_a_closed_period_may_be_cached_and_asked_for_again(browser: Client, power: Channel) -> None:
    period = {"from": "2026-10-24", "to": "2026-10-25"}

    first = ask(browser, power, **period)
    again = browser.get(
        URL, {"device": power.device_id, "metric": power.name, **period},
        headers={"If-None-Match": first["ETag"]},
    )  # fmt: skip
    store_samples(power, [(DAY - dt.timedelta(hours=7, seconds=1), 9)])
    late_row = ask(browser, power, **period)

    assert first["Cache-Control"] == "private, max-age=86400"
    assert (again.status_code, again.content) == (304, b"")
    assert late_row["ETag"] != first["ETag"]


@pytest.mark.parametrize("period", [{"to": "now"}, {"from": "now-9d", "to": "now-1d"}])
def test_a_period_that_moves_is_not_cached(
    browser: Client, power: Channel, period: dict[str, str]
) -> None:
    assert ask(browser, power, **period)["Cache-Control"] == "private, no-cache"


def test_writes_csv(browser: Client, power: Channel) -> None:
    params = {"from": "2026-10-25T00:00Z", "to": "2026-10-25T00:30Z", "interval": "15m",
              "format": "csv", "sep": "semicolon", "bom": "true"}  # fmt: skip

    response = ask(browser, power, **params)

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response.content.decode().splitlines() == [
        "\ufefftime;device;metric;agg;unit;value;quality",
        f"2026-10-25T00:00:00.000Z;{power.device_id};active_power_import;avg;kW;2.0;good",
        f"2026-10-25T00:15:00.000Z;{power.device_id};active_power_import;avg;kW;2.0;good",
    ]


def test_writes_a_line_for_each_value(browser: Client, power: Channel) -> None:
    response = browser.get(
        URL, {"device": power.device_id, "metric": power.name, "from": "2026-10-25T00:00Z",
              "to": "2026-10-25T00:15Z", "interval": "raw"},
        headers={"Accept": "application/x-ndjson"},
    )  # fmt: skip

    assert [json.loads(line) for line in response.getvalue().splitlines()] == [
        {"t": int(DAY.timestamp() * 1000), "device": str(power.device_id), "agg": "raw",
         "metric": "active_power_import", "unit": "kW", "v": 2.0, "q": "good"}
    ]  # fmt: skip
