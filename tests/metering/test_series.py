"""Real series through the doors of the product: the ledger gives every figure of FACTS.json."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, Kind
from metering.analysis.demand import find_peaks, find_windows
from metering.build.due import work_off
from metering.ledger.flows import Integration, Part
from metering.models import LedgerDecision, Register
from metering.queries.series import meter_days, read_series
from metering.series import QUARTER_SECONDS, Grade
from metering.services.meters import Hardware, Source, Wanted, create_meter
from telemetry.storage.dirty import work_off as roll_up
from tests.imports.conftest import Importer, column, importer  # noqa: F401 (a fixture)
from tests.imports.facts import SERIES, facts, near, near_all, needs_series
from tests.imports.test_faults import FOLDER, meter, send_all  # noqa: F401 (a fixture)
from tests.metering.conftest import _TABLES, NOW, entries_of, total

pytestmark = [needs_series, pytest.mark.django_db(transaction=True)]

ENERGY = "active_energy_import_interval"


@pytest.fixture(autouse=True)
def empty_ledger() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(_TABLES)}")


def ledger_of(
    device: Device,
    name: str,
    zone: str,
    *,
    quantity: str = "import",
    multiplier: Decimal = Decimal(1),
    **source: str,
) -> Register:
    """Make a meter of an imported channel and build its ledger."""
    device.site.timezone = zone
    device.site.save()
    channel = Channel.objects.get(device=device, name=name)
    made = create_meter(
        site_id=device.site_id,
        wanted=Wanted(name=f"{device.uid} {name} {quantity} {source.get('integration', '')}"),
        sources={quantity: Source(channel.uuid, **source)},
        hardware=Hardware(multiplier=multiplier),
        now=NOW,
    )
    build()
    return made.registers.get()


def build() -> None:
    with all_tenants():
        while roll_up(now=NOW).marks:
            pass
        while work_off(now=NOW).is_more:
            pass


def days_of(register: Register) -> dict[str, float]:
    """Return the sums of local days as they are kept."""
    rows = meter_days(
        [register.meter], dt.date(2000, 1, 1), dt.date(2027, 1, 1), register.quantity
    )[register.meter_id]
    epoch = dt.date(1970, 1, 1)
    return {
        str(epoch + dt.timedelta(days=int(row["day"]))): int(row["amount"]) / 1e6 for row in rows
    }


def by(days: dict[str, float], length: int) -> dict[str, float]:
    """Sum days up by the first characters of their names: months 7, years 4."""
    found: dict[str, float] = {}
    for day, amount in days.items():
        found[day[:length]] = found.get(day[:length], 0.0) + amount
    return found


def quarters_by(register: Register, zone: str, pattern: str) -> dict[str, float]:
    """Return sums of quarters in another time zone than that of the site."""
    found: dict[str, float] = {}
    info = ZoneInfo(zone)
    for entry in entries_of(register):
        moment = dt.datetime.fromtimestamp(int(entry["number"]) * QUARTER_SECONDS, info)
        name = moment.strftime(pattern)
        found[name] = found.get(name, 0.0) + int(entry["amount"]) / 1e6
    return found


@pytest.mark.parametrize(
    "name",
    [
        "london-lcl-30min/uk-electricity-hdd-only-hourly-sample-1.csv.gz",
        "uk-home-hourly/uk-electricity-hdd-only-hourly-sample-0.csv.gz",
        "il-synthetic-dst/il-electricity-cdd-hdd-hourly.csv.gz",
    ],
)
def test_intervals_of_years(importer: Importer, name: str) -> None:  # noqa: F811
    want = facts(name)
    importer.import_file(SERIES / name, zone="UTC")
    register = ledger_of(importer.device, ENERGY, want["tz"])

    assert float(total(register)) == near(want["dedup_keep_first_kwh"])
    days = days_of(register)
    months, years = by(days, 7), by(days, 4)
    assert months == near_all(want["monthly_kwh_dedup_first_local"], months)
    assert years == near_all(want["yearly_kwh_local"], years)
    assert {day: days[day] for day in want["dst_day_kwh"]} == near_all(
        want["dst_day_kwh"], want["dst_day_kwh"]
    )
    rows = entries_of(register)
    length = 1800 if "london" in name else 3600
    missing = int((np.diff(rows["number"]) - 1).sum()) * QUARTER_SECONDS // length
    assert missing == want["missing_intervals"]
    assert set(rows["grade"].tolist()) == {Grade.PRORATED}


def test_a_school(importer: Importer) -> None:  # noqa: F811
    want = facts("school-hourly-2018/school_eload.rda")
    file = SERIES / "school-hourly-2018/school_eload_converted.csv"
    importer.import_file(file, zone="UTC-08:00")
    register = ledger_of(importer.device, ENERGY, "Etc/GMT+8")

    assert float(total(register)) == near(want["total_kwh"], 1)
    days = days_of(register)
    months = by(days, 7)
    assert months == near_all(want["monthly_kwh"], months, 1)
    weekend = sum(
        amount for day, amount in days.items() if dt.date.fromisoformat(day).weekday() >= 5
    )
    assert weekend == near(want["weekend_kwh"], 1)
    assert sum(days.values()) - weekend == near(want["weekday_kwh"], 1)


def test_a_household_that_sends_power(importer: Importer) -> None:  # noqa: F811
    name = "uci-household/household_power_consumption_2007-02-05_06.txt"
    want = facts(name)
    columns = [
        column(2, "active_power_import", "kW"),
        *(column(5 + n, f"sub_{n}", "Wh", "interval") for n in (1, 2, 3)),
    ]
    importer.import_file(SERIES / name, columns=columns, zone="Europe/Paris")
    channels = Channel.objects.filter(device=importer.device)
    channels.update(expected_interval_seconds=60)
    register = ledger_of(
        importer.device, "active_power_import", "Europe/Paris", integration=Integration.HOLD.value
    )

    assert float(total(register)) == near(want["total_kwh"])
    days = days_of(register)
    assert days == near_all(want["per_day_kwh"], days, 4)
    series = read_series([register.id], 0, 4_000_000)[register.id]
    for minutes, power, at in (
        (15, want["peak_15min_demand_kw"], want["peak_15min_start"]),
        (60, want["peak_hour_kwh"], want["peak_hour_start"]),
    ):
        zone = ZoneInfo("Europe/Paris")
        [peak] = find_peaks(find_windows(series, minutes=minutes, zone=zone), count=1)
        assert float(peak.power_kw) == near(power, 5)
        assert f"{peak.start.astimezone(zone):%Y-%m-%d %H:%M:%S}" == at

    def sub(n: int) -> Register:
        return ledger_of(importer.device, f"sub_{n}", "Europe/Paris", multiplier=Decimal("0.001"))

    subs = [float(total(sub(n))) for n in (1, 2, 3)]
    assert [sub * 1000 for sub in subs] == [want[f"sub{n}_wh"] for n in (1, 2, 3)]
    rest = float(total(register)) * 1000 - sum(subs) * 1000
    assert rest == near(want["unmetered_wh"], 1)


def test_solar_power(importer: Importer) -> None:  # noqa: F811
    want = facts("pv-nrel-serf/serf_east_1min_ac_power.csv")
    file = SERIES / "pv-nrel-serf/serf_east_1min_ac_power.csv"
    columns = [column(1, "pv_active_power", "W")]
    importer.import_file(file, columns=columns, zone="America/Denver")
    Channel.objects.update(expected_interval_seconds=60)

    def made(**source: str) -> Register:
        return ledger_of(importer.device, "pv_active_power", "America/Denver", **source)

    signed = made(integration=Integration.HOLD.value)
    assert float(total(signed)) == near(want["energy_kwh_signed"], 4)
    assert days_of(signed) == near_all(want["daily_kwh_America_Denver"], days_of(signed))
    fixed = quarters_by(signed, "Etc/GMT+7", "%Y-%m-%d")
    assert fixed == near_all(want["daily_kwh_in_file_offset"], fixed)
    hold, positive = Integration.HOLD.value, Part.POSITIVE.value
    clipped = made(integration=hold, part=positive, quantity="export")
    assert float(total(clipped)) == near(want["energy_kwh_clipped_at_0"], 4)
    assert float(total(made())) == near(want["trapezoid_kwh"], 4)


def test_an_inverter_whose_nights_have_no_rows(importer: Importer) -> None:  # noqa: F811
    want = facts("pv-with-sentinel/ZT162185000441C1203.csv")
    importer.import_file(
        SERIES / "pv-with-sentinel/ZT162185000441C1203.csv",
        columns=[column(4, "pv_active_power", "kW")],
        zone="UTC",
        sentinels=[32767.0, -32768.0],
    )
    Channel.objects.update(expected_interval_seconds=300)
    register = ledger_of(
        importer.device, "pv_active_power", "UTC", integration=Integration.HOLD.value
    )

    assert float(total(register)) == near(want["energy_kwh_5min_rectangles_valid_only"])


@pytest.mark.parametrize("day", ["day1", "day2"])
def test_a_house_that_feeds_in(importer: Importer, day: str) -> None:  # noqa: F811
    want = facts(f"openevse-solar-grid/{day}_grid_ie.csv")
    columns = [column(1, "pv_active_power", "W"), column(2, "active_power_net", "W")]
    file = SERIES / f"openevse-solar-grid/{day}_grid_ie.csv"
    importer.import_file(file, columns=columns, zone="Europe/Dublin")
    Channel.objects.update(expected_interval_seconds=60)
    Channel.objects.filter(name="active_power_net").update(direction="net")
    hold = Integration.HOLD.value

    def kwh(name: str, quantity: str) -> float:
        found = ledger_of(
            importer.device, name, "Europe/Dublin", quantity=quantity, integration=hold
        )
        return float(total(found))

    solar = kwh("pv_active_power", "import")
    bought, sold = kwh("active_power_net", "import"), kwh("active_power_net", "export")
    # four minutes have no value; the minute before them stands for one only
    assert solar == near(want["solar_kwh"], 4)
    assert (bought, sold) == (near(want["import_kwh"], 4), near(want["export_kwh"], 4))
    assert bought - sold == near(want["net_kwh"], 4)
    assert solar - sold == near(want["self_consumption_kwh"], 4)


def test_quarters_stamped_at_their_ends(importer: Importer) -> None:  # noqa: F811
    name = "openevse-solar-grid/Energy_and_Power_Day_2020-03-22.csv"
    importer.import_file(SERIES / name, zone="Europe/Tallinn")
    Channel.objects.update(expected_interval_seconds=900)
    register = ledger_of(
        importer.device,
        "active_power_import",
        "Europe/Tallinn",
        integration=Integration.HOLD.value,
    )

    assert days_of(register) == {"2020-03-22": near(facts(name)["energy_kwh"])}
    assert len(entries_of(register)) == 95


@pytest.mark.parametrize("name", ["test_usage_data_01.xml", "test_usage_data_1.xml"])
def test_green_button(importer: Importer, name: str) -> None:  # noqa: F811
    want = facts(f"green-button-espi/{name}")
    importer.import_file(SERIES / "green-button-espi" / name)
    register = ledger_of(importer.device, ENERGY, "Etc/GMT+5")

    assert float(total(register)) == near(want["total_kwh"])
    days = days_of(register)
    assert days == near_all(want["daily_kwh"], days)
    assert len(entries_of(register)) == want["intervals"]
    assert set(entries_of(register)["grade"].tolist()) == {Grade.MEASURED}


def test_sessions_of_chargers(importer: Importer) -> None:  # noqa: F811
    want = facts("ev-sessions-acn-evprof/california_ev_sessions.rda")
    file = SERIES / "ev-sessions-acn-evprof/california_ev_sessions_converted.csv.gz"
    stations = importer.add_stations(file, "ChargingStation")
    columns = [column(6, "ev_energy_interval", "kWh", "interval")]
    importer.import_file(file, device_column=10, columns=columns)
    registers = []
    for station in stations:
        channel = Channel.objects.get(device=station, name="ev_energy_interval")
        made = create_meter(
            site_id=station.site_id,
            wanted=Wanted(name=station.uid, role="charging"),
            sources={"import": Source(channel.uuid)},
            now=NOW,
        )
        registers.append(made.registers.get())
    build()

    sums = [total(register) for register in registers]
    assert float(sum(sums)) == near(want["total_kwh"], 2)
    years: dict[str, float] = {}
    months: dict[str, float] = {}
    for register in registers:
        for name, kwh in quarters_by(register, "UTC", "%Y").items():
            years[name] = years.get(name, 0.0) + kwh
        for name, kwh in quarters_by(register, "America/Los_Angeles", "%Y-%m").items():
            months[name] = months.get(name, 0.0) + kwh
    assert years == near_all(want["kwh_per_year_utc"], years, 2)
    expected = want["kwh_2019_by_month_LA"]
    assert {name: months[name] for name in expected} == near_all(expected, expected, 2)


def test_a_register_with_every_fault_of_the_field(meter: Device, red, redis) -> None:  # noqa: F811
    """A 32-bit register in Wh that wraps, is reset, comes late, twice and out of order."""
    truth = json.loads((FOLDER / "faults_shared.truth.json").read_text())
    Channel.objects.filter(name="meter_energy").update(
        kind=Kind.COUNTER, decimals=3, expected_interval_seconds=60
    )
    channel = Channel.objects.get(name="meter_energy")
    made = create_meter(
        site_id=meter.site_id,
        wanted=Wanted(name="meter1"),
        sources={"import": Source(channel.uuid)},
        hardware=Hardware(wraps_at=Decimal("4294967.296")),
        now=NOW,
    )
    send_all(meter, redis)
    build()

    register = made.registers.get()
    assert float(total(register)) == truth["counter_total_kwh"]
    kinds = list(
        LedgerDecision.objects.filter(register=register, superseded_at=None)
        .exclude(kind__in=["first", "gap"])
        .values_list("kind", flat=True)
    )
    assert sorted(kinds) == ["reset"] * truth["resets"] + ["rollover"] * truth["wraps"]
    rows = entries_of(register)
    difference = int(rows["finish"][-1] - rows["begin"][0]) / 1e6
    assert difference == pytest.approx(truth["naive_last_minus_first_kwh"])
    assert (rows["amount"] == rows["finish"] - rows["begin"] + rows["adjustment"]).all()
