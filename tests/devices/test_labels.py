"""Channels get words that people use."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from devices.canonical import CANONICAL_NAMES
from devices.labels import OTHER, name_channel, pick_headlines


@pytest.mark.parametrize(
    ("name", "label", "short"),
    [
        ("active_power_net", "Active power", "Active power"),
        ("voltage_l1", "Voltage L1", "Voltage"),
        ("voltage_l12", "Voltage L1-L2", "Voltage L1-L2"),
        ("current_n", "Current N", "Current"),
        ("active_energy_import_t2", "Energy, import T2", "Energy, import T2"),
        ("pv_dc_power_string12", "String power 12", "String power 12"),
        ("boiler_pump_speed", "Boiler pump speed", "Boiler pump speed"),
    ],
)
def test_names_a_channel(name: str, label: str, short: str) -> None:
    naming = name_channel(name)

    assert (naming.label, naming.short) == (label, short)


def test_prefers_the_label_that_people_gave() -> None:
    assert name_channel("voltage_l1", "Busbar A").label == "Busbar A"


def test_every_canonical_channel_has_a_group() -> None:
    nameless = [name for name in CANONICAL_NAMES if name_channel(name).group == str(OTHER)]

    assert nameless == []


def test_speaks_the_language_of_the_reader() -> None:
    with override("tr"):
        assert name_channel("active_power_import").label == "Aktif güç, çekiş"


def test_conductors_stand_in_the_order_of_the_cable() -> None:
    names = ["voltage_l12", "current_n", "voltage_l2", "current_l1", "voltage_l1"]

    ordered = sorted(names, key=lambda name: name_channel(name).order)

    assert ordered == ["voltage_l1", "voltage_l2", "voltage_l12", "current_l1", "current_n"]


def test_headlines_are_the_most_telling_channels() -> None:
    names = {"frequency", "voltage_l1", "active_energy_import", "active_power_net", "rssi"}

    assert pick_headlines(names, 3) == ["active_power_net", "active_energy_import", "voltage_l1"]


def test_headlines_of_unknown_channels_are_the_first_ones() -> None:
    assert pick_headlines({"zeta", "alpha"}, 3) == ["alpha", "zeta"]
