"""A box out of the carton, on a real broker with the real programs."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tenancy import all_tenants
from devices.models import Claim, ClaimState, Device, OutboundMessage, PendingDevice
from devices.services.broker_accounts import grant_bootstrap
from devices.services.claim_ends import expire_claims
from telemetry.models import LatestValue
from tests.conftest import Team
from tests.devices.mqtt_clients import TestClient
from tests.factories import DeviceProfileFactory, ProfileChannelFactory, SiteFactory
from tests.flows.conftest import manage, stop, wait_until
from tests.pace import assert_within
from tests.pki.clients import CertificateClient, Refused
from tests.pki.conftest import Broker, broker, running_broker  # noqa: F401 (fixtures)
from tests.provisioning.conftest import Box

LIMIT_SECONDS = 10.0
NAMES = (
    "MQTT_HOST", "MQTT_PORT", "MQTT_USERNAME", "MQTT_PASSWORD", "MQTT_CA_FILE",
    "MQTT_EXTERNAL_HOST", "MQTT_EXTERNAL_PORT", "BROKER_CRL_FILE", "BROKER_RELOAD",
)  # fmt: skip
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def programs(
    broker: Broker,  # noqa: F811
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[None]:
    """Run listener and worker on the broker of these tests."""
    env = broker.stack.env
    for name in NAMES:
        monkeypatch.setenv(name, env[name])
    settings.MQTT_CA_FILE = env["MQTT_CA_FILE"]
    settings.MQTT_EXTERNAL_HOST = env["MQTT_EXTERNAL_HOST"]
    settings.MQTT_EXTERNAL_PORT = int(env["MQTT_EXTERNAL_PORT"])
    settings.BOOTSTRAP_MQTT_PASSWORD = f"boot-{os.urandom(8).hex()}"
    grant_bootstrap()
    instance, log = f"claim-{uuid.uuid4().hex[:8]}", tmp_path / "programs.log"
    running = [
        manage("run_mqtt_listener", "--instance", instance, output=log),
        manage("run_ingest_worker", "--instance", instance, output=log),
    ]
    try:
        wait_until(lambda: _is_heard(settings), f"a way through, see {log}")
        yield
    finally:
        for program in running:
            stop(program)


def _is_heard(settings: Any) -> bool:
    """Say hello as a probe; tell whether the worker has heard it."""
    probe = Box(mac="000000000001")
    with TestClient("bootstrap", settings.BOOTSTRAP_MQTT_PASSWORD) as client:
        client.publish(f"/bootstrap/{probe.mac}/hello", hello_of(probe))
    time.sleep(0.5)
    return PendingDevice.objects.filter(hardware_id=probe.hardware_id).exists()


def hello_of(box: Box) -> str:
    """Return what a box says of itself."""
    said = {"model": "meter-x", "fw": "1.4.0", "serial": "SN-1", "csr": box.csr}
    return json.dumps({**said, "code_sha256": box.code_sha256})


def next_message(client: TestClient, state: str) -> dict[str, Any]:
    """Return the next message of a state that a box is told."""
    while True:
        _topic, payload = client.received.get(timeout=60)
        told: dict[str, Any] = json.loads(payload)
        if told["state"] == state:
            return told


def connect(told: dict[str, Any], box: Box, folder: Path) -> CertificateClient:
    """Return an unopened connection with what the box was told, and its own key."""
    for name, text in (("ca", told["ca"]), ("crt", told["certificate"]), ("key", box.key_pem())):
        (folder / f"box.{name}").write_text(text)
    return CertificateClient(
        told["mqtt"]["port"], folder / "box.ca", folder / "box.crt", folder / "box.key"
    )


def claim_over_api(client: Client, team: Team, box: Box, *, is_gateway: bool) -> str:
    """Claim a box as an installer; return the claim's id."""
    profile = DeviceProfileFactory(is_gateway=is_gateway)
    ProfileChannelFactory(profile=profile, name="active_power_import", source="power")
    body = {
        "hardware_id": box.mac, "code": box.code, "name": "Meter", "profile": profile.key,
        "site": str(SiteFactory(tenant=team.tenant).id),
    }  # fmt: skip
    answer = client.post("/api/v1/provisioning/claims", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


@pytest.mark.parametrize("is_gateway", [False, True])
def test_from_the_carton_to_the_first_reading(
    red: Team,
    programs: None,
    settings: Any,
    client_for: Callable[[User], Client],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    is_gateway: bool,
) -> None:
    box = Box(mac=os.urandom(6).hex().upper())
    installer = client_for(red.owner)
    with TestClient("bootstrap", settings.BOOTSTRAP_MQTT_PASSWORD) as client:
        client.subscribe(f"/bootstrap/{box.mac}/claim")
        client.publish(f"/bootstrap/{box.mac}/hello", hello_of(box))
        wait_until(
            lambda: PendingDevice.objects.filter(hardware_id=box.hardware_id).exists(), "hello"
        )
        began = time.monotonic()
        claim_id = claim_over_api(installer, red, box, is_gateway=is_gateway)
        next_message(client, "claimed")
        client.publish(f"/bootstrap/{box.mac}/claim_ready", "{}")
        told = next_message(client, "delivered")
    assert "key" not in told
    with connect(told, box, tmp_path) as own:
        own.publish(told["topics"]["ownership_ack"], json.dumps({"status": "accepted"}))
        if is_gateway:
            reading = json.dumps({"ts": int(time.time() * 1000), "values": {"power": 1500.0}})
            own.publish(f"{told['topics']['prefix']}/telemetry", reading)
        else:
            own.publish(f"{told['topics']['prefix']}/power", "1500.0")

        def is_shown() -> bool:
            steps = installer.get(f"/provisioning/claims/{claim_id}/steps").json()
            return bool(steps["is_over"])

        wait_until(is_shown, "all steps")
    took = time.monotonic() - began
    record_property("seconds", round(took, 2))
    assert_within(took, LIMIT_SECONDS)
    with red.scope():
        assert Claim.objects.get().state == ClaimState.OWNED
        assert Device.objects.get(id=told["device_id"]).lifecycle == "active"
        assert LatestValue.objects.filter(value=1.5).exists()


def test_an_abandoned_box_is_out_again(
    red: Team,
    programs: None,
    settings: Any,
    client_for: Callable[[User], Client],
    tmp_path: Path,
) -> None:
    box = Box(mac=os.urandom(6).hex().upper())
    with TestClient("bootstrap", settings.BOOTSTRAP_MQTT_PASSWORD) as client:
        client.subscribe(f"/bootstrap/{box.mac}/claim")
        client.publish(f"/bootstrap/{box.mac}/hello", hello_of(box))
        wait_until(
            lambda: PendingDevice.objects.filter(hardware_id=box.hardware_id).exists(), "hello"
        )
        claim_over_api(client_for(red.owner), red, box, is_gateway=False)
        client.publish(f"/bootstrap/{box.mac}/claim_ready", "{}")
        told = next_message(client, "delivered")
    own = connect(told, box, tmp_path)
    with own:
        with all_tenants():
            Claim.objects.update(expires_at=timezone.now())
        assert expire_claims(now=timezone.now()) == 1
        assert own.disconnected.wait(3)
    with pytest.raises(Refused), connect(told, box, tmp_path):
        pass


def test_the_shared_account_says_and_hears_nothing_else(programs: None, settings: Any) -> None:
    with (
        TestClient("bootstrap", settings.BOOTSTRAP_MQTT_PASSWORD) as thief,
        TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as platform,
    ):
        for wildcard in ("#", "/bootstrap/+/hello", "tenant/#", "devices/#", "$SYS/#"):
            thief.subscribe(wildcard)
        platform.subscribe("#")
        box = Box(mac="0000000000AA")
        platform.publish(f"/bootstrap/{box.mac}/hello", hello_of(box))
        thief.publish(f"/bootstrap/{box.mac}/claim", "{}")
        thief.publish(f"devices/{uuid.uuid4()}/power", "1")
        thief.publish("/bootstrap/x/claim_ready", "end")
        seen = platform.take_until("/bootstrap/x/claim_ready")
        assert not [topic for topic in seen if topic.startswith("devices/")]
        assert not [topic for topic in seen if topic.endswith("/claim")]
        assert thief.received.empty()
    assert not OutboundMessage.objects.filter(topic__startswith="devices/").exists()
