"""A broker of its own: these tests write its list of revoked certificates."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings as django_settings
from django.utils import timezone

from devices.models import Device
from devices.pki.authority import key_pem_of
from devices.services.authorities import create_authority, import_authority
from devices.services.certificates import Issued, issue_certificate
from devices.services.revocation_list import publish_list
from tests.factories import DeviceFactory, GatewayFactory
from tests.pki.clients import CertificateClient, request_for
from tools.embedded import Stack

NOT_OURS = ("DATABASE_URL", "REDIS_DURABLE_URL", "REDIS_EPHEMERAL_URL")


@dataclasses.dataclass(frozen=True, slots=True)
class Broker:
    """A running mosquitto whose authority the platform took over."""

    stack: Stack
    folder: Path

    @property
    def tls_port(self) -> int:
        return int(self.stack.env["MQTT_EXTERNAL_PORT"])

    @property
    def ca_file(self) -> Path:
        return self.stack.authority.folder / "ca.crt"

    @property
    def crl_file(self) -> Path:
        return Path(self.stack.env["BROKER_CRL_FILE"])


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A device with an account, and the files it connects with."""

    device: Device
    issued: Issued
    cert_file: Path
    key_file: Path

    @property
    def username(self) -> str:
        return self.issued.certificate.common_name

    @property
    def serial(self) -> str:
        return self.issued.certificate.serial


@pytest.fixture(scope="session")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start mosquitto once for these tests."""
    if not django_settings.HAS_BROKER:
        pytest.skip("MQTT_HOST is not set: these tests need ./run test")
    folder = tmp_path_factory.mktemp("broker")
    external = {name: os.environ[name] for name in NOT_OURS}
    with Stack(folder, external=external) as stack:
        yield Broker(stack, folder)


@pytest.fixture
def broker(running_broker: Broker, settings: Any, db: None) -> Broker:
    """Point the platform to that broker and give it the authority."""
    env = running_broker.stack.env
    for name in ("MQTT_HOST", "MQTT_USERNAME", "MQTT_PASSWORD", "BROKER_CRL_FILE", "BROKER_RELOAD"):
        setattr(settings, name, env[name])
    settings.MQTT_PORT = int(env["MQTT_PORT"])
    folder = running_broker.stack.authority.folder
    import_authority(
        certificate_pem=(folder / "ca.crt").read_text(),
        key_pem=(folder / "ca.key").read_text(),
        now=timezone.now(),
    )
    publish_list(now=timezone.now())
    return running_broker


@pytest.fixture
def make_box(broker: Broker, tmp_path: Path, django_capture_on_commit_callbacks: Any) -> Any:
    """Return a function that makes a gateway box of a team, or a direct one, with files."""

    def make(team: Any, *, is_direct: bool = False, **kwargs: Any) -> Box:
        if is_direct:
            device = DeviceFactory(tenant=team.tenant, gateway=None)
        else:
            gateway = GatewayFactory(tenant=team.tenant, uid=f"gw-{os.urandom(4).hex()}")
            device = DeviceFactory(gateway=gateway, uid=gateway.uid)
        with team.scope(), django_capture_on_commit_callbacks(execute=True):
            return give_files(tmp_path, device, **kwargs)

    return make


def give_files(folder: Path, device: Device, **kwargs: Any) -> Box:
    """Let a box make its key and ask for a certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = issue_certificate(
        device=device, now=timezone.now(), csr_pem=request_for(key), **kwargs
    )
    cert_file = folder / f"{issued.certificate.serial}.crt"
    key_file = cert_file.with_suffix(".key")
    cert_file.write_text(issued.certificate.pem)
    key_file.write_text(key_pem_of(key))
    return Box(device, issued, cert_file, key_file)


@pytest.fixture
def connect(broker: Broker) -> Iterator[Any]:
    """Return a function that connects with a box's files; all are closed afterwards."""
    with ExitStack() as clients:

        def open_client(box: Box, **kwargs: Any) -> CertificateClient:
            client = CertificateClient(
                broker.tls_port, broker.ca_file, box.cert_file, box.key_file, **kwargs
            )
            return clients.enter_context(client)

        yield open_client


@pytest.fixture
def soon() -> dt.datetime:
    """The clock: certificates are judged by a broker that has the real one."""
    return timezone.now()


@pytest.fixture
def authority(now):
    return create_authority(now=now)


@pytest.fixture
def scope(red):
    with red.scope():
        yield


@pytest.fixture
def gateway_box(authority, red, scope):
    gateway = GatewayFactory(tenant=red.tenant, uid="gw-one")
    return DeviceFactory(gateway=gateway, uid="gw-one")


@pytest.fixture
def direct_box(authority, red, scope):
    return DeviceFactory(tenant=red.tenant, gateway=None)
