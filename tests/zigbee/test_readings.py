"""States become readings of the right device, in the right unit, with the right time."""

import pytest

from devices.inbound.message import BadMessage
from devices.models import ActuatorState, Channel, Device
from devices.services.zigbee import accept_claim
from tests.zigbee.conftest import PLUG, SENSOR, plug, sensor

pytestmark = pytest.mark.django_db
NAME = "Kitchen/Fridge plug"


@pytest.fixture
def accepted(zigbee):
    """Return the network with an accepted plug and an accepted sensor."""
    zigbee.start(plug(), sensor())
    with zigbee.team.scope():
        for address in (PLUG, SENSOR):
            accept_claim(claim_id=zigbee.claim(address).id, now=zigbee.at)
    return zigbee


def channels(zigbee, address):
    with zigbee.team.scope():
        rows = Channel.objects.filter(device=zigbee.node(address).device)
        return {row.source: (row.name, row.source_unit, row.unit, row.kind) for row in rows}


def test_abilities_become_channels_in_stored_units(accepted):
    assert channels(accepted, PLUG) == {
        "state": ("relay", "", "", "state"),
        "power": ("active_power_net", "W", "kW", "gauge"),
        "voltage": ("voltage_l1", "V", "V", "gauge"),
        "current": ("current_l1", "A", "A", "gauge"),
        "energy": ("active_energy_import", "kWh", "kWh", "total_increasing"),
        "linkquality": ("linkquality", "lqi", "lqi", "gauge"),
    }
    assert channels(accepted, SENSOR) == {
        "temperature": ("air_temp", "Cel", "Cel", "gauge"),
        "humidity": ("humidity", "%", "%", "gauge"),
        "battery": ("battery", "%", "%", "gauge"),
        "voltage": ("battery_voltage", "mV", "V", "gauge"),
        "linkquality": ("linkquality", "lqi", "lqi", "gauge"),
        "contact": ("contact", "", "", "state"),
        "sensitivity": ("sensitivity", "", "", "state"),
    }


def test_a_state_is_a_reading_of_the_device(accepted):
    readings = accepted.say(NAME, {"power": 49.6, "state": "ON", "update": {"state": None}})

    assert readings == [{"device": PLUG, "values": {"power": 49.6, "state": 1.0}}]


def test_binary_and_enum_values_become_numbers(accepted):
    readings = accepted.say("Door", {"contact": True, "sensitivity": "high", "action": "single"})

    assert readings == [{"device": SENSOR, "values": {"contact": 1.0, "sensitivity": 2.0}}]


def test_last_seen_is_the_time_of_a_state(accepted):
    said = "2026-11-20T11:59:58+00:00"
    readings = accepted.say(NAME, {"power": 1, "last_seen": said})

    assert readings == [{"device": PLUG, "ts": said, "values": {"power": 1.0}}]


def test_attributes_may_come_one_by_one(accepted):
    assert accepted.say(f"{NAME}/energy", b"12.05") == [
        {"device": PLUG, "values": {"energy": 12.05}}
    ]
    assert accepted.say(f"{NAME}/last_seen", b"2026-07-27T09:41:41+02:00") == []
    assert accepted.say(f"{NAME}/update-latest_source", b"") == []
    assert accepted.say(f"{NAME}/state", b"ON")[0]["values"] == {"state": 1.0}


def test_a_retained_state_without_a_time_adds_nothing(accepted):
    assert accepted.say(NAME, {"power": 5}, retained=True) == []
    assert accepted.node().device.last_seen_at is None

    said = "2026-11-20T11:00:00Z"
    assert accepted.say(NAME, {"power": 5, "last_seen": said}, retained=True)[0]["ts"] == said


def test_an_empty_message_is_nothing(accepted, zigbee):
    assert accepted.say(NAME, b"") == []
    assert accepted.say("nobody", b"") == []
    assert accepted.say(f"{NAME}/availability", b"") == []


def test_who_is_not_accepted_is_refused(zigbee):
    zigbee.start(plug())

    for name in (NAME, "somebody else"):
        with pytest.raises(BadMessage) as refused:
            zigbee.say(name, {"power": 1})
        assert refused.value.code == "unknown_device"


def test_groups_are_no_devices(accepted):
    accepted.say("bridge/groups", [{"id": 1, "friendly_name": "All lamps", "members": []}])

    assert accepted.say("All lamps", {"state": "ON"}) == []


