"""People pair: permission, tenant, limits, requests and the audit trail."""

import datetime as dt

import pytest
from django.urls import reverse

from accounts.models import AuditEvent, Plan
from accounts.services.refusals import QuotaDevices
from devices.downlink import UnusableTopic, bridge_request_topic
from devices.models import Command, Device, OutboundMessage
from devices.services.command_wire import place_of
from devices.services.zigbee import (
    BadFriendlyName,
    BadJoinTime,
    BridgeOffline,
    InterviewRunning,
    ZigbeeGone,
    accept_claim,
    expire_claims,
    permit_join,
    refuse_claim,
    remove_node,
    rename_node,
)
from tests.factories import DeviceFactory
from tests.zigbee.conftest import PLUG, SENSOR, plug, sensor

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(hours=24)


def last_action():
    return AuditEvent.objects.order_by("-number").values_list("action", flat=True).first()


@pytest.fixture
def accept(zigbee):
    """Return a function that accepts a device that has joined."""

    def run(address=PLUG, **options):
        with zigbee.team.scope():
            claim = zigbee.claim(address)
            return accept_claim(claim_id=claim.id, now=zigbee.at, **options)

    return run


class TestJoining:
    def test_is_asked_of_the_gateway_and_expires(self, zigbee):
        zigbee.start()
        with zigbee.team.scope():
            permit_join(gateway_id=zigbee.gateway.id, seconds=120, now=zigbee.at)

        ((what, content),) = zigbee.asked()
        assert what == "permit_join"
        assert (content["time"], content["value"]) == (120, True)
        row = OutboundMessage.objects.get()
        assert row.topic.startswith(f"tenant/{zigbee.team.tenant.id}/gw/gw-z/zigbee2mqtt/bridge/")
        assert row.expires_at == zigbee.at + dt.timedelta(seconds=30)
        assert last_action() == "zigbee.joining_opened"

    def test_can_be_ended(self, zigbee):
        zigbee.start()
        with zigbee.team.scope():
            permit_join(gateway_id=zigbee.gateway.id, seconds=0, now=zigbee.at)

        assert zigbee.asked()[0][1]["value"] is False
        assert last_action() == "zigbee.joining_closed"

    @pytest.mark.parametrize("seconds", [-1, 255, 10**9])
    def test_holds_254_seconds_at_most(self, zigbee, seconds):
        zigbee.start()
        with zigbee.team.scope(), pytest.raises(BadJoinTime):
            permit_join(gateway_id=zigbee.gateway.id, seconds=seconds, now=zigbee.at)

    def test_needs_a_bridge_that_runs(self, zigbee):
        with zigbee.team.scope(), pytest.raises(BridgeOffline):
            permit_join(gateway_id=zigbee.gateway.id, seconds=60, now=zigbee.at)
        zigbee.say("bridge/state", {"state": "offline"})
        with zigbee.team.scope(), pytest.raises(BridgeOffline):
            permit_join(gateway_id=zigbee.gateway.id, seconds=60, now=zigbee.at)

    def test_lists_expired_claims_again(self, zigbee):
        zigbee.start(plug())
        expire_claims(now=zigbee.at + DAY)
        with zigbee.team.scope():
            permit_join(gateway_id=zigbee.gateway.id, seconds=60, now=zigbee.at + DAY)

        assert zigbee.claim().state == "open"


class TestAccepting:
    def test_makes_a_device(self, zigbee, accept):
        zigbee.start(plug(), sensor())

        fridge, door = accept(name="Fridge"), accept(SENSOR)

        assert (fridge.name, fridge.uid, fridge.site_id) == ("Fridge", PLUG, zigbee.gateway.site_id)
        assert (fridge.profile.key, door.profile.key) == ("zigbee-switch", "zigbee-battery")
        assert door.name == "Door"
        assert zigbee.claim().state == "accepted"
        assert last_action() == "zigbee.claim_accepted"

    def test_happens_once(self, zigbee, accept):
        zigbee.start(plug())
        accept()

        with pytest.raises(ZigbeeGone):
            accept()

    def test_waits_for_the_interview(self, zigbee, accept):
        zigbee.start(plug(interview_completed=False, definition=None))

        with pytest.raises(InterviewRunning):
            accept()

    def test_ends_with_the_claim(self, zigbee):
        zigbee.start(plug())
        with zigbee.team.scope(), pytest.raises(ZigbeeGone):
            accept_claim(claim_id=zigbee.claim().id, now=zigbee.at + DAY)

    def test_obeys_the_plan(self, zigbee, accept):
        zigbee.start(plug())
        tenant = zigbee.team.tenant
        tenant.plan = Plan.objects.create(
            name="none", max_devices=0, messages_per_second=1, api_calls_per_minute=1,
            retention_days=1,
        )  # fmt: skip
        tenant.save()

        with pytest.raises(QuotaDevices):
            accept()
        assert zigbee.claim().state == "open"

    def test_finds_the_device_of_a_radio_that_was_forgotten(self, zigbee, accept):
        own = DeviceFactory(gateway=zigbee.gateway, uid=PLUG)
        zigbee.start(plug())

        assert accept() == own

    def test_a_command_goes_to_the_friendly_name(self, zigbee, accept):
        zigbee.start(plug())
        device = accept()
        with zigbee.team.scope():
            device = Device.objects.select_related("gateway", "zone", "profile").get(id=device.id)
            assert place_of(device).friendly_name == "Kitchen/Fridge plug"
        assert [command["name"] for command in device.profile.commands] == [
            "switch_on", "switch_off",
        ]  # fmt: skip

    def test_a_command_is_done_when_the_plug_says_so(self, zigbee, accept):
        zigbee.start(plug())
        device = accept()
        hour = dt.timedelta(hours=1)
        with zigbee.team.scope():
            command = Command.objects.create(
                tenant=zigbee.team.tenant, device=device, name="switch_on", effect="on",
                actuator="state", state="sent", principal="user:1", principal_label="x",
                idempotency_key="k", body_hash="h", requested_at=zigbee.at,
                not_before=zigbee.at, sent_at=zigbee.at, expires_at=zigbee.at + hour,
                finish_by=zigbee.at + hour,
            )  # fmt: skip
        zigbee.say("Kitchen/Fridge plug", {"state": "ON"}, seconds=1)

        with zigbee.team.scope():
            command.refresh_from_db()
        assert command.state == "done"


