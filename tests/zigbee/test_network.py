"""What Zigbee2MQTT tells about its network is kept, once, however often it comes."""

import datetime as dt

import pytest

from accounts.models import AuditEvent
from devices.inbound.message import BadMessage
from devices.models import DeviceEvent, ZigbeeNode
from devices.services.zigbee import accept_claim, expire_claims
from tests.factories import DeviceFactory
from tests.zigbee.conftest import PLUG, plug, sensor

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(hours=24)


def actions():
    return sorted(AuditEvent.objects.filter(action__startswith="zigbee").values_list(
        "action", flat=True))  # fmt: skip


def test_a_list_of_devices_makes_claims_once(zigbee):
    zigbee.start(plug(), sensor())
    zigbee.start(plug(), sensor())

    node = zigbee.node()
    assert (node.vendor, node.model, node.power_source) == ("Innr", "SP 240", "mains")
    assert node.is_router and node.device is None
    assert zigbee.claim().state == "open"
    assert zigbee.claim().interview == "successful"
    assert actions() == ["zigbee.device_joined"] * 2


def test_a_list_of_a_whole_building_is_taken(zigbee):
    lamps = [plug(ieee_address=f"0x{n:016x}", friendly_name=f"lamp {n}") for n in range(1, 200)]
    for lamp in lamps:
        lamp["filler"] = "x" * 2_000
    zigbee.start(*lamps)

    with zigbee.team.scope():
        assert ZigbeeNode.objects.count() == 199


def test_a_device_joins_and_is_asked_what_it_is(zigbee):
    data = {"ieee_address": PLUG, "friendly_name": PLUG}
    zigbee.say("bridge/event", {"type": "device_joined", "data": data})
    assert zigbee.claim().interview == "started"

    zigbee.say("bridge/event", {"type": "device_interview", "data": {**data, "status": "started"}})
    definition = plug()["definition"]
    done = {**data, "status": "successful", "supported": True, "definition": definition}
    zigbee.say("bridge/event", {"type": "device_interview", "data": done})

    assert zigbee.claim().interview == "successful"
    assert [ability["key"] for ability in zigbee.node().exposes] == [
        "state", "power", "voltage", "current", "energy", "linkquality",
    ]  # fmt: skip


def test_a_failed_interview_is_shown(zigbee):
    data = {"ieee_address": PLUG, "friendly_name": PLUG, "status": "failed"}
    zigbee.say("bridge/event", {"type": "device_interview", "data": data})

    assert zigbee.claim().interview == "failed"


def test_a_device_that_leaves_is_no_claim_any_more(zigbee):
    zigbee.start(plug(), sensor())
    data = {"ieee_address": PLUG, "friendly_name": "Kitchen/Fridge plug"}
    zigbee.say("bridge/event", {"type": "device_leave", "data": data}, seconds=1)

    assert zigbee.claim().state == "left"
    assert zigbee.node().left_at == zigbee.at


def test_who_is_missing_from_the_list_has_left(zigbee):
    zigbee.start(plug(), sensor())
    zigbee.start(sensor())

    assert zigbee.node().left_at is not None


def test_a_list_that_is_not_understood_lets_nobody_leave(zigbee):
    zigbee.start(plug(), sensor())
    zigbee.start(sensor(), {"ieee_address": "nonsense", "friendly_name": "x"})

    assert zigbee.node().left_at is None


def test_the_countdown_comes_from_the_bridge(zigbee):
    zigbee.say("bridge/response/permit_join", {"status": "ok", "data": {"time": 254}})
    assert zigbee.bridge.permit_join_until == zigbee.at + dt.timedelta(seconds=254)

    end = zigbee.at + dt.timedelta(seconds=100)
    info = {"version": "2.6.3", "coordinator": {"type": "zStack3x0"}, "permit_join": True,
            "permit_join_end": int(end.timestamp() * 1000)}  # fmt: skip
    zigbee.say("bridge/info", info)
    assert zigbee.bridge.permit_join_until == end
    assert zigbee.bridge.version == "2.6.3"

    zigbee.say("bridge/info", {**info, "permit_join": False})
    assert zigbee.bridge.permit_join_until is None


def test_older_versions_tell_the_seconds(zigbee):
    zigbee.say("bridge/info", {"permit_join": True, "permit_join_timeout": 60})

    assert zigbee.bridge.permit_join_until == zigbee.at + dt.timedelta(seconds=60)


@pytest.mark.parametrize("end", [10**30, -5, "x", None, True, 1e308])
def test_no_end_of_joining_is_further_than_254_seconds(zigbee, end):
    zigbee.say("bridge/info", {"permit_join": True, "permit_join_end": end})

    latest = zigbee.at + dt.timedelta(seconds=254)
    assert zigbee.at <= zigbee.bridge.permit_join_until <= latest