@pytest.mark.parametrize("name", ["a/../b", "a/+", "x" * 300, " ", "a//b"])
def test_hostile_topics_are_refused(accepted, name):
    with pytest.raises(BadMessage) as refused:
        accepted.say(name, {"power": 1})

    assert refused.value.code == "unsafe_segment"


@pytest.mark.parametrize("payload", [b"{", b"[1]", b"\xff", b'{"power": NaN}', b"{" * 9000])
def test_nonsense_is_refused(accepted, payload):
    with pytest.raises(BadMessage):
        accepted.say(NAME, payload)


def test_odd_keys_and_numbers_are_left_out(accepted):
    document = {
        "\0": 1, "state_\0": "ON", "x" * 500: 2, "power": 7, "energy": True, "voltage": {"a": 1},
        "current": None, "linkquality": [5], "l1": {"power": 1, "deep": {"a": {"b": {"c": 1}}}},
    }  # fmt: skip

    (reading,) = accepted.say(NAME, document)

    assert reading["values"] == {"power": 7.0, "energy": 1.0}
    assert accepted.say(NAME, b'{"power": 1e400, "energy": 2}')[0]["values"] == {"energy": 2.0}


def test_availability_is_presence(accepted):
    accepted.say(f"{NAME}/availability", {"state": "online"}, seconds=1)
    assert accepted.node().device.reported_status == "online"

    accepted.say(f"{NAME}/availability", b"offline", seconds=1)
    node = accepted.node()
    assert (node.is_available, node.device.reported_status) == (False, "offline")
    assert node.device.offline_since == accepted.at


def test_a_retained_availability_that_is_known_is_no_news(accepted):
    accepted.say(f"{NAME}/availability", b"online", seconds=1)
    before = accepted.node().device.last_seen_at

    accepted.say(f"{NAME}/availability", b"online", seconds=60, retained=True)

    assert accepted.node().device.last_seen_at == before


def test_a_state_is_a_sign_of_life(accepted):
    accepted.say(f"{NAME}/availability", b"offline", seconds=1)
    accepted.say(NAME, {"power": 1}, seconds=60)

    device = accepted.node().device
    assert device.last_seen_at == accepted.at
    assert device.offline_since is None
    assert device.lifecycle == "active"


def test_the_switch_is_the_state_of_an_actuator(accepted):
    accepted.say(NAME, {"state": "ON"}, seconds=1)

    with accepted.team.scope():
        row = ActuatorState.objects.get(device=accepted.node().device)
        assert (row.actuator, row.is_on) == ("state", True)


def test_a_value_that_was_never_announced_gets_a_channel_of_known_meaning(accepted):
    accepted.say(NAME, {"produced_energy": 3.5}, seconds=1)

    assert channels(accepted, PLUG)["produced_energy"] == (
        "active_energy_export", "kWh", "kWh", "total_increasing",
    )  # fmt: skip


def test_a_decommissioned_device_is_not_read_any_more(accepted):
    with accepted.team.scope():
        Device.objects.filter(id=accepted.node().device_id).update(lifecycle="decommissioned")

    with pytest.raises(BadMessage) as refused:
        accepted.say(NAME, {"power": 1}, seconds=1)
    assert refused.value.code == "unknown_device"


def test_the_network_of_another_tenant_knows_nothing(accepted, blue):
    from devices.services.zigbee_readings import find_node

    with blue.scope():
        assert find_node(accepted.gateway, NAME) == (None, "Fridge plug")


def test_three_phases_and_clamps_have_their_own_names():
    from devices.zigbee.catalogue import describe
    from devices.zigbee.exposes import Ability

    def name(key, *keys):
        return describe(Ability(key, "numeric"), keys).name

    assert name("power") == "active_power_net"
    assert name("power", "power_phase_b") == "active_power_l1"
    assert name("power_phase_b") == "active_power_l2"
    assert name("voltage_phase_c") == "voltage_l3"
    assert name("current_l2") == "current_l2"
    assert name("energy_produced_a") == "active_energy_export_a"
    assert name("power_ab") == "active_power_net"


def test_nested_values_are_read():
    from devices.zigbee.exposes import read_exposes
    from devices.zigbee.payload import read_state

    level = {"type": "numeric", "name": "level", "property": "level", "access": 1, "unit": "%"}
    exposes = [{"type": "composite", "property": "tank", "features": [level]}]
    found = read_exposes(exposes)

    assert list(found) == ["tank-level"]
    (timed,) = read_state(b'{"tank": {"level": 40}}', abilities=found)
    assert timed.values == {"tank-level": 40.0}