class TestRefusingAndChanging:
    def test_a_refused_device_is_sent_away(self, zigbee):
        zigbee.start(plug())
        with zigbee.team.scope():
            refuse_claim(claim_id=zigbee.claim().id, now=zigbee.at)

        ((what, content),) = zigbee.asked()
        assert (what, content["id"], content["force"]) == ("device/remove", PLUG, False)
        assert zigbee.claim().state == "refused"
        assert last_action() == "zigbee.claim_refused"

    def test_it_waits_again_when_it_joins_again(self, zigbee):
        zigbee.start(plug())
        with zigbee.team.scope():
            refuse_claim(claim_id=zigbee.claim().id, now=zigbee.at)
        zigbee.start(plug())
        assert zigbee.claim().state == "refused"

        data = {"ieee_address": PLUG, "friendly_name": "x"}
        zigbee.say("bridge/event", {"type": "device_joined", "data": data}, seconds=5)
        assert zigbee.claim().state == "open"

    def test_a_rename_is_asked(self, zigbee, accept):
        zigbee.start(plug(), sensor())
        with zigbee.team.scope():
            rename_node(node_id=zigbee.node().id, name="Cold room/Plug 2a", now=zigbee.at)

        ((what, content),) = zigbee.asked()
        assert (what, content["from"], content["to"]) == (
            "device/rename", PLUG, "Cold room/Plug 2a",
        )  # fmt: skip
        assert zigbee.node().friendly_name == "Kitchen/Fridge plug"  # until the answer comes

    @pytest.mark.parametrize("name", ["", "a/+", "../x", "Door", "x" * 300, "a\0", "bridge/state"])
    def test_a_bad_name_is_refused(self, zigbee, name):
        zigbee.start(plug(), sensor())
        with zigbee.team.scope(), pytest.raises(BadFriendlyName):
            rename_node(node_id=zigbee.node().id, name=name, now=zigbee.at)

    def test_a_removed_device_is_out_of_service_and_keeps_its_history(self, zigbee, accept):
        zigbee.start(plug())
        device = accept()
        with zigbee.team.scope():
            remove_node(node_id=zigbee.node().id, is_forced=True, now=zigbee.at)
            device.refresh_from_db()

        assert device.lifecycle == "decommissioned"
        assert zigbee.node().device is None
        assert zigbee.asked()[0] == ("device/remove", zigbee.asked()[0][1])
        assert zigbee.asked()[0][1]["force"] is True
        assert last_action() == "zigbee.device_removed"

        data = {"ieee_address": PLUG, "friendly_name": "x"}
        zigbee.say("bridge/event", {"type": "device_leave", "data": data}, seconds=5)
        data |= {"status": "successful", "definition": plug()["definition"]}
        zigbee.say("bridge/event", {"type": "device_interview", "data": data}, seconds=5)
        assert accept().id != device.id

    @pytest.mark.parametrize("uid", ["a/b", "+", "#", "", "a b"])
    def test_no_gateway_widens_a_topic(self, zigbee, uid):
        with pytest.raises(UnusableTopic):
            bridge_request_topic(
                tenant_id=zigbee.team.tenant.id, gateway_uid=uid, what="permit_join"
            )


def page_calls(zigbee):
    """Return every address of the pages, with what is posted there (None: read)."""
    node, claim = zigbee.node(SENSOR).id, zigbee.claim().id
    gateway = zigbee.gateway.id
    return [
        (reverse("zigbee", args=[gateway]), None),
        (reverse("zigbee-state", args=[gateway]), None),
        (reverse("zigbee-join", args=[gateway]), {"do": "start"}),
        (reverse("zigbee-share", args=[gateway]), {"minutes": "60"}),
        (reverse("zigbee-accept", args=[claim]), {}),
        (reverse("zigbee-refuse", args=[claim]), {}),
        (reverse("zigbee-rename", args=[node]), {"name": "x"}),
        (reverse("zigbee-remove", args=[node]), {}),
    ]