def test_an_error_is_shown(zigbee):
    answer = {"status": "error", "data": {}, "error": "Device 'x' does not exist"}
    zigbee.say("bridge/response/device/remove", answer)

    assert zigbee.bridge.last_error == "device/remove: Device 'x' does not exist"


def test_a_stop_leaves_one_event_at_the_gateways_own_device(zigbee):
    own = DeviceFactory(gateway=zigbee.gateway, uid=zigbee.gateway.uid)
    zigbee.start()
    zigbee.say("bridge/state", b"offline", seconds=5)
    zigbee.say("bridge/state", b"offline", seconds=5)

    with zigbee.team.scope():
        codes = DeviceEvent.objects.filter(device=own).order_by("at").values_list("code", flat=True)
        assert list(codes) == ["ZIGBEE_ONLINE", "ZIGBEE_OFFLINE"]
    assert zigbee.bridge.is_online is False


def test_a_rename_is_believed_from_the_answer(zigbee):
    zigbee.start(plug())
    data = {"from": "Kitchen/Fridge plug", "to": "Cold room"}
    zigbee.say("bridge/response/device/rename", {"status": "ok", "data": data})

    assert zigbee.node().friendly_name == "Cold room"


def test_claims_end_after_a_day(zigbee):
    zigbee.start(plug())

    assert expire_claims(now=zigbee.at + DAY - dt.timedelta(seconds=1)) == 0
    assert expire_claims(now=zigbee.at + DAY) == 1
    assert expire_claims(now=zigbee.at + DAY) == 0
    assert zigbee.claim().state == "expired"
    zigbee.start(plug())  # the list comes with each connection
    assert zigbee.claim().state == "expired"


def test_a_device_that_joins_again_keeps_its_device(zigbee):
    zigbee.start(plug())
    with zigbee.team.scope():
        device = accept_claim(claim_id=zigbee.claim().id, now=zigbee.at)
    data = {"ieee_address": PLUG, "friendly_name": "Kitchen/Fridge plug"}
    zigbee.say("bridge/event", {"type": "device_leave", "data": data}, seconds=9)
    zigbee.say("bridge/event", {"type": "device_joined", "data": data}, seconds=9)

    assert zigbee.node().device == device
    assert zigbee.node().left_at is None
    assert zigbee.claim().state == "accepted"


@pytest.mark.parametrize("what", ["devices", "groups", "info", "event", "response/device/rename"])
@pytest.mark.parametrize("payload", [
    b"", b" ", b"null", b"[]", b"{}", b"1", b'"x"', b"[[[[[[[[[[]]]]]]]]]]", b"\xff\xfe",
    b"[" * 5000, b'{"data":{"ieee_address":1,"friendly_name":[]},"type":{}}', b"NaN",
    b'[{"ieee_address":"0x00158d0001abcdef","friendly_name":"\\u0000"}]',
    b'[{"ieee_address":"0x00158d0001abcdef","friendly_name":"a","definition":{"exposes":'
    b'[{"property":"\\u0000","type":"numeric"},{"features":[{"features":1}]},7,null,'
    b'{"property":{},"type":[]}],"vendor":"\\u0000"}}]',
])  # fmt: skip
def test_nonsense_is_refused_or_ignored(zigbee, what, payload):
    try:
        zigbee.say(f"bridge/{what}", payload)
    except BadMessage as error:
        assert error.code in {"bad_payload", "too_deep", "not_finite"}

    with zigbee.team.scope():
        assert not ZigbeeNode.objects.filter(friendly_name__contains="\\").exists()


NAMES = ["a/+/b", "#", "../x", "a/../b", "x" * 201, "a\0b", "bridge/devices", "/a", "a/", "a//b",
         " a", "a\nb", "a/set", "a/1", "", "a\u202eb"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_makes_no_device(zigbee, name):
    zigbee.start(plug(friendly_name=name))

    with zigbee.team.scope():
        assert not ZigbeeNode.objects.exists()


@pytest.mark.parametrize("name", ["Küche/Kühlschrank 1", "冷蔵庫", "a b/c d", "ofen 🔥"])
def test_friendly_names_may_be_in_any_script(zigbee, name):
    zigbee.start(plug(friendly_name=name))

    assert zigbee.node().friendly_name == name


def test_a_gateway_cannot_flood_the_list(zigbee):
    with zigbee.team.scope():
        ZigbeeNode.objects.bulk_create([
            ZigbeeNode(tenant=zigbee.team.tenant, gateway=zigbee.gateway,
                       ieee_address=f"0x{n:016x}", friendly_name=f"n{n}x")
            for n in range(500)])  # fmt: skip

    data = {"ieee_address": PLUG, "friendly_name": "one more"}
    with pytest.raises(BadMessage) as refused:
        zigbee.say("bridge/event", {"type": "device_joined", "data": data})

    assert refused.value.code == "too_many_nodes"
