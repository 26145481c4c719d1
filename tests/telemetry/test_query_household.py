"""Two days of a real household: the energy and the demand that others computed from them."""

from __future__ import annotations

import csv
import datetime as dt
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from devices.models import Channel
from telemetry.questions import Question
from telemetry.series import Answer, answer_question
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.samples import store_samples

REALDATA = Path(os.environ.get("REALDATA_DIR", settings.BASE_DIR.parent / "shared" / "realdata"))
FILE = REALDATA / "series" / "uci-household" / "household_power_consumption_2007-02-05_06.txt"
PARIS = ZoneInfo("Europe/Paris")
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FILE.exists(), reason=f"no real data at {FILE}; set REALDATA_DIR"),
]


@pytest.fixture
def household(red: Team) -> Channel:
    """Return the power channel of a meter that reported every minute, in kW."""
    site = SiteFactory(tenant=red.tenant, timezone="Europe/Paris", currency="EUR")
    channel = ChannelFactory(device=DeviceFactory(site=site), name="active_power_import")
    with FILE.open() as lines:
        store_samples(
            channel,
            [
                (
                    # the file writes d/m/Y
                    dt.datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H:%M:%S")
                    .replace(tzinfo=PARIS),
                    float(row["Global_active_power"]),
                )
                for row in csv.DictReader(lines, delimiter=";")
            ],
        )  # fmt: skip
    return channel


def ask(red: Team, channel: Channel, **question: object) -> Answer:
    asked = Question(
        device_ids=[channel.device_id], metrics=[channel.name], start="2007-02-05",
        end="2007-02-07", **question,  # type: ignore[arg-type]
    )  # fmt: skip
    with red.scope():
        return answer_question(
            tenant_id=red.tenant.id, question=asked, now=NOW, longest=dt.timedelta(days=730)
        )


@pytest.mark.parametrize("interval", ["5m", "15m", "1h", "1d", "1w"])
def test_the_energy_is_the_same_in_buckets_of_any_width(
    red: Team, household: Channel, interval: str
) -> None:
    answer = ask(red, household, interval=interval, aggregates=["energy"])

    [series] = answer.series
    assert series.unit == "kWh"
    assert sum(series.v) == pytest.approx(48.646, abs=0.001)


def test_the_energy_of_each_day_is_known(red: Team, household: Channel) -> None:
    answer = ask(red, household, interval="1d", aggregates=["energy", "max", "min", "count"])

    energy, maximum, minimum, count = (series.v for series in answer.series)
    assert energy == [pytest.approx(27.4213, abs=1e-4), pytest.approx(21.2247, abs=1e-4)]
    assert (max(maximum), min(minimum), count) == (5.816, 0.214, [1440, 1440])


def test_the_demand_peaks_in_the_known_quarter_hour(red: Team, household: Channel) -> None:
    answer = ask(red, household, interval="15m", aggregates=["avg"])

    [series] = answer.series
    peak = max(series.v)
    at = dt.datetime.fromtimestamp(series.t[series.v.index(peak)] / 1000, PARIS)
    assert peak == pytest.approx(4.731067, abs=1e-6)
    assert at == dt.datetime(2007, 2, 5, 20, 30, tzinfo=PARIS)
    assert len(series.v) == 192


def test_the_energy_is_shown_in_the_unit_asked_for(red: Team, household: Channel) -> None:
    answer = ask(red, household, interval="1w", aggregates=["energy"], unit="Wh")

    [series] = answer.series
    assert (series.unit, series.v) == ("Wh", [pytest.approx(48_646, abs=1)])
    assert answer.is_partial