class TestPages:
    def test_show_the_network(self, zigbee, accept, client_for):
        zigbee.start(plug(), sensor())
        accept(SENSOR)
        zigbee.say("Door/availability", b"online", seconds=1)

        page = client_for(zigbee.team.owner).get(reverse("zigbee", args=[zigbee.gateway.id]))

        text = page.content.decode()
        assert page.status_code == 200
        for word in ("Innr SP 240", "Smart plug", "Answered", "Door", "Available", "Accept"):
            assert word in text

    def test_the_gateways_are_listed(self, zigbee, client_for):
        zigbee.start()

        page = client_for(zigbee.team.viewer).get(reverse("zigbee-networks"))

        assert zigbee.gateway.name in page.content.decode()

    def test_who_may_only_look_gets_no_buttons(self, zigbee, accept, client_for):
        zigbee.start(plug(), sensor())
        accept(SENSOR)
        browser = client_for(zigbee.team.viewer)

        for address, posted in page_calls(zigbee):
            answer = browser.get(address) if posted is None else browser.post(address, posted)
            assert answer.status_code == (200 if posted is None else 403)
            assert b'name="do"' not in answer.content
            assert b"confirm__box" not in answer.content
        assert zigbee.asked() == []

    def test_other_tenants_find_nothing(self, zigbee, accept, blue, client_for):
        zigbee.start(plug(), sensor())
        accept(SENSOR)
        browser = client_for(blue.owner)

        for address, posted in page_calls(zigbee):
            answer = browser.get(address) if posted is None else browser.post(address, posted)
            assert answer.status_code in {302, 404}
        assert zigbee.asked() == []
        assert zigbee.claim().state == "open"

    def test_do_what_they_say(self, zigbee, accept, client_for):
        zigbee.start(plug(), sensor())
        accept(SENSOR)
        browser = client_for(zigbee.team.owner)

        for address, posted in page_calls(zigbee)[2:5]:
            assert browser.post(address, posted).status_code in {200, 302}

        assert zigbee.claim().state in {"accepted", "open"}


class TestApi:
    @pytest.fixture
    def api(self, zigbee, client_for):
        return client_for(zigbee.team.owner)

    def test_reads_the_network(self, zigbee, accept, api):
        zigbee.start(plug(), sensor())
        accept(SENSOR)

        body = api.get(f"/api/v1/gateways/{zigbee.gateway.id}/zigbee").json()

        assert body["bridge"]["is_online"] is True
        assert [claim["model"] for claim in body["waiting"]] == ["SP 240"]
        assert [node["friendly_name"] for node in body["devices"]] == ["Door"]

    def test_lets_devices_join(self, zigbee, api):
        zigbee.start()
        address = f"/api/v1/gateways/{zigbee.gateway.id}/zigbee/permit-join"

        for seconds, status in ((60, 202), (255, 400), ("x", 400)):
            answer = api.post(address, {"seconds": seconds}, content_type="application/json")
            assert answer.status_code == status
        wrong = api.post(address, {"seconds": 1, "x": 1}, content_type="application/json")
        assert wrong.json()["code"] == "unknown_field"
        assert [content["time"] for _what, content in zigbee.asked()] == [60]

    def test_accepts_renames_and_removes(self, zigbee, api):
        zigbee.start(plug())
        claim, node = zigbee.claim().id, f"/api/v1/zigbee/nodes/{zigbee.node().id}"

        made = api.post(f"/api/v1/zigbee/claims/{claim}/accept", {"name": "Fridge"},
                        content_type="application/json")  # fmt: skip
        assert (made.status_code, made.json()["name"]) == (201, "Fridge")
        body = {"friendly_name": "Cold room"}
        assert api.patch(node, body, content_type="application/json").status_code == 202
        assert api.delete(node).status_code == 202
        assert [what for what, _content in zigbee.asked()] == ["device/rename", "device/remove"]

    def test_refuses(self, zigbee, api):
        zigbee.start(plug())
        address = f"/api/v1/zigbee/claims/{zigbee.claim().id}/refuse"

        assert api.post(address, {}, content_type="application/json").status_code == 202
        assert api.post(address, {}, content_type="application/json").status_code == 404

    def test_other_tenants_find_nothing(self, zigbee, blue, client_for):
        zigbee.start(plug())
        api = client_for(blue.owner)

        base = f"/api/v1/gateways/{zigbee.gateway.id}/zigbee"
        calls = [
            api.get(base),
            api.post(f"{base}/permit-join", {"seconds": 9}, content_type="application/json"),
            api.post(f"{base}/pairing-tokens", {"minutes": 9}, content_type="application/json"),
            api.post(f"/api/v1/zigbee/claims/{zigbee.claim().id}/accept", {},
                     content_type="application/json"),
            api.delete(f"/api/v1/zigbee/nodes/{zigbee.node().id}"),
        ]  # fmt: skip

        assert {answer.status_code for answer in calls} == {404}
