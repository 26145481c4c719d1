"""The endpoints that EMQX asks: by secret and address, and the same verdicts as mosquitto."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from devices.models import Lifecycle, RevocationReason
from devices.services.authorities import create_authority
from devices.services.certificates import issue_certificate
from devices.services.revocation import shut_out_box
from tests.factories import DeviceFactory, GatewayFactory

pytestmark = pytest.mark.django_db
TOKEN = "a secret of broker and platform"
AUTH, ACL = "/api/v1/broker/auth", "/api/v1/broker/acl"


@pytest.fixture(autouse=True)
def secrets(settings):
    settings.BROKER_HTTP_TOKEN = TOKEN
    settings.MQTT_USERNAME, settings.MQTT_PASSWORD = "platform", "platform's own"
    settings.BOOTSTRAP_MQTT_PASSWORD = "for unclaimed boxes"


@pytest.fixture
def box(red):
    create_authority(now=timezone.now())
    with red.scope():
        gateway = GatewayFactory(tenant=red.tenant, uid="gw-hook")
        device = DeviceFactory(gateway=gateway, uid="gw-hook")
        issue_certificate(device=device, now=timezone.now())
    return device


def ask(client, path, body, *, token=TOKEN, **extra):
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post(path, raw, content_type="application/json", headers=headers, **extra)


def connection(name="gw-hook", **fields):
    return {"username": name, "clientid": name, "cert_common_name": name, **fields}


def verdict(client, path, body):
    return ask(client, path, body).json()["result"]


def test_lets_a_box_in_with_its_certificate(box, client):
    answer = ask(client, AUTH, connection()).json()

    assert answer == {"result": "allow", "is_superuser": False}


@pytest.mark.parametrize(
    "body",
    [
        connection(clientid="other"), connection(cert_common_name=""),
        connection(cert_common_name="other"), connection("gw-hook "), connection("GW-HOOK"),
        connection("#"), connection(""), connection("nobody"), {"username": "gw-hook"}, {},
    ],
)  # fmt: skip
def test_lets_nobody_else_in(body, box, client):
    assert verdict(client, AUTH, body) == "deny"


def test_platform_and_unclaimed_boxes_come_with_a_password(client):
    def come(name, password):
        return ask(client, AUTH, {"username": name, "password": password}).json()

    assert come("platform", "platform's own") == {"result": "allow", "is_superuser": True}
    assert come("bootstrap", "for unclaimed boxes") == {"result": "allow", "is_superuser": False}
    for name in ("platform", "bootstrap"):
        for wrong in ("", "x"):
            assert come(name, wrong) == {"result": "deny", "is_superuser": False}


def test_without_a_password_of_its_own_the_account_of_unclaimed_boxes_is_closed(client, settings):
    settings.BOOTSTRAP_MQTT_PASSWORD = ""

    assert verdict(client, AUTH, {"username": "bootstrap", "password": ""}) == "deny"


def test_a_revoked_box_is_out(box, red, client):
    with red.scope():
        shut_out_box(device=box, reason=RevocationReason.PRIVILEGE, now=timezone.now())

    assert verdict(client, AUTH, connection()) == "deny"
    topic = f"tenant/{red.tenant.id}/gw/gw-hook/telemetry"
    question = {"username": "gw-hook", "action": "publish", "topic": topic}
    assert verdict(client, ACL, question) == "deny"


@pytest.mark.parametrize(
    ("action", "topic", "expected"),
    [
        ("publish", "{own}/telemetry", "allow"),
        ("publish", "{own}/data/device/m", "allow"),
        ("publish", "{own}/down/config", "deny"),
        ("publish", "tenant/x/gw/gw-hook/telemetry", "deny"),
        ("publish", "{own}/data/#", "deny"),
        ("subscribe", "{own}/down/#", "allow"),
        ("subscribe", "#", "deny"),
        ("subscribe", "tenant/+/gw/gw-hook/down/#", "deny"),
        ("subscribe", "$share/g/{own}/down/#", "deny"),
        ("subscribe", "$SYS/#", "deny"),
        ("drink", "{own}/telemetry", "deny"),
    ],
)
def test_topics_are_judged_as_by_mosquitto(action, topic, expected, box, red, client):
    own = f"tenant/{red.tenant.id}/gw/gw-hook"
    question = {"username": "gw-hook", "action": action, "topic": topic.format(own=own)}

    assert verdict(client, ACL, question) == expected


def test_unclaimed_boxes_say_hello_only(client):
    def may(action, topic):
        return verdict(client, ACL, {"username": "bootstrap", "action": action, "topic": topic})

    assert may("publish", "/bootstrap/aa/hello") == "allow"
    assert may("subscribe", "/bootstrap/aa/claim") == "allow"
    assert may("subscribe", "/bootstrap/+/hello") == "deny"


@pytest.mark.parametrize("path", [AUTH, ACL])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x"])
def test_without_the_secret_there_is_nothing(path, token, client, box):
    answer = ask(client, path, connection(), token=token)

    assert answer.status_code in {401, 404}
    assert b"result" not in answer.content


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.1", ""])
def test_from_another_address_there_is_nothing(address, client, box):
    answer = ask(client, AUTH, connection(), REMOTE_ADDR=address)

    assert answer.status_code in {401, 404}
    assert b"allow" not in answer.content


def test_without_a_secret_in_the_settings_the_door_is_shut(client, box, settings):
    settings.BROKER_HTTP_TOKEN = ""

    assert b"allow" not in ask(client, AUTH, connection(), token="").content
    assert b"allow" not in ask(client, AUTH, connection(), token=" ").content


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"username": 5}', b"\xff", b"[" * 9000])
def test_what_cannot_be_read_is_denied(raw, client):
    answer = ask(client, AUTH, raw)

    assert (answer.status_code, answer.json()["result"]) == (400, "deny")


def test_only_posts_are_answered(client):
    answer = client.get(AUTH, headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 405


def test_a_device_without_a_certificate_is_no_client(red, client):
    device = DeviceFactory(tenant=red.tenant, gateway=None, lifecycle=Lifecycle.ACTIVE)

    assert verdict(client, AUTH, connection(str(device.id))) == "deny"
