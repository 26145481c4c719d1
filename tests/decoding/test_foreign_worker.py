"""From a topic of another maker to stored rows, through the real worker."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, OutboundMessage, ReportedStatus
from telemetry.models import RejectedMessage
from telemetry.quality import Quality
from telemetry.services.rejected import replay_rejected
from tests.factories import ChannelFactory, DeviceFactory, DeviceProfileFactory
from tests.ingest.conftest import START

pytestmark = pytest.mark.django_db(transaction=True)

# A family that nobody has heard of: keys with blanks, a decimal comma, two phases in an array.
NEW_FAMILY = {
    "topics": [
        {
            "topic": "werk/{device}/messung",
            "decimal_comma": True,
            "time": {"path": "Zeit", "format": "day_first"},
            "values": [
                {"path": "Leistung [W]", "channel": "ignored", "when": [{"path": "nie"}]},
                {"path": "Strom pro Phase[{i}]", "channel": "current_{i}", "unit": "mA",
                 "map": {"i": {"0": "l1", "1": "l2"}}},
                {"path": "Zaehler.Stand", "channel": "active_energy_import", "unit": "MWh",
                 "sentinels": [-1]},
                {"path": "Tor", "channel": "gate", "kind": "state", "words": {"auf": 1, "zu": 0}},
            ],
        }
    ]
}  # fmt: skip


def family(bench, spec, uid="box-1"):
    with bench.team.scope():
        profile = DeviceProfileFactory(mapping=spec)
        site, gateway = bench.device.site, bench.device.gateway
        return DeviceFactory(
            tenant=bench.team.tenant, site=site, gateway=gateway, uid=uid, profile=profile
        )


def device(bench, uid):
    with bench.team.scope():
        site, gateway = bench.device.site, bench.device.gateway
        return DeviceFactory(tenant=bench.team.tenant, site=site, gateway=gateway, uid=uid)


def ext(bench, native):
    return f"{bench.prefix}/ext/{native}"


def rows_of(bench):
    with all_tenants():
        return {c.name: (c.unit, c.kind, c.phase) for c in Channel.objects.all()}


def test_a_new_family_needs_no_code(bench):
    spec = json.loads(json.dumps(NEW_FAMILY))
    spec["topics"][0]["values"].pop(0)
    family(bench, spec)
    local = START.astimezone(dt.UTC) + dt.timedelta(hours=3)  # the site is in Istanbul
    message = {
        "Zeit": local.strftime("%d.%m.%Y %H:%M:%S"),
        "Strom pro Phase": ["1.234,5", 20],
        "Zaehler": {"Stand": "12,5"},
        "Tor": "auf",
    }

    with all_tenants():
        zone = Device.objects.get(uid="box-1").site.timezone
    assert zone == "Europe/Istanbul"
    bench.send(message, topic=ext(bench, "werk/box-1/messung"))
    bench.drain()

    assert bench.reasons() == []
    assert bench.samples() == [
        ("active_energy_import", 0, 12_500.0, 0),
        ("current_l1", 0, 1.2345, 0),
        ("current_l2", 0, 0.02, 0),
        ("gate", 0, 1.0, 0),
    ]
    made = rows_of(bench)
    assert made["active_energy_import"] == ("kWh", "total_increasing", "none")
    assert made["current_l2"] == ("A", "gauge", "l2")
    assert made["gate"][1] == "state"


def test_a_shipped_mapping_needs_no_profile(bench):
    device(bench, "desk")
    payload = {"Time": "2026-11-20T15:00:00", "ENERGY": {"Total": 514.153, "Power": 56}}

    bench.send(payload, topic=ext(bench, "tele/desk/SENSOR"))
    bench.drain()

    assert bench.samples() == [
        ("active_energy_import", 0, 514.153, 0),
        ("active_power_net", 0, 0.056, 0),
    ]


def test_ones_own_mapping_comes_first(bench):
    spec = {
        "topics": [
            {
                "topic": "tele/{device}/SENSOR",
                "values": [{"path": "ENERGY.Power", "channel": "heater_power", "unit": "W"}],
            }
        ]
    }
    family(bench, spec, uid="desk")

    bench.send({"ENERGY": {"Power": 1000, "Total": 4}}, topic=ext(bench, "tele/desk/SENSOR"))
    bench.drain()

    assert bench.samples() == [("heater_power", 0, 1.0, 0)]


def test_never_converts_twice_where_the_channel_is_sent_in_watts(bench):
    payload = {"ENERGY": {"Power": 1500, "Voltage": 231}}

    bench.send(payload, topic=ext(bench, "tele/meter-1/SENSOR"))
    bench.send({"ts": START.timestamp() + 1, "values": {"power": 1500}})
    bench.drain()

    assert bench.samples() == [
        ("active_power_net", 0, 1.5, 0),
        ("active_power_net", 1, 1.5, 0),
        ("voltage_l1", 0, 231.0, 0),
    ]


def test_an_unknown_device_is_kept_and_stored_once_it_is_registered(bench):
    bench.send({"ENERGY": {"Power": 56}}, topic=ext(bench, "tele/late/SENSOR"))
    bench.drain()
    assert bench.samples() == []
    assert bench.reasons() == ["unknown_device"]

    device(bench, "late")
    bench.now += dt.timedelta(minutes=1)
    ids = list(RejectedMessage.objects.values_list("id", flat=True))
    replay_rejected(ids=ids, now=bench.now)
    bench.drain()

    assert bench.samples() == [("active_power_net", 0, 0.056, 0)]


def test_an_unknown_topic_and_a_broken_payload_are_kept(bench):
    device(bench, "desk")

    bench.send({"a": 1}, topic=ext(bench, "something/else/entirely/here"))
    bench.send(b"{broken", topic=ext(bench, "tele/desk/SENSOR"))
    bench.drain()

    assert bench.reasons() == ["bad_payload", "unknown_topic"]


def test_silent_messages_leave_nothing(bench):
    device(bench, "desk")

    bench.send({"EnergyReset": {"Total": 1}}, topic=ext(bench, "stat/desk/RESULT"))
    bench.send(b"", topic=ext(bench, "zigbee2mqtt/desk/update"))
    bench.send(b"unavailable", topic=ext(bench, "homeassistant/sensor/solar/state"))
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() == []


def test_a_last_will_is_presence_and_no_row(bench):
    device(bench, "desk")

    bench.send(b"Online", topic=ext(bench, "tele/desk/LWT"))
    bench.drain()
    with all_tenants():
        assert Device.objects.get(uid="desk").reported_status == ReportedStatus.ONLINE
    bench.now += dt.timedelta(seconds=30)
    bench.send(b"Offline", topic=ext(bench, "tele/desk/LWT"))
    bench.drain()

    with all_tenants():
        desk = Device.objects.get(uid="desk")
    assert (desk.reported_status, desk.offline_since) == (ReportedStatus.OFFLINE, bench.now)
    assert bench.samples() == []
    assert bench.reasons() == []


def test_the_session_limits_of_thingsboard_are_answered_once(bench):
    question = {"method": "getSessionLimits", "params": {"timeout": 5000}}
    topic = ext(bench, "v1/devices/me/rpc/request/7")

    bench.send(question, topic=topic)
    bench.drain()

    (answer,) = OutboundMessage.objects.all()
    assert answer.topic == ext(bench, "v1/devices/me/rpc/response/7")
    assert json.loads(bytes(answer.payload))["maxPayloadSize"] == 65536
    bench.send(json.loads(bytes(answer.payload)), topic=answer.topic)  # as the broker returns it
    bench.drain()
    assert OutboundMessage.objects.count() == 1
    assert bench.reasons() == []


def test_devices_named_by_the_payload_are_those_of_the_gateway(bench):
    device(bench, "sdm630-1")
    payload = {
        "sdm630-1": [{"ts": int(START.timestamp() * 1000), "values": {"Power": 217.4, "Odd": 3}}],
        "elsewhere": [{"ts": int(START.timestamp() * 1000), "values": {"Power": 1}}],
    }

    bench.send(payload, topic=ext(bench, "v1/gateway/telemetry"))
    bench.drain()

    values = {name: value for name, _at, value, _quality in bench.samples()}
    assert len(values) == 2
    assert values["active_power_net"] == pytest.approx(0.2174)
    assert bench.reasons() == ["unknown_device"]


def test_a_device_of_its_own_connection_speaks_for_itself_only(bench):
    with bench.team.scope():
        site = bench.device.site
        direct = DeviceFactory(tenant=bench.team.tenant, site=site, gateway=None, uid="alone")
    prefix = f"devices/{direct.id}/ext"

    bench.send({"ENERGY": {"Power": 56}}, topic=f"{prefix}/tele/whatever/SENSOR")
    bench.send({"meter-1": [{"values": {"Power": 1}}]}, topic=f"{prefix}/v1/gateway/telemetry")
    bench.drain()

    assert bench.samples() == [("active_power_net", 0, 0.056, 0)]
    assert bench.reasons() == ["unexpected_device"]


def test_another_tenants_gateway_is_no_prefix(bench, blue):
    topic = f"tenant/{blue.tenant.id}/gw/{bench.device.gateway.uid}/ext/tele/meter-1/SENSOR"

    bench.send({"ENERGY": {"Power": 56}}, topic=topic)
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() == ["foreign_tenant"]


def test_an_implausible_phase_is_bad_and_a_local_hour_that_came_twice_is_uncertain(bench):
    device(bench, "em")
    payload = {"method": "NotifyStatus", "params": {"em:0": {"a_freq": 198}}}

    bench.send(payload, topic=ext(bench, "em/events/rpc"))
    bench.drain()

    assert bench.samples() == [("frequency_l1", 0, 198.0, Quality.BAD)]


def test_a_channel_of_another_source_keeps_its_name(bench):
    desk = device(bench, "desk")
    with bench.team.scope():
        ChannelFactory(
            tenant=bench.team.tenant, device=desk, name="active_power_net",
            source="power_active_total", source_unit="W", unit="kW",
        )  # fmt: skip

    bench.send({"ENERGY": {"Power": 56}}, topic=ext(bench, "tele/desk/SENSOR"))
    bench.drain()

    assert bench.samples() == [("active_power_net", 0, pytest.approx(0.056), 0)]
