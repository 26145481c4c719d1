"""Every `must` rule of the recorded payloads, one check for each."""

import datetime as dt
import zoneinfo

import pytest

from telemetry.ingest.clocks import MessageClock
from tests.decoding.real import FOLDER, recordings
from tests.decoding.test_real_payloads import DECODED, NOW_US, ZONE, found_values

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no real payloads: set REALDATA_DIR")
BY_ID = {one.id: one for one in recordings()}


def readings_of(case, payload=None):
    recording = BY_ID[case]
    return recording.bound().decode(payload or recording.payload, NOW_US, ZONE)


def values_of(case):
    return {name: value for name, (value, *_rest) in found_values(readings_of(case)).items()}


def times_of(case):
    return {reading.raw_time for reading in readings_of(case)}


def no_row(case):
    return all(not reading.values and not reading.problems for reading in readings_of(case))


def announced(case):
    (reading,) = readings_of(case)
    return reading.announced


def presence(case):
    (reading,) = readings_of(case)
    assert not reading.values
    return reading.presence


def kind_of(case, name):
    return found_values(readings_of(case))[name][1]


def has_age_of_receipt(case):
    """Tell whether an impossible time becomes that of receipt under the family's policy."""
    (reading,) = readings_of(case)
    clock = MessageClock([reading.raw_time], received_at=NOW_US, is_retained=False)
    return clock.settle(reading.raw_time, "receive_time") == (NOW_US, False)


def in_istanbul(case):
    recording = BY_ID[case]
    zone = zoneinfo.ZoneInfo("Europe/Istanbul")
    return {r.raw_time for r in recording.bound().decode(recording.payload, NOW_US, zone)}


def resistance_unit():
    said = announced("esphome-02")
    return said["unit"] in "\u03a9\u2126" and said["stale_after_s"] == "180"


def discovery():
    said = announced("shelly1-08")
    (reading,) = readings_of("shelly1-08")
    return (said["model"], said["mac"], reading.values) == ("SHEM-3", "244CAB4354E2", {})


def partial_update():
    return values_of("shelly2-02") == {"voltage_switch0": 232.7}


def minute_is_no_time():
    return times_of("shelly2-03") == {None}


def one_temperature():
    names = [name for name in values_of("shelly2-03") if name.startswith("temperature")]
    return names == ["temperature_switch0"]


def noise_is_out_of_range():
    template = kind_of("shelly2-08", "frequency_l1")
    return values_of("shelly2-08")["frequency_l1"] > template.maximum


def signed_total():
    return values_of("shelly2-08")["active_power_net"] == pytest.approx(-0.018017)


def relay_is_no_power():
    values = values_of("tasmota-02")
    return values["relay_1"] == 1 and not any("power" in name for name in values)


def today_is_flagged():
    template = kind_of("tasmota-20", "energy_import_today")
    value = values_of("tasmota-20")["energy_import_today"]
    return value > template.maximum and template.kind == "gauge"


def apparent_is_not_active():
    values = values_of("tasmota-15c")
    return (values["apparent_power"], values["active_power_net"]) == (1.47, 1.47)


def vanished():
    return presence("victron-03") is False


def device_is_of_three_levels():
    (reading,) = readings_of("victron-04")
    return reading.device == "c0619ab2f10b-solarcharger-279"


def connected():
    (reading,) = readings_of("tbgw-01")
    return (reading.device, reading.presence) == ("sdm630-1", True)


def tariffs_are_not_summed():
    values = values_of("wmbus-05")
    parts = values["active_energy_import_t1"] + values["active_energy_import_t2"]
    return values["active_energy_import"] == 1643.4165 != parts


def power_a_is_signed():
    values = values_of("z2m-06a")
    total = values["active_power_a"] + values["active_power_b"]
    return total == pytest.approx(values["active_power_net"])


def head_counts():
    return times_of("fronius-02") == {dt.datetime(2019, 1, 10, 22, 33, 14, tzinfo=dt.UTC)}


CHECKS = {
    "esphome-02": [resistance_unit],
    "esphome-04": [lambda: no_row("esphome-04")],
    "fronius-02": [head_counts],
    "fronius-03": [lambda: values_of("fronius-03")["battery_temp"] == 19.7],
    "ha-01": [lambda: no_row("ha-01")],
    "esphome-03": [lambda: no_row("esphome-03")],
    "shelly1-08": [discovery],
    "shelly1-09": [lambda: times_of("shelly1-09") == {None}],
    "shelly2-02": [partial_update],
    "shelly2-03": [minute_is_no_time, one_temperature],
    "shelly2-08": [
        lambda: "current_n" not in values_of("shelly2-08"),
        signed_total,
        noise_is_out_of_range,
    ],
    "shelly2-10": [lambda: no_row("shelly2-10"), lambda: readings_of("shelly2-10") == []],
    "shelly2-13": [lambda: readings_of("shelly2-13") == []],
    "tasmota-01": [lambda: not any("start" in name for name in values_of("tasmota-01"))],
    "tasmota-02": [relay_is_no_power],
    "tasmota-07": [lambda: presence("tasmota-07") is True],
    "tasmota-14b": [lambda: readings_of("tasmota-14b") == []],
    "tasmota-20": [today_is_flagged],
    "tasmota-15c": [apparent_is_not_active],
    "tbgw-01": [connected],
    "victron-02": [lambda: readings_of("victron-02") == []],
    "victron-03": [vanished],
    "victron-04": [device_is_of_three_levels],
    "victron-06": [lambda: readings_of("victron-06") == []],
    "wmbus-02": [lambda: has_age_of_receipt("wmbus-02")],
    "wmbus-05": [tariffs_are_not_summed],
    "wmbus-06": [lambda: set(values_of("wmbus-06")) >= {"thermal_energy"}
                 and not any(name.startswith("active") for name in values_of("wmbus-06"))],
    "z2m-02": [lambda: no_row("z2m-02")],
    "z2m-03": [lambda: no_row("z2m-03")],
    "z2m-04": [lambda: "update" not in "".join(values_of("z2m-04"))],
    "z2m-06a": [power_a_is_signed, lambda: values_of("z2m-06a")["power_factor_a"] == 0.99],
}  # fmt: skip
MUSTS = [
    (one.id, number, text) for one in DECODED for number, text in enumerate(one.expected["must"])
]


@pytest.mark.parametrize(("case", "number", "text"), MUSTS, ids=lambda value: str(value)[:40])
def test_each_must_rule_holds(case, number, text):
    assert CHECKS[case][number](), text


def test_a_local_time_is_that_of_the_site():
    (berlin,) = times_of("tasmota-01")
    (istanbul,) = in_istanbul("tasmota-01")

    assert berlin - istanbul == dt.timedelta(hours=1)


def test_a_retained_nan_gives_nothing_however_often():
    assert [readings_of("esphome-03") for _ in range(3)] == [[], [], []]
