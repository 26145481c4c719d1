"""What the query answers of real series: calendar figures from the rollups."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from telemetry.questions import Question
from telemetry.series import answer_question
from telemetry.storage.dirty import work_off
from tests.imports.conftest import column
from tests.imports.facts import SERIES, facts, near, near_all, needs_series

pytestmark = needs_series

ENERGY = "active_energy_import_interval"
LONGEST = dt.timedelta(days=40 * 366)


def ask(importer, zone, pattern, **question):
    """Return what is answered, by the local name of each bucket."""
    asked = Question(device_ids=[importer.device.id], timezone=zone, **question)
    answer = answer_question(
        tenant_id=importer.team.tenant.id, question=asked, now=timezone.now(), longest=LONGEST
    )
    (series,) = answer.series
    moments = [dt.datetime.fromtimestamp(t / 1000, ZoneInfo(zone)) for t in series.t]
    return {f"{m:{pattern}}": v for m, v in zip(moments, series.v, strict=True) if v is not None}


@pytest.mark.parametrize(
    "name",
    [
        "london-lcl-30min/uk-electricity-hdd-only-hourly-sample-1.csv.gz",
        "uk-home-hourly/uk-electricity-hdd-only-hourly-sample-0.csv.gz",
        "il-synthetic-dst/il-electricity-cdd-hdd-hourly.csv.gz",
    ],
)
def test_months_years_and_days_of_clock_changes(importer, name):
    want = facts(name)
    zone = want["tz"]
    importer.device.site.timezone = zone
    importer.device.site.save()
    importer.import_file(SERIES / name, zone="UTC" if zone == "Europe/London" else zone)
    while work_off(now=timezone.now(), seconds=5.0).is_more:
        pass
    asked = {
        "metrics": [ENERGY], "start": "2012-01-01", "end": "2023-01-01", "aggregates": ["sum"],
    }  # fmt: skip

    months = ask(importer, zone, "%Y-%m", interval="1mo", **asked)
    years = ask(importer, zone, "%Y", interval="1y", **asked)

    expected = want["monthly_kwh_dedup_first_local"]
    assert months == near_all(expected, months)
    assert years == near_all(want["yearly_kwh_local"], years)
    for day, energy in want["dst_day_kwh"].items():
        after = dt.date.fromisoformat(day) + dt.timedelta(days=1)
        one = asked | {"start": day, "end": after.isoformat(), "interval": "1d"}
        assert ask(importer, zone, "%Y-%m-%d", **one) == {day: near(energy)}
        counted = ask(importer, zone, "%Y-%m-%d", **one | {"aggregates": ["count"]})
        assert counted == {day: want["dst_days"][day]}


def test_days_of_solar_power_in_two_zones(importer):
    want = facts("pv-nrel-serf/serf_east_1min_ac_power.csv")
    importer.device.site.timezone = "America/Denver"
    importer.device.site.save()
    importer.import_file(
        SERIES / "pv-nrel-serf/serf_east_1min_ac_power.csv",
        columns=[column(1, "pv_active_power", "W")],
        zone="America/Denver",
    )
    while work_off(now=timezone.now(), seconds=5.0).is_more:
        pass
    asked = {
        "metrics": ["pv_active_power"], "start": "2022-03-18", "end": "2022-03-21",
        "interval": "1d", "aggregates": ["energy"],
    }  # fmt: skip

    for zone, name in (
        ("Etc/GMT+7", "daily_kwh_in_file_offset"),
        ("America/Denver", "daily_kwh_America_Denver"),
    ):
        days = ask(importer, zone, "%Y-%m-%d", **asked)
        assert {day: days[day] for day in want[name]} == near_all(want[name], want[name])
