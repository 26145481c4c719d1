"""The demo's gateways get certificates of the platform, and a revoked one stays revoked."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from devices.demo.certificates import issue_demo_certificates
from devices.models import RevocationReason
from devices.services.authorities import create_authority
from devices.services.revocation import shut_out_box
from tests.factories import DeviceFactory, GatewayFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_device(red, now):
    create_authority(now=now)
    gateway = GatewayFactory(tenant=red.tenant, uid="gw-demo")
    return DeviceFactory(gateway=gateway, uid="gw-demo")


def entry_of(device):
    return {
        "tenant": str(device.tenant_id), "id": str(device.gateway_id), "uid": device.uid,
        "username": device.uid, "cert_file": "", "key_file": "",
    }  # fmt: skip


def issue(device, folder, now, entry=None):
    [found] = issue_demo_certificates([entry or entry_of(device)], folder=folder, now=now)
    return found


def test_a_gateway_gets_a_certificate_of_its_own_and_keeps_it(own_device, tmp_path, now):
    first = issue(own_device, tmp_path, now)
    again = issue(own_device, tmp_path, now, first)

    found = x509.load_pem_x509_certificate(Path(first["cert_file"]).read_bytes())
    name = found.subject.rfc4514_string()
    assert name == "CN=gw-demo"
    assert again == first


def test_it_is_renewed_in_its_last_month(own_device, tmp_path, now):
    first = issue(own_device, tmp_path, now)
    before = Path(first["cert_file"]).read_bytes()

    again = issue(own_device, tmp_path, now + dt.timedelta(days=340), first)

    assert Path(again["cert_file"]).read_bytes() != before


def test_a_revoked_gateway_stays_out_after_another_start(own_device, red, tmp_path, now):
    first = issue(own_device, tmp_path, now)
    with red.scope():
        shut_out_box(device=own_device, reason=RevocationReason.KEY_COMPROMISE, now=now)

    assert issue(own_device, tmp_path, now, first) == first
    with red.scope():
        assert own_device.certificates.filter(revoked_at=None).count() == 0
