"""The models of the simulated fleet: believable, consistent, and the same every time."""

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest

from devices.simulation.models import EvCharger, GridMeter, HeatPump, PvInverter, Submeter
from devices.simulation.noise import uniform, wander
from devices.simulation.place import Place
from devices.simulation.registers import Registers
from devices.simulation.sensors import ClimateSensor, ColdStoreSensor, GatewayHealth, WaterMeter

ISTANBUL = Place(seed=7, zone=ZoneInfo("Europe/Istanbul"), latitude=38.42, longitude=27.14)
MONDAY = dt.datetime(2026, 6, 15, tzinfo=ISTANBUL.zone).timestamp()
DAY = 86_400


def make_models():
    line = Submeter(ISTANBUL, 11, rated_kw=140, shape="shifts", power_factor=0.86)
    roof = PvInverter(ISTANBUL, 12, rated_kw=400)
    return {
        "line": line,
        "roof": roof,
        "compressor": Submeter(ISTANBUL, 13, rated_kw=37, shape="cycling"),
        "lighting": Submeter(ISTANBUL, 14, rated_kw=30, shape="lighting"),
        "heat pump": HeatPump(ISTANBUL, 15, rated_kw=28),
        "charger": EvCharger(ISTANBUL, 16, rated_kw=22),
        "cold room": ColdStoreSensor(ISTANBUL, 17, setpoint=-20),
        "office": ClimateSensor(ISTANBUL, 18),
        "water": WaterMeter(ISTANBUL, 19, rated_m3h=6),
        "health": GatewayHealth(ISTANBUL, 20),
        "grid": GridMeter(ISTANBUL, 21, base_kw=22, behind=[line, roof]),
    }


MODELS = make_models()
TIMES = [MONDAY + 1117 * step for step in range(541)]  # a week, not on round minutes


@pytest.mark.parametrize("name", MODELS)
def test_a_time_always_gives_the_same_reading(name):
    again = make_models()[name]

    assert all(MODELS[name].observe(t) == again.observe(t) for t in TIMES[:50])


@pytest.mark.parametrize("name", MODELS)
def test_counters_never_fall(name):
    assert all(rate >= 0 for t in TIMES for rate in MODELS[name].observe(t).rates.values())


@pytest.mark.parametrize("name", MODELS)
def test_counters_grow_the_same_without_the_gauges(name):
    assert all(MODELS[name].rates(t) == MODELS[name].observe(t).rates for t in TIMES)


@pytest.mark.parametrize("name", ["line", "grid", "compressor"])
def test_the_phases_of_a_meter_fit_its_totals(name):
    for t in TIMES:
        shown = MODELS[name].observe(t).gauges
        to_kw = 1 if name == "grid" else 1000
        total = shown.get("power_active_total", None)
        if total is None:
            total = shown["active_power_import"] - shown["active_power_export"]
        phases = [
            shown.get(f"power_active_l{phase}", shown.get(f"active_power_l{phase}")) / to_kw
            for phase in (1, 2, 3)
        ]
        factor = shown.get("power_factor_total", shown.get("power_factor"))
        assert sum(phases) == pytest.approx(total / to_kw)
        for phase, kilowatts in enumerate(phases, 1):
            volts, amps = shown[f"voltage_l{phase}"], shown[f"current_l{phase}"]
            assert 215 < volts < 245
            assert volts * amps * factor / 1000 == pytest.approx(abs(kilowatts))


def test_the_grid_meter_sums_up_what_stands_behind_it():
    grid, line, roof = MODELS["grid"], MODELS["line"], MODELS["roof"]

    for t in TIMES:
        shown = grid.observe(t).gauges
        net_kw = shown["active_power_import"] - shown["active_power_export"]
        rest = net_kw - line.power_kw(t) - roof.power_kw(t)
        assert min(shown["active_power_import"], shown["active_power_export"]) == 0
        assert 0 < rest < 22
    assert any(grid.observe(t).gauges["active_power_export"] for t in TIMES)


def test_the_sun_rises_and_sets():
    noon = MONDAY + 13.2 * 3600  # solar noon in Izmir
    powers = {hour: -MODELS["roof"].power_kw(noon + hour * 3600) for hour in (-10, -9, 9, 10)}

    assert powers == {-10: 0, -9: 0, 9: 0, 10: 0}
    assert ISTANBUL.sun(noon) == pytest.approx(0.966, abs=0.01)  # 75 degrees in June
    assert ISTANBUL.irradiance(noon) > 150


def test_a_sunday_is_quieter_than_a_monday():
    def energy(start):
        return sum(MODELS["line"].power_kw(start + 600 * step) for step in range(144)) / 6

    assert energy(MONDAY + 6 * DAY) < energy(MONDAY) / 4


def test_lights_burn_at_night():
    lighting = MODELS["lighting"]

    assert lighting.power_kw(MONDAY + 23 * 3600) > 25
    assert lighting.power_kw(MONDAY + 12 * 3600) < 2


def test_a_cold_room_drifts_around_its_setpoint():
    celsius = [MODELS["cold room"].observe(t).gauges["air_temp"] for t in TIMES]

    assert -22 < min(celsius) < -20.5
    assert -19.5 < max(celsius) < -14


def test_an_ev_session_counts_up_and_starts_again_at_zero():
    energies = [
        MODELS["charger"].observe(MONDAY + 60 * step).gauges["ev_session_energy"]
        for step in range(2880)
    ]
    falls = [after for before, after in itertools.pairwise(energies) if after < before]

    assert falls
    assert set(falls) == {0.0}


def test_noise_is_smooth_and_bounded():
    curve = [wander(5, t / 10, 100) for t in range(20_000)]

    assert all(-1 <= value <= 1 for value in curve)
    assert max(abs(after - before) for before, after in itertools.pairwise(curve)) < 0.01
    assert {uniform(5, index) < 0.5 for index in range(20)} == {True, False}


class TestRegisters:
    def test_add_up_the_power(self):
        line = Registers("line", MODELS["line"], at=MONDAY)
        before = line.counters["energy_active_import_total"]

        line.advance(MONDAY + DAY)

        grown = line.counters["energy_active_import_total"] - before
        mean_kw = sum(MODELS["line"].power_kw(MONDAY + 30 * step) for step in range(2880)) / 2880
        assert grown == pytest.approx(mean_kw * 24, rel=0.002)

    def test_the_way_there_does_not_matter_much(self):
        fast = Registers("line", MODELS["line"], at=MONDAY)
        slow = Registers("line", MODELS["line"], at=MONDAY)

        fast.advance(MONDAY + 3600)
        for step in range(720):
            slow.advance(MONDAY + 5 * (step + 1))

        assert slow.counters == pytest.approx(fast.counters, abs=0.1)

    def test_never_go_back(self):
        line = Registers("line", MODELS["line"], at=MONDAY)
        line.advance(MONDAY + 60)
        before = line.reading()

        line.advance(MONDAY)

        assert line.reading() == before

    def test_go_on_from_what_was_saved(self):
        line = Registers("line", MODELS["line"], at=MONDAY)
        line.advance(MONDAY + 600)
        again = Registers("line", MODELS["line"], at=line.at, counters=line.counters)

        line.advance(MONDAY + 1200)
        again.advance(MONDAY + 1200)

        assert again.reading() == line.reading()

    def test_a_consumer_has_never_exported(self):
        line = Registers("line", MODELS["line"], at=MONDAY)

        assert line.counters["energy_active_export_total"] == 0
        assert line.counters["energy_active_import_total"] > 100_000
