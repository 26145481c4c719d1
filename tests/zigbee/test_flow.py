"""From the button on the page to a stored sample, over the real broker."""

import json

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse

from devices.models import PendingZigbeeClaim, ZigbeeBridge
from devices.services.broker_accounts import apply_grants, gateway_grant, revoke
from telemetry.models import RejectedMessage
from tests.conftest import make_team
from tests.devices.mqtt_clients import TestClient
from tests.factories import GatewayFactory
from tests.flows.conftest import broker, complaints, pipeline, programs  # noqa: F401
from tests.zigbee.conftest import PLUG, plug

pytestmark = pytest.mark.skipif(not settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker")
PASSWORD = "zigbee gateway"


@pytest.fixture
def box(pipeline):  # noqa: F811
    """Return a team, its gateway, and the gateway's own connection."""
    team = make_team("zigbee")
    gateway = GatewayFactory(tenant=team.tenant, uid="gw-zigbee-flow")
    with team.scope():
        apply_grants(grants=[gateway_grant(gateway, PASSWORD)])
    with TestClient(gateway.uid, PASSWORD) as client:
        yield team, gateway, client
    revoke(gateway.uid)


def samples():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.name, c.unit, s.value FROM telemetry_sample s"
            " JOIN devices_channel c ON c.id = s.channel_id ORDER BY c.name, s.time"
        )
        return cursor.fetchall()


@pytest.mark.django_db(transaction=True)
def test_a_plug_is_paired_and_measures(box, pipeline, client_for):  # noqa: F811
    team, gateway, client = box
    base = f"tenant/{team.tenant.id}/gw/{gateway.uid}/zigbee2mqtt"

    def say(name, document):
        client.publish(f"{base}/{name}", json.dumps(document))

    browser = client_for(team.owner)
    client.subscribe(f"{base}/bridge/request/#")
    say("bridge/state", {"state": "online"})
    say("bridge/devices", [])
    pipeline()

    browser.post(reverse("zigbee-join", args=[gateway.id]), {"do": "start"})
    topic, payload = client.received.get(timeout=60)
    asked = json.loads(payload)
    assert (topic, asked["time"]) == (f"{base}/bridge/request/permit_join", 254)
    say("bridge/response/permit_join", {
        "status": "ok", "data": {"time": 254}, "transaction": asked["transaction"],
    })  # fmt: skip
    data = {"ieee_address": PLUG, "friendly_name": PLUG}
    say("bridge/event", {"type": "device_joined", "data": data})
    say("bridge/event", {"type": "device_interview", "data": {
        **data, "status": "successful", "supported": True, "definition": plug()["definition"],
    }})  # fmt: skip
    pipeline()

    page = browser.get(reverse("zigbee", args=[gateway.id])).content.decode()
    assert "Innr SP 240" in page and "data-seconds-left" in page
    with team.scope():
        claim = PendingZigbeeClaim.objects.get()
        assert ZigbeeBridge.objects.get().permit_join_until is not None
    browser.post(reverse("zigbee-accept", args=[claim.id]), {"name": "Fridge"})

    state = {"power": 49.6, "energy": 0.66, "state": "ON", "linkquality": 48, "update": None,
             "last_seen": "2026-11-20T11:00:00+00:00"}  # fmt: skip
    say(PLUG, state)
    say(PLUG, state)
    pipeline()

    assert samples() == [
        ("active_energy_import", "kWh", 0.66), ("active_power_net", "kW", 0.0496),
        ("linkquality", "lqi", 48.0), ("relay", "", 1.0),
    ]  # fmt: skip
    assert complaints() == []
    say("Nobody", {"power": 1})
    pipeline()
    own = RejectedMessage.objects.filter(tenant_id=team.tenant.id)
    assert list(own.values_list("reason", flat=True)) == ["unknown_device"]
