"""What metric names mean."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.canonical import CANONICAL_NAMES, discovered, distinct_name, is_metric, lookup
from energy.lib.units import conversion

# every name of the 49 rows of the vocabulary, written out by hand
ROWS = """
active_power_import active_power_export active_power_net
active_power_l1 active_power_l2 active_power_l3
reactive_power_import reactive_power_export reactive_power_l1 reactive_power_l2 reactive_power_l3
apparent_power power_factor power_factor_l1 power_factor_l2 power_factor_l3 frequency
voltage_l1 voltage_l2 voltage_l3 voltage_l12 voltage_l23 voltage_l31
current_l1 current_l2 current_l3 current_n
voltage_thd_l1 voltage_thd_l2 voltage_thd_l3 current_thd_l1 current_thd_l2 current_thd_l3
voltage_imbalance voltage_sag_count_l1 voltage_sag_count_l2 voltage_sag_count_l3
voltage_swell_count_l1 voltage_swell_count_l2 voltage_swell_count_l3 power_failure_count
active_energy_import active_energy_export
active_energy_import_t1 active_energy_import_t2 active_energy_import_t3 active_energy_import_t4
active_energy_export_t1 active_energy_export_t2 active_energy_export_t3 active_energy_export_t4
active_energy_import_l1 active_energy_import_l2 active_energy_import_l3 active_energy_net
reactive_energy_import reactive_energy_export
reactive_energy_q1 reactive_energy_q2 reactive_energy_q3 reactive_energy_q4 apparent_energy_import
demand_active demand_active_max tariff_indicator pv_active_power pv_energy
pv_dc_power_string1 pv_dc_power_string2 irradiance module_temp battery_soc battery_soh
battery_power battery_energy_charge battery_energy_discharge ev_power ev_session_energy
ev_connector_state gas_volume water_volume flow_rate thermal_energy thermal_power
supply_temp return_temp air_temp humidity co2 pulse_count energy_price grid_co2_intensity
rssi uptime free_heap
""".split()  # noqa: SIM905

# these and nothing else become a thousandth
IN_WATTS = {
    "power_active_total": "active_power_net",
    "power_active_l1": "active_power_l1",
    "power_active_l2": "active_power_l2",
    "power_active_l3": "active_power_l3",
    "power_reactive_total": "reactive_power_net",
    "power_reactive_l1": "reactive_power_l1",
    "power_reactive_l2": "reactive_power_l2",
    "power_reactive_l3": "reactive_power_l3",
    "power_apparent_total": "apparent_power",
    "power_apparent_l1": "apparent_power_l1",
    "power_apparent_l2": "apparent_power_l2",
    "power_apparent_l3": "apparent_power_l3",
}
UNCONVERTED_ALIASES = {
    "power_factor_total": "power_factor",
    "voltage_l1_l2": "voltage_l12",
    "current_neutral": "current_n",
    "energy_active_import_total": "active_energy_import",
    "energy_active_export_total": "active_energy_export",
    "energy_active_import_l2": "active_energy_import_l2",
    "energy_reactive_import_total": "reactive_energy_import",
    "energy_import": "active_energy_import",
    "energy_export_l3": "active_energy_export_l3",
    "temperature": "air_temp",
}


@pytest.mark.parametrize("name", ROWS)
def test_a_canonical_name_means_itself_and_is_not_converted(name):
    template = lookup(name)

    assert template is not None
    assert (template.name, template.source) == (name, name)
    assert conversion(template.source_unit, template.unit).apply(7.0) == 7.0


@pytest.mark.parametrize(("metric", "name"), IN_WATTS.items())
def test_the_listed_power_fields_become_thousandths(metric, name):
    template = lookup(metric)

    assert (template.name, template.source) == (name, metric)
    assert conversion(template.source_unit, template.unit).apply(1500.0) == 1.5


@pytest.mark.parametrize(("metric", "name"), UNCONVERTED_ALIASES.items())
def test_other_aliases_keep_their_number(metric, name):
    template = lookup(metric)

    assert (template.name, template.source) == (name, metric)
    assert conversion(template.source_unit, template.unit).apply(1500.0) == 1500.0


def test_no_name_is_converted_twice():
    for metric in [*IN_WATTS, *UNCONVERTED_ALIASES]:
        stored = lookup(lookup(metric).name)

        assert stored.source_unit == stored.unit


@pytest.mark.parametrize(
    ("name", "kind", "direction", "phase", "low", "high"),
    [
        ("active_power_import", "gauge", "import", "none", 0, None),
        ("active_power_net", "gauge", "net", "none", None, None),
        ("voltage_l2", "gauge", "none", "l2", 0, 1000),
        ("voltage_l12", "gauge", "none", "none", 0, 1000),
        ("current_n", "gauge", "none", "n", -10_000, 10_000),
        ("frequency", "gauge", "none", "none", 40, 70),
        ("power_factor", "gauge", "none", "none", -1, 1),
        ("battery_soc", "gauge", "none", "none", 0, 100),
        ("active_energy_export_t2", "total_increasing", "export", "none", 0, None),
        ("active_energy_net", "total", "net", "none", None, None),
        ("tariff_indicator", "state", "none", "none", 0, None),
    ],
)
def test_describes_a_quantity(name, kind, direction, phase, low, high):
    template = lookup(name)

    assert (template.kind, template.direction, template.phase) == (kind, direction, phase)
    assert (template.minimum, template.maximum) == (low, high)


def test_every_canonical_name_is_a_valid_channel_name():
    assert set(ROWS) <= CANONICAL_NAMES
    assert all(discovered(name).name == name for name in CANONICAL_NAMES)


@pytest.mark.parametrize("metric", ["flux_capacitor", "Voltage_L1", "active_power", ""])
def test_does_not_guess(metric):
    assert lookup(metric) is None


def test_a_valid_unknown_name_stays():
    template = discovered("chiller_load")

    assert (template.name, template.source) == ("chiller_load", "chiller_load")
    assert (template.kind, template.unit) == ("gauge", "")


@given(st.text(max_size=300))
def test_any_metric_gets_a_valid_name_and_keeps_its_source(metric):
    template = discovered(metric)

    assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", template.name)
    assert template.source == metric


@pytest.mark.parametrize(
    ("one", "other"),
    [("Flow Rate", "flow-rate"), ("a" * 70, "a" * 71), ("9", "m_9"), ("a b", "a  b"), ("é", "è")],
)
def test_distinct_metrics_stay_distinct(one, other):
    assert discovered(one).name != discovered(other).name


def test_a_distinct_name_is_stable_and_fits():
    name = distinct_name("a" * 64, "x")

    assert len(name) == 64
    assert name == distinct_name("a" * 64, "x") != distinct_name("a" * 64, "y")


@pytest.mark.parametrize(
    ("metric", "kept"),
    [
        ("a", True),
        ("Ü 1", True),
        ("", False),
        ("a\x00", False),
        ("a" * 129, False),
        ("\ud800", False),
    ],
)
def test_tells_which_keys_can_be_kept(metric, kept):
    assert is_metric(metric) is kept
