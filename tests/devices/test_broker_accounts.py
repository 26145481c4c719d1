"""Accounts on a real broker, judged by what it delivers.

A broker acknowledges publishes and subscriptions that it then ignores, so neither
proves anything.
"""

import uuid

import pytest
from django.conf import settings

from devices.services.broker_accounts import (
    NotDirect,
    apply_grants,
    device_grant,
    device_topics,
    gateway_grant,
    gateway_topics,
    grant_device,
    grant_gateway,
    revoke,
)
from devices.services.gateways import UnusableIdentifier
from tests.devices.mqtt_clients import Refused, TestClient
from tests.factories import DeviceFactory, GatewayFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker"),
]
PASSWORD = "a long enough password"


@pytest.fixture
def gateway(red):
    gateway = GatewayFactory(tenant=red.tenant, uid=f"gw-{uuid.uuid4().hex[:8]}")
    yield gateway
    revoke(gateway.uid)


@pytest.fixture
def foreign_gateway(blue):
    gateway = GatewayFactory(tenant=blue.tenant, uid=f"gw-{uuid.uuid4().hex[:8]}")
    yield gateway
    revoke(gateway.uid)


@pytest.fixture
def direct_device(red):
    device = DeviceFactory(tenant=red.tenant, gateway=None)
    yield device
    revoke(str(device.id))


def platform():
    return TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD)


def test_a_gateway_publishes_its_own_readings(gateway):
    grant_gateway(gateway=gateway, password=PASSWORD)
    prefix = gateway_topics(gateway)
    allowed = [
        f"{prefix}/data/device/m1",
        f"{prefix}/data/timeseries",
        f"{prefix}/telemetry",
        f"{prefix}/telemetry/m1",
        f"{prefix}/reported/status",
        f"{prefix}/evt/alarm",
    ]

    with platform() as listener, TestClient(gateway.uid, PASSWORD) as client:
        listener.subscribe(f"{prefix}/#")
        for topic in allowed:
            client.publish(topic)

        assert listener.take_until(allowed[-1]) == allowed[:-1]


def test_a_gateway_publishes_nothing_else(gateway, foreign_gateway):
    grant_gateway(gateway=gateway, password=PASSWORD)
    own = gateway_topics(gateway)
    sentinel = f"{own}/telemetry"
    foreign = [
        f"{gateway_topics(foreign_gateway)}/telemetry",
        f"tenant/{gateway.tenant_id}/gw/{foreign_gateway.uid}/telemetry",
        f"tenant/{foreign_gateway.tenant_id}/gw/{gateway.uid}/telemetry",
        f"{own}/down/config",
        f"{own}",
        "devices/1/temperature",
        "$CONTROL/dynamic-security/v1",
    ]

    with platform() as listener, TestClient(gateway.uid, PASSWORD) as client:
        for topic in ("tenant/#", "devices/#"):
            listener.subscribe(topic)
        for topic in foreign:
            client.publish(topic)
        client.publish(sentinel)

        # other tests share the broker, so further topics may come
        assert not set(foreign) & set(listener.take_until(sentinel))


@pytest.mark.parametrize(
    "filter_", ["#", "tenant/#", "+/+/+/+/down/#", "$SYS/#", "{foreign}/down/#"]
)
def test_a_gateway_listens_to_nobody_else(gateway, foreign_gateway, filter_):
    grant_gateway(gateway=gateway, password=PASSWORD)
    own, foreign = gateway_topics(gateway), gateway_topics(foreign_gateway)

    with platform() as sender, TestClient(gateway.uid, PASSWORD) as client:
        client.subscribe(filter_.format(foreign=foreign))
        client.subscribe(f"{own}/down/#")
        sender.publish(f"{foreign}/down/config")
        sender.publish(f"{foreign}/telemetry")
        sender.publish(f"{own}/down/end")

        assert client.take_until(f"{own}/down/end") == []


def test_a_gateway_receives_its_orders(gateway):
    grant_gateway(gateway=gateway, password=PASSWORD)
    topic = f"{gateway_topics(gateway)}/down/config"

    with platform() as sender, TestClient(gateway.uid, PASSWORD) as client:
        client.subscribe(f"{gateway_topics(gateway)}/down/#")
        sender.publish(topic)

        assert client.take_until(topic) == []


def test_a_direct_device_publishes_its_own_metrics_only(direct_device, red):
    other = DeviceFactory(tenant=red.tenant, gateway=None)
    grant_device(device=direct_device, password=PASSWORD)
    sentinel = f"{device_topics(direct_device)}/temperature"
    foreign = [
        f"{device_topics(other)}/temperature",
        f"{device_topics(direct_device)}/down/config",
    ]

    with platform() as listener, TestClient(str(direct_device.id), PASSWORD) as client:
        listener.subscribe("devices/#")
        for topic in foreign:
            client.publish(topic)
        client.publish(sentinel)

        assert not set(foreign) & set(listener.take_until(sentinel))


def test_granting_again_replaces_the_password(gateway):
    grant_gateway(gateway=gateway, password="first password")
    grant_gateway(gateway=gateway, password=PASSWORD)
    topic = f"{gateway_topics(gateway)}/telemetry"

    with pytest.raises(Refused), TestClient(gateway.uid, "first password"):
        pass
    with platform() as listener, TestClient(gateway.uid, PASSWORD) as client:
        listener.subscribe(topic)
        client.publish(topic)

        assert listener.take_until(topic) == []


def test_revoking_ends_the_session_and_the_account(gateway):
    grant_gateway(gateway=gateway, password=PASSWORD)

    with TestClient(gateway.uid, PASSWORD) as client:
        revoke(gateway.uid)

        assert client.disconnected.wait(20)
    with pytest.raises(Refused), TestClient(gateway.uid, PASSWORD):
        pass


def test_revoking_twice_is_fine(gateway):
    revoke(gateway.uid)
    revoke(gateway.uid)


def test_many_accounts_are_made_at_once(red):
    gateways = [GatewayFactory(tenant=red.tenant, uid=f"gw-{uuid.uuid4().hex}") for _ in range(30)]
    try:
        apply_grants(grants=[gateway_grant(gateway, PASSWORD) for gateway in gateways])

        with TestClient(gateways[-1].uid, PASSWORD):
            pass
    finally:
        for gateway in gateways:
            revoke(gateway.uid)


@pytest.mark.parametrize("uid", ["platform", "admin", "0190f0e2-1111-7abc-8def-0123456789ab"])
def test_refuses_names_of_other_accounts(red, uid):
    gateway = GatewayFactory(tenant=red.tenant, uid=uid)

    with pytest.raises(UnusableIdentifier):
        gateway_grant(gateway, PASSWORD)


def test_refuses_a_device_behind_a_gateway(red):
    device = DeviceFactory(tenant=red.tenant)

    with pytest.raises(NotDirect):
        device_grant(device, PASSWORD)
